# SPDX-License-Identifier: 0BSD
"""Broken: its buffer is shorter than the datagrams."""

import socket

SIZE = 16
LINES = (
    b"The sea is calm tonight",
    b"the tide is full",
    b"the moon lies fair upon the straits",
)

sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
with sender, receiver:
    for line in LINES:
        sender.send(line)
        print(receiver.recv(SIZE))
