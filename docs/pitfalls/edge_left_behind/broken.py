# SPDX-License-Identifier: 0BSD
"""Broken: reads once when an edge is told, and leaves the rest."""

import select
import socket

SIZE = 16
LINES = b"The sea is calm tonight, the tide is full\n"

sender, receiver = socket.socketpair()
received = b""
with sender, receiver, select.epoll() as epoll:
    receiver.setblocking(False)
    epoll.register(receiver, select.EPOLLIN | select.EPOLLET)
    sender.sendall(LINES)
    while epoll.poll(0.5):
        received += receiver.recv(SIZE)
print(f"{len(received)} of {len(LINES)} bytes: {received!r}")
