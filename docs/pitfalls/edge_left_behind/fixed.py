# SPDX-License-Identifier: 0BSD
"""Reads until nothing is left, each time an edge is told."""

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
        try:
            while data := receiver.recv(SIZE):
                received += data
        except BlockingIOError:
            pass  # all that had come is read
print(f"{len(received)} of {len(LINES)} bytes: {received!r}")
