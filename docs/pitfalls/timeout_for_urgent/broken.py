# SPDX-License-Identifier: 0BSD
"""Broken: gives recv a timeout, and asks it for an urgent byte."""

import socket

with (
    socket.create_server(("127.0.0.1", 0)) as server,
    socket.create_connection(server.getsockname()) as client,
    server.accept()[0] as connection,
):
    client.send(b"!", socket.MSG_OOB)
    connection.settimeout(1)
    print(connection.recv(1, socket.MSG_OOB))
