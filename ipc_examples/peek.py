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
        print(take(other))

.. testoutput::

    13
    b'Half a league'
"""

import signal
import socket
import struct
import sys

ITEMS = (b"Half a league,", b"half a league,", b"half a league onward . . .")
HEADER = struct.Struct("!I")  # "!" is network byte order
LARGEST = 65536  # bytes; a size beyond it is not believed


def size_of_next(connection: socket.socket) -> int | None:
    """Return the size of the next item in bytes; None at the stream's end.

    :param connection: a TCP connection without a timeout. In the UNIX domain
        Linux does not wait for all of what is only peeked at
    :raises ConnectionError: if no whole size can be seen, or it is absurd
    :raises ValueError: if *connection* has a timeout

    See :manpage:`recv(2)`, ``MSG_PEEK`` and ``MSG_WAITALL``.
    """
    if connection.gettimeout() is not None:
        raise ValueError("with a timeout MSG_WAITALL does not wait")
    head = connection.recv(HEADER.size, socket.MSG_PEEK | socket.MSG_WAITALL)
    return size_in(head) if head else None


def take(connection: socket.socket) -> bytes:
    """Take the next item off *connection* and return its data.

    :raises ConnectionError: if the stream ends before the item does, or the
        item's size is absurd
    :raises TimeoutError: if *connection* has a timeout, and it is over
    """
    head = receive_exactly(connection, HEADER.size)
    return receive_exactly(connection, size_in(head))


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """Return *size* bytes of the stream, in however many parts they come.

    :raises ConnectionError: if it ends before

    See :manpage:`recv(2)`.
    """
    data = b""
    while len(data) < size:
        if not (part := connection.recv(size - len(data))):
            raise ConnectionError(f"{len(data)} bytes of {size}, then the end")
        data += part
    return data


def size_in(head: bytes) -> int:
    """Return the size that the first bytes of an item tell.

    :raises ConnectionError: if these are not all, or the size is absurd
    """
    if len(head) == HEADER.size and HEADER.unpack(head)[0] <= LARGEST:
        return int(HEADER.unpack(head)[0])
    raise ConnectionError(f"no size: {head!r}")


def packed(data: bytes) -> bytes:
    """Return *data*, at most LARGEST bytes, as an item."""
    return HEADER.pack(len(data)) + data


def main() -> None:
    """Send items to oneself, and take them one by one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.create_connection(listener.getsockname()) as one,
            listener.accept()[0] as other,
        ):
            one.sendall(b"".join(map(packed, ITEMS)))
            one.shutdown(socket.SHUT_WR)
            while (size := size_of_next(other)) is not None:
                print(f"{size} bytes wait")
                print(f"-->{take(other).decode()}", flush=True)
    except OSError as error:
        sys.exit(f"peek: {error}")


if __name__ == "__main__":
    main()
