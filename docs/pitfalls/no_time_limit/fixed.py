# SPDX-License-Identifier: 0BSD
"""Wait for an answer for a second at most."""

import socket

with (
    socket.create_server(("127.0.0.1", 0)) as server,  # which never answers
    socket.create_connection(server.getsockname(), timeout=1) as client,
):
    client.sendall(b"who goes there?")
    print("asked", flush=True)
    try:
        print(client.recv(1024))
    except TimeoutError as error:
        print("no answer:", error)
