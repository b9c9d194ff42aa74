# SPDX-License-Identifier: 0BSD
"""Encode text before it is sent, decode it when it has come."""

import socket

LINE = "Où sont les neiges d'antan"

sender, receiver = socket.socketpair()
with sender, receiver:
    sender.sendall(LINE.encode())
    received = receiver.recv(1024).decode()
print("received as sent:", received == LINE)
