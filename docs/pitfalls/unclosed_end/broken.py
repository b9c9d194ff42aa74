# SPDX-License-Identifier: 0BSD
"""Broken: reads to the end of a pipe that it could still write to."""

import os

reader, writer = os.pipe()
child = os.fork()
if child == 0:
    try:
        os.write(writer, b"Bright star")
    finally:
        os._exit(0)
while piece := os.read(reader, 1024):
    print(piece, flush=True)
print("the end")
os.close(reader)
os.close(writer)
os.waitpid(child, 0)
