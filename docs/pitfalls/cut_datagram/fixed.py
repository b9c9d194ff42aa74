# SPDX-License-Identifier: 0BSD
"""Make room for the longest datagram, and notice one that is cut."""

import socket

SIZE = 32  # bytes, the most that the protocol allows
LINES = (
    b"The sea is calm tonight",
    b"the tide is full",
    b"the moon lies fair upon the straits",
)

sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
with sender, receiver:
    for line in LINES:
        sender.send(line)
        datagram, _, flags, _ = receiver.recvmsg(SIZE)
        if flags & socket.MSG_TRUNC:
            print("a datagram was cut")
        else:
            print(datagram)
