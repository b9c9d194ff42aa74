# SPDX-License-Identifier: 0BSD
"""Broken: reads one message for each signal."""

import fcntl
import os
import select
import signal
import socket

one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


def take(*_: object) -> None:
    """Print the message that the signal tells of."""
    print(other.recv(1024))


signal.signal(signal.SIGIO, take)
fcntl.fcntl(other, fcntl.F_SETOWN, os.getpid())
fcntl.fcntl(other, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
# While the signal is blocked, two messages come.
mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
one.send(b"half a league")
one.send(b"half a league onward")
signal.pthread_sigmask(signal.SIG_SETMASK, mask)
if select.select([other], [], [], 0)[0]:
    print("a message is still there")
other.close()
one.close()
