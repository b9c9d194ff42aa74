# SPDX-License-Identifier: 0BSD
"""Let one urgent byte overtake the data that was sent before it.

Run it::

    python out_of_band.py

A signal and select() tell the receiver of the byte, and it is taken first:

.. testcode::

    from ipc_examples.out_of_band import receive_from_child

    for line in receive_from_child(b"print all pages", b"!"):
        print(line)

.. testoutput::

    SIGURG
    urgent -->!
    -->print all pages
"""

import fcntl
import os
import select
import signal
import socket
import sys
from typing import NoReturn

MESSAGE = b"print all pages"
URGENT = b"!"
TIMEOUT = 10.0  # seconds to wait for a child that may have died
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def receive_from_child(ordinary: bytes, urgent: bytes) -> list[str]:
    """Return what arrives, in the order in which it is noticed.

    :param ordinary: sent first
    :param urgent: the one byte that is sent after it, out of band
    :raises OSError: if there is no room, or the child failed
    :raises ValueError: if the descriptor is too large for select()

    See :manpage:`tcp(7)`, "Sockets API", and :manpage:`fcntl(2)`, F_SETOWN.
    """
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        before = signal.signal(
            signal.SIGURG, lambda *_: lines.append("SIGURG")
        )
        child = os.fork()
        if child == 0:
            send_and_exit(listener, ordinary, urgent)
        try:
            with listener.accept()[0] as connection:
                fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
                connection.sendall(b"\0")  # ready: the child may send
                select.select([], [], [connection], TIMEOUT)
                received = connection.recv(1, socket.MSG_OOB)
                lines.append(f"urgent -->{escaped(received)}")
                with connection.makefile("rb") as stream:
                    lines.append(f"-->{escaped(stream.read())}")
        finally:
            signal.signal(signal.SIGURG, before)
            listener.close()  # or a child not yet accepted might never end
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    return lines


def send_and_exit(
    listener: socket.socket, ordinary: bytes, urgent: bytes
) -> NoReturn:
    """In the child: connect to the parent, send both, leave the process.

    See :manpage:`send(2)`, ``MSG_OOB``.
    """
    status = 1
    try:
        address = listener.getsockname()
        listener.close()  # the parent alone is to listen
        with socket.create_connection(address) as connection:
            connection.recv(1)
            connection.sendall(ordinary)
            connection.send(urgent, socket.MSG_OOB)
        status = 0
    except Exception as error:
        print(f"out_of_band: child: {error!r}", file=sys.stderr)
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
    """Print what arrives."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        for line in receive_from_child(MESSAGE, URGENT):
            print(line, flush=True)
    except (OSError, ValueError) as error:  # select() takes up to 1023
        sys.exit(f"out_of_band: {error}")


if __name__ == "__main__":
    main()
