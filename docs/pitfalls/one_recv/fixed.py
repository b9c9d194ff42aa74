# SPDX-License-Identifier: 0BSD
"""Read each message to its newline, in however many pieces it comes."""

import socket

sender, receiver = socket.socketpair()
with sender, receiver:
    sender.sendall(b"In Xanadu\n")
    sender.sendall(b"did Kubla Khan\n")
    sender.shutdown(socket.SHUT_WR)
    with receiver.makefile("rb") as stream:
        for message in stream:
            print("message", message)
