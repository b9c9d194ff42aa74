# SPDX-License-Identifier: 0BSD
"""Write the buffered output, and then fork."""

import os

print("before the fork", flush=True)
child = os.fork()
if child == 0:
    try:
        print("child", flush=True)
    finally:
        os._exit(0)
os.waitpid(child, 0)
print("parent")
