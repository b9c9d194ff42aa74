# SPDX-License-Identifier: 0BSD
"""Broken: names a descriptor to a program that does not get it."""

import os
import subprocess

reader, writer = os.pipe()
os.write(writer, b"Bright star\n")
os.close(writer)
try:
    cat = subprocess.run(["cat", f"/dev/fd/{reader}"], check=False)
finally:
    os.close(reader)
print("cat ended with", cat.returncode)
