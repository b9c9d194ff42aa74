# SPDX-License-Identifier: 0BSD
"""Ask for writability only while there is something to write."""

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
                if not pending:
                    selector.modify(sock, EVENT_READ)
            else:
                vain += 1
    print("arrived:", peer.recv(1024))
print("woken in vain", vain, "times of 1000")
