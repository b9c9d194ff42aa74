# SPDX-License-Identifier: 0BSD
"""Broken: its children go on with the loop of their parent."""

import os

for job in ("first", "second"):
    child = os.fork()
    if child == 0:
        print(job, "job", flush=True)
    else:
        os.waitpid(child, 0)
print("all done")
