# SPDX-License-Identifier: 0BSD
"""Leave nothing that would go into the broken pipe at exit."""

import os
import subprocess
import sys

WRITER = """
import os, sys
try:
    print("Bright star", flush=True)
except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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
