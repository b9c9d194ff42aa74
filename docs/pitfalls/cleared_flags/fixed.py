# SPDX-License-Identifier: 0BSD
"""Adds one flag of an open file to those that are set."""

import fcntl
import os
import tempfile

MODE = os.O_WRONLY | os.O_CREAT | os.O_APPEND

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "log")
    ours, theirs = os.open(path, MODE), os.open(path, MODE)
    flags = fcntl.fcntl(ours, fcntl.F_GETFL)
    fcntl.fcntl(ours, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    os.write(ours, b"The sea is calm tonight\n")
    os.write(theirs, b"the tide is full\n")
    os.write(ours, b"the moon lies fair\n")
    os.close(ours)
    os.close(theirs)
    with open(path) as log:
        print(log.read(), end="")
