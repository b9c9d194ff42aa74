# SPDX-License-Identifier: 0BSD
"""Broken: would wait for an answer for ever."""

import socket

with (
    socket.create_server(("127.0.0.1", 0)) as server,  # which never answers
    socket.create_connection(server.getsockname()) as client,
):
    client.sendall(b"who goes there?")
    print("asked", flush=True)
    print(client.recv(1024))
