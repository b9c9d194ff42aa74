# SPDX-License-Identifier: 0BSD
"""Broken: asks for writability although it has nothing to write."""

import selectors
import socket
from selectors import EVENT_READ, EVENT_WRITE

pending = b"Half a league"
vain = 0
sock, peer = socket.socketpair()
with sock, peer, selectors.DefaultSelector() as selector:
    selector.register(sock, EVENT_READ | EVENT_WRITE)
    for _ in range(1000):
        # A server would wait here; 0 only asks whether it would.
        for _key, events in selector.select(timeout=0):
            if pending and events & EVENT_WRITE:
                pending = pending[sock.send(pending) :]
            else:
                vain += 1
    print("arrived:", peer.recv(1024))
print("woken in vain", vain, "times of 1000")
