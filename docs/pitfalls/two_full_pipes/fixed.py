# SPDX-License-Identifier: 0BSD
"""Read and write at the same time."""

import subprocess

TEXT = b"to and fro\n" * 100_000

with subprocess.Popen(
    ["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
) as cat:
    print("writing", len(TEXT), "bytes", flush=True)
    copy, _ = cat.communicate(TEXT)
print(len(copy), "of", len(TEXT), "bytes came back")
