# SPDX-License-Identifier: 0BSD
"""Throw away all that came before an urgent byte, and go on after it.

Run it::

    python urgent_flush.py

The byte leaves a mark in the stream. The receiver reads up to it:

.. testcode::

    from ipc_examples.urgent_flush import receive_from_child

    for line in receive_from_child(b"print all pages", b"!", b"print page 1"):
        print(line)

.. testoutput::

    discarded 15 bytes
    urgent -->!
    -->print page 1
"""

import fcntl
import os
import select
import signal
import socket
import sys
from typing import NoReturn

BEFORE = b"print all pages"
URGENT = b"!"
AFTER = b"print the last page"
BUFFER_SIZE = 1024  # bytes
TIMEOUT = 10.0  # seconds to wait for a child that may have died
SIOCATMARK = 0x8905 if sys.platform == "linux" else 0x40047307  # BSD, macOS
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def at_mark(connection: socket.socket) -> bool:
    """Return True if the stream has been read up to the urgent mark.

    See :manpage:`tcp(7)`, ``SIOCATMARK``, and :manpage:`sockatmark(3)`.
    """
    return any(fcntl.ioctl(connection, SIOCATMARK, bytes(4)))  # a C int


def discard_to_mark(connection: socket.socket) -> int:
    """Read up to the urgent mark; return how many bytes were thrown away.

    :param connection: on which an urgent byte has been announced
    :raises ConnectionError: if the stream ends before the mark
    """
    discarded = 0
    while not at_mark(connection):
        data = connection.recv(BUFFER_SIZE)  # which never goes past the mark
        if not data:
            raise ConnectionError("the stream ended before the mark")
        discarded += len(data)
    return discarded


def receive_from_child(
    before: bytes, urgent: bytes, after: bytes
) -> list[str]:
    """Return what is noticed of three things that a child sends at once.

    :param before: what the urgent byte is to make obsolete; no more than
        the receiver's buffer takes, or the byte cannot come
    :param urgent: one byte, sent out of band
    :param after: what is sent after it
    :raises OSError: if there is no room, or the child failed

    See :manpage:`poll(2)`, ``POLLPRI``.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        child = os.fork()
        if child == 0:
            send_and_exit(listener, before, urgent, after)
        try:
            with listener.accept()[0] as connection:
                poll = select.poll()
                poll.register(connection, select.POLLPRI)
                if not poll.poll(TIMEOUT * 1000):
                    raise TimeoutError("no urgent byte came")
                lines = [f"discarded {discard_to_mark(connection)} bytes"]
                received = connection.recv(1, socket.MSG_OOB)
                lines.append(f"urgent -->{escaped(received)}")
                with connection.makefile("rb") as stream:
                    lines.append(f"-->{escaped(stream.read())}")
        finally:
            listener.close()  # or a child not yet accepted might never end
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    return lines


def send_and_exit(
    listener: socket.socket, before: bytes, urgent: bytes, after: bytes
) -> NoReturn:
    """In the child: connect to the parent, send all, leave the process.

    See :manpage:`send(2)`, ``MSG_OOB``.
    """
    status = 1
    try:
        address = listener.getsockname()
        listener.close()  # the parent alone is to listen
        with socket.create_connection(address) as connection:
            connection.sendall(before)
            connection.send(urgent, socket.MSG_OOB)
            connection.sendall(after)
        status = 0
    except Exception as error:
        print(f"urgent_flush: child: {error!r}", file=sys.stderr)
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
    """Print what is noticed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        for line in receive_from_child(BEFORE, URGENT, AFTER):
            print(line, flush=True)
    except OSError as error:
        sys.exit(f"urgent_flush: {error}")


if __name__ == "__main__":
    main()
