# SPDX-License-Identifier: 0BSD
"""Ask how each child ended, so that none stays a zombie."""

import os
from pathlib import Path


def state(process: int) -> str:
    """Return the letter by which Linux tells the state of a process."""
    try:
        text = Path(f"/proc/{process}/stat").read_text("utf-8")
    except FileNotFoundError:
        return "gone"
    return text.rpartition(")")[2].split()[0]


children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0)
    children.append(child)
    # Wait for the end, but leave the exit status where it is.
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    os.waitpid(child, 0)
print(state(os.getpid()), *map(state, children))
