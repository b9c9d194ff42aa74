# SPDX-License-Identifier: 0BSD
"""Broken: trusts MSG_WAITALL on a socket with a timeout."""

import socket

SIZE = 13  # bytes in the message

sender, receiver = socket.socketpair()
with sender, receiver:
    receiver.settimeout(10)
    sender.sendall(b"Half")
    message = receiver.recv(SIZE, socket.MSG_WAITALL)
    sender.sendall(b" a league")  # which took longer
    print("message", message)
