# SPDX-License-Identifier: 0BSD
"""Ask by datagrams that may be lost, and have each request done once.

Run it::

    python reliable_request.py

A child is the server. Each request takes it half a league onward:

.. testcode::

    from ipc_examples.reliable_request import ask_child

    print(ask_child([b"onward", b"onward"]))

.. testoutput::

    try 1 -->b'0.5 leagues'
    try 1 -->b'1.0 leagues'
    [b'0.5 leagues', b'1.0 leagues']
"""

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from multiprocessing.connection import wait
from secrets import SystemRandom, token_hex

TIMEOUT, LONGEST = 1.0, 60.0  # seconds: limits of a wait, before jitter
HEAD, LARGEST = 17, 1200  # bytes: "?" or "!", and the number; a request
TRIES = 5
KEPT = 10_000  # answers


class RoundTrip:
    """How long an answer takes, in seconds, estimated as RFC 6298 says.

    If none has come in ``timeout``, it is time to ask again.
    """

    timeout, mean, variation = TIMEOUT, 0.0, 0.0

    def add(self, seconds: float) -> None:
        """Learn from one more round trip, which took *seconds*."""
        if not self.mean:
            self.mean, self.variation = seconds, seconds / 2
        else:
            self.variation += (abs(self.mean - seconds) - self.variation) / 4
            self.mean += (seconds - self.mean) / 8
        self.timeout = max(self.mean + 4 * self.variation, TIMEOUT)


def ask(client: socket.socket, trip: RoundTrip, question: bytes) -> bytes:
    """Send *question* up to TRIES times; print what comes of each try.

    :param client: connected to the server, and used for nothing else
    :param trip: what is known of this server; is brought up to date
    :param question: LARGEST - HEAD bytes at most
    :returns: the answer
    :raises TimeoutError: if no try was answered
    :raises ValueError: if *question* is too long; then nothing is sent

    See :manpage:`connect(2)` and :manpage:`udp(7)`.
    """
    request = b"?" + token_hex(HEAD // 2).encode() + question
    if len(request) > LARGEST:
        raise ValueError(f"a request of {len(request)} bytes is too long")
    for trial in range(1, TRIES + 1):
        began, jitter = time.monotonic(), SystemRandom().uniform(1, 1.5)
        until = began + jitter * min(trip.timeout, LONGEST)
        if datagram := exchange(client, request, until):
            if trial == 1:  # or nobody knows which try it answers
                trip.add(time.monotonic() - began)
            print(f"try {trial} -->{datagram[HEAD:]!r}", flush=True)
            return datagram[HEAD:]
        print(f"try {trial}: no answer", flush=True)
        trip.timeout *= 2
    raise TimeoutError(f"no answer to {TRIES} tries")


def exchange(client: socket.socket, request: bytes, until: float) -> bytes:
    """Send *request* once; return the datagram that answers it.

    :param until: when to stop waiting, in seconds of the monotonic clock
    :returns: the answer and what is before it, or nothing if none comes

    See :manpage:`send(2)` and :manpage:`recv(2)`.
    """
    client.settimeout(TIMEOUT)
    with suppress(OSError):  # what cannot be sent now is lost, as on the way
        client.send(request)
    while client.gettimeout():  # at the end it is 0: a last look
        client.settimeout(max(until - time.monotonic(), 0))
        with suppress(OSError):  # nothing has come; or nobody is there, yet
            datagram = client.recv(65536)
            if datagram[:HEAD] == b"!" + request[1:HEAD]:
                return datagram
    return b""


def serve(server: socket.socket, stop: socket.socket | int) -> None:
    """Answer requests; do what each asks once, however often it comes.

    :param server: bound; nobody else receives from it
    :param stop: a socket or descriptor; readable, it ends the service
    :raises ValueError: if either is a closed socket

    See :manpage:`poll(2)` and :manpage:`recvfrom(2)`.
    """
    leagues, answers = 0.0, dict[bytes, bytes]()
    while stop not in wait([server, stop]):  # select, for any descriptor
        with suppress(OSError):  # a false alarm, or a client without a port
            request, client = server.recvfrom(65536, socket.MSG_DONTWAIT)
            if len(head := request[:HEAD]) < HEAD or head[:1] != b"?":
                continue
            if head not in answers:
                leagues += 0.5  # the work, which must not be done twice
                answers[head] = f"{leagues} leagues".encode()
                if len(answers) > KEPT:
                    del answers[next(iter(answers))]  # the oldest
            server.sendto(b"!" + head[1:] + answers[head], client)


def ask_child(questions: list[bytes]) -> list[bytes]:
    """Fork a server, ask it, and return its answers.

    :raises OSError: if there is no room; its subclasses
        :exc:`TimeoutError` if no try of a question was answered,
        :exc:`ChildProcessError` if the child failed

    See :manpage:`fork(2)` and :manpage:`waitpid(2)`.
    """
    end, childs_end = socket.socketpair()
    with end, childs_end, socket.socket(type=socket.SOCK_DGRAM) as client:
        with socket.socket(type=socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            client.connect(server.getsockname())
            if (child := os.fork()) == 0:
                try:
                    end.close()  # so only the parent holds it
                    serve(server, childs_end)
                    os._exit(0)
                except Exception as error:
                    sys.stderr.write(f"reliable_request: child: {error!r}\n")
                finally:
                    os._exit(1)  # never into the parent's code
        try:
            trip = RoundTrip()
            return [ask(client, trip, question) for question in questions]
        finally:
            end.close()  # the child sees it, and ends
            if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
                raise ChildProcessError(f"child ended with status {status}")


def main() -> None:
    """Ask a child three times."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        ask_child([b"onward"] * 3)
    except OSError as error:
        sys.exit(f"reliable_request: {error}")


if __name__ == "__main__":
    main()
