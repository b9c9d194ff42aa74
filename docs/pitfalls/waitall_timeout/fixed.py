# SPDX-License-Identifier: 0BSD
"""Receive until the whole message is there."""

import socket

SIZE = 13  # bytes in the message

sender, receiver = socket.socketpair()
with sender, receiver:
    receiver.settimeout(10)
    sender.sendall(b"Half")
    message = receiver.recv(SIZE)
    sender.sendall(b" a league")  # which took longer
    missing = SIZE - len(message)
    while missing and (part := receiver.recv(missing)):  # until its end
        message += part
        missing -= len(part)
    print("message", message)
