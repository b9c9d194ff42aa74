# SPDX-License-Identifier: 0BSD
"""Broken: catches the exception, and at exit it comes again."""

import os
import subprocess
import sys

WRITER = """
import os, sys
try:
    print("Bright star", flush=True)
except BrokenPipeError:
    sys.exit(1)
"""

reader, writer = os.pipe()
os.close(reader)
ended = subprocess.run(
    [sys.executable, "-I", "-c", WRITER],
    check=False,
    stdout=writer,
    stderr=subprocess.PIPE,
    text=True,
)
os.close(writer)
print("ended with", ended.returncode)
print("complained:", *ended.stderr.splitlines()[-1:])
