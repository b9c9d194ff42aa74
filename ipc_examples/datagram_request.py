# SPDX-License-Identifier: 0BSD
"""Repeat a request by datagram until an answer comes.

Run it::

    python datagram_request.py

The child that serves leaves the first request unanswered, as if it were
lost:

.. testcode::

    from ipc_examples.datagram_request import ask_child

    for line in ask_child(b"Half a league?"):
        print(line)

.. testoutput::

    request 1: no answer
    request 2 -->Half a league onward
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Generator, Iterator
from typing import NoReturn

ANSWER = b"Half a league onward"
PATIENCE = 0.5  # seconds to wait for an answer
TRIES = 5
SIZE = 1024


def ask_child(question: bytes) -> Generator[str, None, None]:
    """Fork a server, ask it, and yield a line for each try.

    :raises OSError: if there is no room, or the child failed
    :raises TimeoutError: if no try was answered
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        child = os.fork()
        if child == 0:
            answer_second_and_exit(server)
        try:
            yield from ask(server.getsockname(), question)
        except BaseException:
            os.kill(child, signal.SIGKILL)  # it may be waiting for ever
            raise
        finally:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")


def ask(server: tuple[str, int], question: bytes) -> Iterator[str]:
    """Ask *server* until it answers; yield a line for each try.

    :raises TimeoutError: if no try was answered

    See :manpage:`connect(2)`, :manpage:`recvmsg(2)` and :manpage:`udp(7)`.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(server)  # from now on it hears this server only
        client.settimeout(PATIENCE)
        for number in range(1, TRIES + 1):
            client.send(question)
            try:
                answer, _, flags, _ = client.recvmsg(SIZE)
            except TimeoutError:
                yield f"request {number}: no answer"
                continue
            yield f"request {number} -->{printable(answer)}"
            if flags & socket.MSG_TRUNC:
                yield f"request {number}: answer cut to {SIZE} bytes"
            return
    raise TimeoutError(f"no answer to {TRIES} requests")


def printable(answer: bytes) -> str:
    """Return *answer* as text, its control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = answer.decode(encoding, "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def answer_second_and_exit(server: socket.socket) -> NoReturn:
    """In the child: leave one request unanswered, answer the next."""
    status = 1
    try:
        server.settimeout(TRIES * PATIENCE)  # then nobody asks any more
        server.recvfrom(SIZE)
        _, client = server.recvfrom(SIZE)
        server.sendto(ANSWER, client)
        status = 0
    except OSError as error:
        print(f"datagram_request: child: {error}", file=sys.stderr)
    finally:
        os._exit(status)


def main() -> int:
    """Print what became of each try; return the exit status."""
    parent = os.getpid()

    def stop(number: int, _frame: object) -> None:
        if os.getpid() == parent:
            sys.exit(128 + number)
        os._exit(128 + number)  # not by way of the parent's code

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    argparse.ArgumentParser(description="Ask, and ask again.").parse_args()
    try:
        with contextlib.closing(ask_child(b"Half a league?")) as lines:
            for line in lines:
                print(line, flush=True)
    except OSError as error:
        print(f"datagram_request: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
