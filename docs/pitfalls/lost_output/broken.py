# SPDX-License-Identifier: 0BSD
"""Broken: leaves by os._exit with output in the buffer."""

import os

child = os.fork()
if child == 0:
    try:
        print("child")
    finally:
        os._exit(0)
os.waitpid(child, 0)
print("parent")
