# SPDX-License-Identifier: 0BSD
"""Broken: cannot be started again while an old connection is remembered."""

import socket


def serve_one(port: int) -> int:
    """Serve one client, which leaves last; return the server's port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        address = listener.getsockname()
        with socket.create_connection(address) as client:
            listener.accept()[0].close()
            print("served one client:", client.recv(1024))
    return int(address[1])


port = serve_one(0)
serve_one(port)
