# SPDX-License-Identifier: 0BSD
"""Broken: hands on to a program that SIGPIPE is ignored."""

import os

reader, writer = os.pipe()
child = os.fork()
if child == 0:
    try:
        os.dup2(writer, 1)
        os.execvp("yes", ["yes"])
    finally:
        os._exit(127)
os.close(writer)
with os.fdopen(reader, "rb") as source:
    print(source.readline(), flush=True)
print("yes ended with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
