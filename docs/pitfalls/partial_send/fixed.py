# SPDX-License-Identifier: 0BSD
"""Send the whole message."""

import socket
import threading
import time

MESSAGE = bytes(10_000_000)


def read_slowly(receiver: socket.socket) -> None:
    """Read to the end, resting after each piece; say how much came."""
    count = 0
    while piece := receiver.recv(1_000_000):
        count += len(piece)
        time.sleep(0.01)
    print(count, "of", len(MESSAGE), "bytes arrived")


sender, receiver = socket.socketpair()
with sender, receiver:
    peer = threading.Thread(target=read_slowly, args=[receiver])
    peer.start()
    sender.settimeout(20)
    sender.sendall(MESSAGE)
    sender.shutdown(socket.SHUT_WR)
    peer.join()
