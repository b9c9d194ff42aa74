# SPDX-License-Identifier: 0BSD
"""Let each child do its job and leave."""

import os

for job in ("first", "second"):
    child = os.fork()
    if child == 0:
        try:
            print(job, "job", flush=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
print("all done")
