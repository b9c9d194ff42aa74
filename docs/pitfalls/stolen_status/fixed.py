# SPDX-License-Identifier: 0BSD
"""Wait for none but the children that one has started oneself."""

import os
import signal
import subprocess
from contextlib import suppress


def reap(_number: int, _frame: object) -> None:
    """Wait for children that have ended."""
    with suppress(ChildProcessError):
        os.waitpid(worker, os.WNOHANG)


worker = os.fork()
if worker == 0:
    os._exit(0)
command = subprocess.Popen(["sh", "-c", "exit 7"])
how = os.WEXITED | os.WNOWAIT
for child in (worker, command.pid):
    os.waitid(os.P_PID, child, how)  # it has ended
signal.signal(signal.SIGCHLD, reap)
signal.raise_signal(signal.SIGCHLD)
print("the command's status:", command.wait())
