# SPDX-License-Identifier: 0BSD
"""Broken: asks by datagram from a socket without a name."""

import os
import socket
import tempfile

server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
with tempfile.TemporaryDirectory() as folder, server, client:
    server.bind(os.path.join(folder, "server"))
    client.sendto(b"who goes there?", server.getsockname())
    question, address = server.recvfrom(1024)
    server.sendto(b"six hundred", address)
    print(client.recv(1024))
