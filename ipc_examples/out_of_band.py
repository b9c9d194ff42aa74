# SPDX-License-Identifier: 0BSD
"""Let one urgent byte overtake the data that was sent before it.

Run it::

    python out_of_band.py

The receiver learns of the byte by a signal, and takes it first:

.. testcode::

    from ipc_examples.out_of_band import receive_from_child

    for line in receive_from_child(b"print all pages", b"!"):
        print(line)

.. testoutput::

    SIGURG
    urgent -->!
    -->print all pages
"""

import argparse
import contextlib
import fcntl
import os
import select
import signal
import socket
import sys
from collections.abc import Generator
from typing import NoReturn

MESSAGE = b"print all pages"
URGENT = b"!"
PATIENCE = 10.0  # seconds to wait for a child that may have died


def receive_from_child(
    ordinary: bytes, urgent: bytes
) -> Generator[str, None, None]:
    """Yield what arrives, in the order in which it is noticed.

    :param ordinary: sent first
    :param urgent: the one byte that is sent after it, out of band
    :raises OSError: if there is no room, or the child failed
    :raises ValueError: if the descriptor is too large for select()

    See :manpage:`tcp(7)`, "Sockets API", and :manpage:`fcntl(2)`, F_SETOWN.
    """
    signals: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        child = os.fork()
        if child == 0:
            send_and_exit(listener, ordinary, urgent)
        previous = signal.signal(
            signal.SIGURG, lambda *_: signals.append("SIGURG")
        )
        try:
            with listener.accept()[0] as connection:
                fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
                connection.sendall(b"\0")  # ready: the child may send
                select.select([], [], [connection], PATIENCE)
                urgent = connection.recv(1, socket.MSG_OOB)
                yield from signals
                yield f"urgent -->{printable(urgent)}"
                with connection.makefile("rb") as stream:
                    yield f"-->{printable(stream.read())}"
        finally:
            signal.signal(signal.SIGURG, previous)
            listener.close()  # or a child not yet accepted might never end
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")


def send_and_exit(
    listener: socket.socket, ordinary: bytes, urgent: bytes
) -> NoReturn:
    """In the child: connect to the parent, send both, leave the process."""
    status = 1
    try:
        address = listener.getsockname()
        listener.close()  # the parent alone shall listen
        with socket.create_connection(address) as connection:
            connection.recv(1)
            connection.sendall(ordinary)
            connection.send(urgent, socket.MSG_OOB)
        status = 0
    except OSError as error:
        print(f"out_of_band: child: {error}", file=sys.stderr)
    finally:
        os._exit(status)


def printable(message: bytes) -> str:
    """Return *message* as text, its control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = message.decode(encoding, "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Print what arrives; return the exit status."""
    parent = os.getpid()

    def stop(number: int, _frame: object) -> None:
        if os.getpid() == parent:
            sys.exit(128 + number)
        os._exit(128 + number)  # not by way of the parent's code

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    argparse.ArgumentParser(description="Send an urgent byte.").parse_args()
    try:
        with contextlib.closing(receive_from_child(MESSAGE, URGENT)) as lines:
            for line in lines:
                print(line, flush=True)
    except (OSError, ValueError) as error:  # select() takes up to 1023
        print(f"out_of_band: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
