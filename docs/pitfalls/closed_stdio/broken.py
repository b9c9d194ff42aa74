# SPDX-License-Identifier: 0BSD
"""Broken: closes the standard descriptors, and leaves their numbers free."""

import os
import socket

with socket.create_server(("127.0.0.1", 0)) as listener:
    address = listener.getsockname()
    if (server := os.fork()) == 0:
        try:
            for descriptor in range(3):
                os.close(descriptor)
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
