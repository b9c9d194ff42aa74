# SPDX-License-Identifier: 0BSD
"""Put /dev/null in the place of the standard descriptors."""

import os
import socket

with socket.create_server(("127.0.0.1", 0)) as listener:
    address = listener.getsockname()
    if (server := os.fork()) == 0:
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(null, descriptor)
            first, _ = listener.accept()
            second, _ = listener.accept()
            print("a note of the server's", flush=True)
            second.sendall(b"onward")
        finally:
            os._exit(0)
    with (
        socket.create_connection(address),
        socket.create_connection(address) as client,
        client.makefile("rb") as answer,
    ):
        print(answer.read())
    os.waitpid(server, 0)
