# SPDX-License-Identifier: 0BSD
"""Say which descriptors the new program shall get."""

import os
import subprocess

reader, writer = os.pipe()
os.write(writer, b"Bright star\n")
os.close(writer)
command = ["cat", f"/dev/fd/{reader}"]
try:
    cat = subprocess.run(command, check=False, pass_fds=[reader])
finally:
    os.close(reader)
print("cat ended with", cat.returncode)
