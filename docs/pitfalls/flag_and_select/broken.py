# SPDX-License-Identifier: 0BSD
"""Broken: expects a flag that a handler sets to end a wait."""

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
start = time.monotonic()
signal.setitimer(signal.ITIMER_REAL, 0.1)
select.select([], [], [], 1)
waited = time.monotonic() - start
print("stopped" if stopped else "not stopped")
print("after a second" if waited >= 1 else "at once")
reader.close()
writer.close()
