# SPDX-License-Identifier: 0BSD
"""Let each signal write a byte, for which select waits too."""

import select
import signal
import socket
import time

stopped = False


def stop(_number: int, _frame: object) -> None:
    """Set a flag."""
    global stopped  # noqa: PLW0603
    stopped = True


reader, writer = socket.socketpair()
writer.setblocking(False)
signal.signal(signal.SIGALRM, stop)
signal.set_wakeup_fd(writer.fileno())
start = time.monotonic()
signal.setitimer(signal.ITIMER_REAL, 0.1)
select.select([reader], [], [], 1)
signal.set_wakeup_fd(-1)
waited = time.monotonic() - start
print("stopped" if stopped else "not stopped")
print("after a second" if waited >= 1 else "at once")
reader.close()
writer.close()
