# SPDX-License-Identifier: 0BSD
"""Broken: starts a command while SIGTERM is blocked."""

import signal
import subprocess

mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("what must not be interrupted")
child = subprocess.Popen(["sleep", "60"])
signal.pthread_sigmask(signal.SIG_SETMASK, mask)
child.terminate()
try:
    print("ended:", child.wait(timeout=1))
except subprocess.TimeoutExpired:
    print("still runs")
    child.kill()
    child.wait()
