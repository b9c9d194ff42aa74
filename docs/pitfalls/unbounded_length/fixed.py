# SPDX-License-Identifier: 0BSD
"""Refuse what is announced to be too long."""

import resource
import socket

LARGEST = 65536  # bytes
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))  # 1 GiB of memory


def receive(connection: socket.socket) -> bytes | None:
    """Return a message, or None if its first four bytes announce too much."""
    size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
    if size > LARGEST:
        return None  # the connection is of no use any more
    return connection.recv(size, socket.MSG_WAITALL)


for data in b"\xff\xff\xff\xff", b"\0\0\0\6onward":
    stranger, connection = socket.socketpair()
    with stranger, connection:
        stranger.sendall(data)
        print(receive(connection) or "refused")
