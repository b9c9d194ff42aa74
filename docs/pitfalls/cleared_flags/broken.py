# SPDX-License-Identifier: 0BSD
"""Broken: sets one flag of an open file, and so clears the others."""

import fcntl
import os
import tempfile

MODE = os.O_WRONLY | os.O_CREAT | os.O_APPEND

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "log")
    ours, theirs = os.open(path, MODE), os.open(path, MODE)
    fcntl.fcntl(ours, fcntl.F_SETFL, os.O_NONBLOCK)
    os.write(ours, b"The sea is calm tonight\n")
    os.write(theirs, b"the tide is full\n")
    os.write(ours, b"the moon lies fair\n")
    os.close(ours)
    os.close(theirs)
    with open(path) as log:
        print(log.read(), end="")
