# SPDX-License-Identifier: 0BSD
"""Broken: ends when a client breaks off."""

import socket
import struct

RESET = struct.pack("ii", 1, 0)  # close() breaks off, for SO_LINGER


def connect(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Return the client's and the server's end of a new connection."""
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]


with socket.create_server(("127.0.0.1", 0)) as listener:
    hasty, first = connect(listener)
    patient, second = connect(listener)
hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
hasty.close()
with patient, first, second:
    patient.sendall(b"onward")
    for connection in first, second:
        print("-->", connection.recv(1024).decode())
