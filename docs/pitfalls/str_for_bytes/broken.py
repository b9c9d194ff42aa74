# SPDX-License-Identifier: 0BSD
"""Broken: sends text, where bytes are wanted."""

import socket

LINE = "Où sont les neiges d'antan"

sender, receiver = socket.socketpair()
with sender, receiver:
    sender.sendall(LINE)
    received = receiver.recv(1024)
print("received as sent:", received == LINE)
