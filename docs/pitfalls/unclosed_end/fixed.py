# SPDX-License-Identifier: 0BSD
"""Close the writing end, and then read to the end of the pipe."""

import os

reader, writer = os.pipe()
child = os.fork()
if child == 0:
    try:
        os.write(writer, b"Bright star")
    finally:
        os._exit(0)
os.close(writer)
while piece := os.read(reader, 1024):
    print(piece, flush=True)
print("the end")
os.close(reader)
os.waitpid(child, 0)
