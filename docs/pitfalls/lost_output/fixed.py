# SPDX-License-Identifier: 0BSD
"""Empty the buffer before os._exit."""

import os

child = os.fork()
if child == 0:
    try:
        print("child", flush=True)
    finally:
        os._exit(0)
os.waitpid(child, 0)
print("parent")
