# SPDX-License-Identifier: 0BSD
"""Broken: writes everything before it reads anything."""

import subprocess

TEXT = b"to and fro\n" * 100_000

with subprocess.Popen(
    ["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
) as cat:
    assert cat.stdin
    assert cat.stdout
    print("writing", len(TEXT), "bytes", flush=True)
    cat.stdin.write(TEXT)
    cat.stdin.close()
    copy = cat.stdout.read()
print(len(copy), "of", len(TEXT), "bytes came back")
