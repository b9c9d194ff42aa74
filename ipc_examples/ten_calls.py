# SPDX-License-Identifier: 0BSD
"""Make each of the ten calls that move data, and show what it returns.

Run it::

    python ten_calls.py

A call that sends is paired with the one that receives:

.. testcode::

    from ipc_examples.ten_calls import write_and_read

    print(write_and_read([b"Half ", b"a league"]))

.. testoutput::

    (13, b'Half a league')
"""

import os
import signal
import socket
import sys

Parts = list[bytes]
PARTS = [b"Half ", b"a league"]
BUFFER_SIZE = 1024  # bytes


def write_and_read(parts: Parts) -> tuple[int, bytes]:
    """Move one buffer through any descriptor: here a pipe's.

    See :manpage:`write(2)` and :manpage:`read(2)`.
    """
    reader, writer = os.pipe()
    try:
        return os.write(writer, b"".join(parts)), os.read(reader, BUFFER_SIZE)
    finally:
        os.close(reader)
        os.close(writer)


def writev_and_readv(parts: Parts) -> tuple[int, Parts]:
    """Move several buffers in one call: here the first to fill has 4 bytes.

    See :manpage:`writev(2)` and :manpage:`readv(2)`.
    """
    first, rest = bytearray(4), bytearray(BUFFER_SIZE)
    one, other = socket.socketpair()
    with one, other:
        sent = os.writev(one.fileno(), parts)
        count = os.readv(other.fileno(), [first, rest])
    return sent, [bytes(first), bytes(rest[: count - len(first)])]


def send_and_recv(parts: Parts) -> tuple[int, Parts]:
    """Move one buffer, with flags, sockets only: here to peek at 4 bytes.

    See :manpage:`send(2)` and :manpage:`recv(2)`.
    """
    one, other = socket.socketpair()
    with one, other:
        sent = one.send(b"".join(parts), 0)
        return sent, [
            other.recv(4, socket.MSG_PEEK),
            other.recv(BUFFER_SIZE, 0),
        ]


def sendto_and_recvfrom(parts: Parts) -> tuple[int, tuple[bytes, str]]:
    """Name the other side with each datagram.

    See :manpage:`sendto(2)` and :manpage:`recvfrom(2)`.
    """
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(("127.0.0.1", 0))
        sent = sender.sendto(b"".join(parts), receiver.getsockname())
        data, (host, _) = receiver.recvfrom(BUFFER_SIZE)
        return sent, (data, host)


def sendmsg_and_recvmsg(parts: Parts) -> tuple[int, bytes]:
    """Move several buffers; flags, address and ancillary data are possible.

    See :manpage:`sendmsg(2)` and :manpage:`recvmsg(2)`.
    """
    one, other = socket.socketpair()
    with one, other:
        return one.sendmsg(parts), other.recvmsg(BUFFER_SIZE)[0]


def main() -> None:
    """Print what each pair of calls returns."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        print("write, read       ", *write_and_read(PARTS))
        print("writev, readv     ", *writev_and_readv(PARTS))
        print("send, recv        ", *send_and_recv(PARTS))
        print("sendto, recvfrom  ", *sendto_and_recvfrom(PARTS))
        print("sendmsg, recvmsg  ", *sendmsg_and_recvmsg(PARTS), flush=True)
    except OSError as error:
        sys.exit(f"ten_calls: {error}")


if __name__ == "__main__":
    main()
