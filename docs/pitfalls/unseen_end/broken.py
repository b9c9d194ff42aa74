# SPDX-License-Identifier: 0BSD
"""Broken: waits for the end of a line, whether or not it can come."""

import socket
import time

reader, writer = socket.socketpair()
with reader:
    with writer:
        writer.sendall(b"Bright star")  # and no newline
    line = b""
    calls = 0
    deadline = time.monotonic() + 0.5
    while b"\n" not in line and time.monotonic() < deadline:
        piece = reader.recv(1024)
        calls += 1
        line += piece
print("received", line)
print("calls of recv:", calls)
