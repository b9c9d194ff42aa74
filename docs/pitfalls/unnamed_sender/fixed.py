# SPDX-License-Identifier: 0BSD
"""Bind a name to the socket that wants an answer."""

import os
import socket
import tempfile

server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
with tempfile.TemporaryDirectory() as folder, server, client:
    server.bind(os.path.join(folder, "server"))
    client.bind(os.path.join(folder, "client"))
    client.sendto(b"who goes there?", server.getsockname())
    question, address = server.recvfrom(1024)
    server.sendto(b"six hundred", address)
    print(client.recv(1024))
