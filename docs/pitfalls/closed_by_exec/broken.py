# SPDX-License-Identifier: 0BSD
"""Broken: names a descriptor to a program that does not get it."""

import os
import subprocess

reader, writer = os.pipe()
os.write(writer, b"Bright star\n")
os.close(writer)
command = ["cat", f"/dev/fd/{reader}"]
try:
    cat = subprocess.run(command, check=False)
finally:
    os.close(reader)
print("cat ended with", cat.returncode)
