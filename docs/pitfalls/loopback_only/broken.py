# SPDX-License-Identifier: 0BSD
"""Broken: listens at one address and is called at another."""

import socket

CALLED = "127.0.0.1", "127.0.0.2"  # two addresses of this machine

with socket.create_server(("127.0.0.1", 0)) as listener:
    port = listener.getsockname()[1]
    for address in CALLED:
        try:
            socket.create_connection((address, port)).close()
            print(address, "answers")
        except ConnectionRefusedError as error:
            print(address, error)
