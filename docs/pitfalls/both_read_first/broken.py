# SPDX-License-Identifier: 0BSD
"""Broken: waits for a peer that waits as well."""

import os
import socket

ours, theirs = socket.socketpair()
child = os.fork()
if child == 0:
    try:
        ours.close()
        question = theirs.recv(1024)
        theirs.sendall(b"a friend")
    finally:
        os._exit(0)
theirs.close()
with ours:
    print("who goes there?", flush=True)
    answer = ours.recv(1024)
    ours.sendall(b"who goes there?")
print(answer)
os.waitpid(child, 0)
