# SPDX-License-Identifier: 0BSD
"""Ask before waiting for the answer."""

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
    ours.sendall(b"who goes there?")
    answer = ours.recv(1024)
print(answer)
os.waitpid(child, 0)
