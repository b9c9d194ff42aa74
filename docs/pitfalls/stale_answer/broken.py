# SPDX-License-Identifier: 0BSD
"""Broken: takes what comes for the answer to what it asked last."""

import socket

client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


def ask(number: int, question: bytes) -> bytes:
    """Send a question and its number; return the text of the answer."""
    client.send(b"%d %s" % (number, question))
    answer = client.recv(1024)
    return answer.split()[1]


with client, server:
    client.settimeout(0.1)
    try:
        ask(1, b"France?")
    except TimeoutError:
        print("no answer about France")
    server.recv(1024)
    server.send(b"1 Paris")  # late, but not lost
    server.send(b"2 Lisbon")  # to the next question
    print("Portugal:", ask(2, b"Portugal?").decode())
