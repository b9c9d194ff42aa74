# SPDX-License-Identifier: 0BSD
"""Stop reading when the peer has left."""

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
        if not piece:
            break
        line += piece
print("received", line)
print("calls of recv:", calls)
