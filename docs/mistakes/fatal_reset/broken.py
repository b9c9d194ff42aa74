# SPDX-License-Identifier: 0BSD
"""Broken: ends when a client breaks off."""

import socket
import struct

RESET = struct.pack("ii", 1, 0)  # close() breaks off, for SO_LINGER


def serve(connection: socket.socket) -> None:
    """Show what a client sends."""
    print("-->", connection.recv(1024).decode())


with socket.create_server(("127.0.0.1", 0)) as listener:
    with socket.create_connection(listener.getsockname()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"onward")
    for _ in range(2):
        with listener.accept()[0] as connection:
            serve(connection)
