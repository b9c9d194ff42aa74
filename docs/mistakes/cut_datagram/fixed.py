# SPDX-License-Identifier: 0BSD
"""Make room for the longest datagram, and notice one that is cut."""

import socket

SIZE = 65536

sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
with sender, receiver:
    for line in b"The sea is calm tonight", b"the tide is full":
        sender.send(line)
        datagram, _, flags, _ = receiver.recvmsg(SIZE)
        if flags & socket.MSG_TRUNC:
            raise ValueError("a datagram was cut")
        print(datagram)
