# SPDX-License-Identifier: 0BSD
"""Let SIGTERM through again before a command is started."""

import signal
import subprocess

mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("what must not be interrupted")
signal.pthread_sigmask(signal.SIG_SETMASK, mask)
child = subprocess.Popen(["sleep", "60"])
child.terminate()
try:
    print("ended:", child.wait(timeout=1))
except subprocess.TimeoutExpired:
    print("still runs")
    child.kill()
    child.wait()
