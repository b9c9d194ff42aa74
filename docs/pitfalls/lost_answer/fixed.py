# SPDX-License-Identifier: 0BSD
"""Answer, end this direction, and read on until the client has ended."""

import socket
import threading

LONG = bytes(50_000_000)  # more than the system has room for


def serve(listener: socket.socket) -> None:
    """Refuse the request of one client."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(1024)  # enough to see that it is too long
        connection.sendall(b"too long")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass  # nobody wants it, but closing now would be a reset


with socket.create_server(("127.0.0.1", 0)) as listener:
    server = threading.Thread(target=serve, args=[listener])
    server.start()
    with socket.create_connection(listener.getsockname()) as client:
        try:
            client.sendall(LONG)
            print("-->", client.recv(1024).decode())
        except ConnectionError as error:
            print("no answer:", error)
    server.join()
