# SPDX-License-Identifier: 0BSD
"""Broken: closes a connection that epoll watches and somebody still has."""

import os
import select
import socket

client, connection = socket.socketpair()
with client, select.epoll() as epoll:
    number = connection.fileno()
    epoll.register(number, select.EPOLLIN)
    helpers = os.dup(number)  # as a child has one that was forked
    client.sendall(b"goodbye")
    connection.close()
    turns = [epoll.poll(0) for _ in range(1000)]
    print("told of a closed descriptor in", sum(map(bool, turns)), "turns")
    try:
        epoll.unregister(number)
    except OSError as error:
        print("unregister:", error)
os.close(helpers)
