# SPDX-License-Identifier: 0BSD
"""Broken: takes what one recv returns for one message."""

import socket

sender, receiver = socket.socketpair()
with sender, receiver:
    sender.sendall(b"In Xanadu\n")
    sender.sendall(b"did Kubla Khan\n")
    sender.shutdown(socket.SHUT_WR)
    while message := receiver.recv(16):
        print("message", message)
