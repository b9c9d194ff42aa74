# SPDX-License-Identifier: 0BSD
"""Repeat a request by datagram until an answer comes.

Run it::

    python datagram_request.py

The child that serves leaves the first request unanswered, as if it were
lost:

.. testcode::

    from ipc_examples.datagram_request import ask_child

    print(ask_child(b"Half a league?"))

.. testoutput::

    request 1: no answer
    request 2 -->Half a league onward
    b'Half a league onward'
"""

import os
import signal
import socket
import sys
import time
from typing import NoReturn

TIMEOUT = 0.5  # seconds to wait for an answer
TRIES = 5
BUFFER_SIZE = 1024  # bytes
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def ask(server: tuple[str, int], question: bytes) -> bytes:
    """Send *question* up to TRIES times; print what comes of each try.

    :returns: the answer, be it to an earlier try, of which BUFFER_SIZE bytes
        are kept
    :raises TimeoutError: if no try was answered
    :raises OSError: if there is no room for a socket, or the network fails

    See :manpage:`connect(2)`, :manpage:`recvmsg(2)` and :manpage:`udp(7)`.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(server)  # from now on it hears this server only
        client.settimeout(TIMEOUT)
        for trial in range(1, TRIES + 1):
            try:
                client.send(question)
                answer, _, flags, _ = client.recvmsg(BUFFER_SIZE)
            except TimeoutError:
                print(f"request {trial}: no answer", flush=True)
            except ConnectionRefusedError:  # the server may be about to start
                print(f"request {trial}: refused", flush=True)
                time.sleep(TIMEOUT)
            else:
                cut = ", cut" if flags & socket.MSG_TRUNC else ""
                print(f"request {trial}{cut} -->{escaped(answer)}", flush=True)
                return answer
    raise TimeoutError(f"no answer to {TRIES} requests")


def ask_child(question: bytes) -> bytes:
    """Fork a server, ask it, and return its answer.

    :raises OSError: if there is no room; its subclasses
        :exc:`TimeoutError` if no try was answered,
        :exc:`ChildProcessError` if the child failed

    See :manpage:`fork(2)` and :manpage:`waitpid(2)`.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        address = server.getsockname()
        child = os.fork()
        if child == 0:
            answer_second_and_exit(server)
    try:
        answer = ask(address, question)
    except BaseException:
        os.kill(child, signal.SIGKILL)  # it may still wait for a request
        raise
    finally:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    return answer


def answer_second_and_exit(server: socket.socket) -> NoReturn:
    """In the child: leave one request unanswered, answer the next."""
    status = 1
    try:
        server.settimeout(TRIES * TIMEOUT)  # then nobody asks any more
        server.recvfrom(BUFFER_SIZE)
        _, client_address = server.recvfrom(BUFFER_SIZE)
        server.sendto(b"Half a league onward", client_address)
        status = 0
    except Exception as error:
        print(f"datagram_request: child: {error!r}", file=sys.stderr)
    finally:
        os._exit(status)  # never into the parent's code


def escaped(messages: bytes) -> str:
    """Return *messages* as text, a line for each that a NUL ends.

    Control characters are escaped. A backslash is shown as it is.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = messages.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return text.translate(ESCAPES).replace("\0", "\n-->")


def main() -> None:
    """Ask a child until it answers."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        ask_child(b"Half a league?")
    except OSError as error:
        sys.exit(f"datagram_request: {error}")


if __name__ == "__main__":
    main()
