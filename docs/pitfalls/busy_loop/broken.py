# SPDX-License-Identifier: 0BSD
"""Broken: asks for writability although it has nothing to write."""

import selectors
import socket
import threading
from selectors import EVENT_READ, EVENT_WRITE

server, client = socket.socketpair()
with server, client, selectors.DefaultSelector() as selector:
    client.sendall(b"Half a league")  # and half a second later it leaves
    threading.Timer(0.5, client.shutdown, [socket.SHUT_WR]).start()
    selector.register(server, EVENT_READ | EVENT_WRITE)
    turns = 0
    connected = True
    pending = b""
    while connected:
        turns += 1
        for _key, events in selector.select():
            if events & EVENT_READ:
                data = server.recv(1024)
                connected = bool(data)
                pending += data
            if events & EVENT_WRITE and pending:
                pending = pending[server.send(pending) :]
    print("echoed:", client.recv(1024))
print("turns of the loop:", turns)
