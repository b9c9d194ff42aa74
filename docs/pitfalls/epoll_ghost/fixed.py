# SPDX-License-Identifier: 0BSD
"""Takes a connection out of the set before it closes it."""

import os
import select
import socket

client, connection = socket.socketpair()
with client, select.epoll() as epoll:
    number = connection.fileno()
    epoll.register(number, select.EPOLLIN)
    helpers = os.dup(number)  # as a child has one that was forked
    client.sendall(b"goodbye")
    epoll.unregister(number)
    connection.close()
    turns = [epoll.poll(0) for _ in range(1000)]
    print("told of a closed descriptor in", sum(map(bool, turns)), "turns")
os.close(helpers)
