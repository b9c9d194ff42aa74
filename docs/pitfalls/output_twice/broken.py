# SPDX-License-Identifier: 0BSD
"""Broken: forks while there is output in its buffer."""

import os

print("before the fork")
child = os.fork()
if child == 0:
    try:
        print("child", flush=True)
    finally:
        os._exit(0)
os.waitpid(child, 0)
print("parent")
