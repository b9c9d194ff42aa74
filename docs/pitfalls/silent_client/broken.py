# SPDX-License-Identifier: 0BSD
"""Broken: serves a client to its end before it looks at the next."""

import contextlib
import os
import signal
import socket


def answer(connection: socket.socket) -> None:
    """Send back what a client sends, until it leaves."""
    with connection, contextlib.suppress(ConnectionError):
        while data := connection.recv(1024):
            connection.sendall(data)


with socket.create_server(("127.0.0.1", 0)) as listener:
    server = os.fork()
    if server == 0:
        try:
            while True:
                answer(listener.accept()[0])
        finally:
            os._exit(1)
    try:
        silent = socket.create_connection(listener.getsockname())
        client = socket.create_connection(listener.getsockname())
        with silent, client:
            client.sendall(b"who goes there?")
            print("asked", flush=True)
            print(client.recv(1024))
    finally:
        os.kill(server, signal.SIGTERM)
        os.waitpid(server, 0)
