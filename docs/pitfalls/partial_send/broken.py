# SPDX-License-Identifier: 0BSD
"""Broken: takes a message for sent without asking how much went."""

import contextlib
import socket

MESSAGE = bytes(10_000_000)


def drain(receiver: socket.socket) -> int:
    """Read what has come; return how many bytes."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while piece := receiver.recv(65536):
            count += len(piece)
    return count


sender, receiver = socket.socketpair()
with sender, receiver:
    sender.setblocking(False)
    receiver.setblocking(False)
    arrived = 0
    rest = memoryview(MESSAGE)
    sender.send(rest)
    arrived += drain(receiver)
print(arrived, "of", len(MESSAGE), "bytes arrived")
