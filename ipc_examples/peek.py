# SPDX-License-Identifier: 0BSD
"""Peek at a stream to learn how long the next item is before taking it.

Run it::

    python peek.py

An item is its size in four bytes, most significant first, then its data:

.. testcode::

    import socket
    from ipc_examples.peek import packed, size_of_next, take

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as one,
        listener.accept()[0] as other,
    ):
        one.sendall(packed(b"Half a league"))
        print(size_of_next(other))
        print(size_of_next(other), take(other))

.. testoutput::

    13
    13 b'Half a league'
"""

import argparse
import signal
import socket
import struct
import sys

ITEMS = (b"Half a league,", b"half a league,", b"half a league onward . . .")
SIZE = struct.Struct("!I")  # "!" is network byte order
LARGEST = 65536  # bytes; a size beyond it is not believed


def packed(data: bytes) -> bytes:
    """Return *data* as an item."""
    return SIZE.pack(len(data)) + data


def size_of_next(connection: socket.socket) -> int:
    """Return the size of the next item in bytes; 0 at the end of the stream.

    :param connection: a TCP connection; in the UNIX domain Linux does not
        wait for all of what is only peeked at

    :raises ConnectionError: if the stream ends within a size, or it is absurd

    See :manpage:`recv(2)`, flags ``MSG_PEEK`` and ``MSG_WAITALL``.
    """
    head = connection.recv(SIZE.size, socket.MSG_PEEK | socket.MSG_WAITALL)
    if not head:
        return 0
    if len(head) < SIZE.size or not 0 < SIZE.unpack(head)[0] <= LARGEST:
        raise ConnectionError(f"no size: {head!r}")
    return int(SIZE.unpack(head)[0])


def take(connection: socket.socket) -> bytes:
    """Take the next item off *connection* and return its data.

    :raises ConnectionError: if the stream ends before the item does
    """
    length = SIZE.size + size_of_next(connection)
    item = connection.recv(length, socket.MSG_WAITALL)
    if len(item) < length:
        raise ConnectionError(f"{len(item)} bytes of {length}, then the end")
    return item[SIZE.size :]


def printable(data: bytes) -> str:
    """Return *data* as text, its control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = data.decode(encoding, "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Send items to oneself and take them one by one; return the status."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    argparse.ArgumentParser(description="Peek before reading.").parse_args()
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.create_connection(listener.getsockname()) as one,
            listener.accept()[0] as other,
        ):
            one.sendall(b"".join(map(packed, ITEMS)))
            one.shutdown(socket.SHUT_WR)
            while size := size_of_next(other):
                print(f"{size} bytes wait")
                print(f"-->{printable(take(other))}", flush=True)
    except OSError as error:
        print(f"peek: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
