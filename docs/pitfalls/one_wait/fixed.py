# SPDX-License-Identifier: 0BSD
"""Wait for all who have ended, whenever a signal comes."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def reap(_number: int, _frame: object) -> None:
    """Wait for children, when SIGCHLD says that some have ended."""
    with suppress(ChildProcessError):  # there is no other
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


children = []
signal.signal(signal.SIGCHLD, reap)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0)
    children.append(child)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
print([Path(f"/proc/{child}").exists() for child in children].count(True))
