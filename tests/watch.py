"""Runs a program, and reports what it leaves.

``python watch.py REPORT PROGRAM`` writes to the file REPORT, as JSON, the
program's ``descriptors`` that are open at its end, how the ``children`` ended
that it waited for, and how many it did not wait for, ``forgotten``.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys

ended: list[int] = []
really_wait = os.waitpid


def waitpid(process: int, options: int) -> tuple[int, int]:
    found, status = really_wait(process, options)
    if found:
        ended.append(os.waitstatus_to_exitcode(status))
    return found, status


def descriptors() -> set[int]:
    found = set()
    for descriptor in range(256):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            found.add(descriptor)
    return found


def forgotten() -> int:
    """Count the children that nobody has waited for."""
    count = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            really_wait(-1, 0)
            count += 1
    return count


def main() -> None:
    _, report, program = sys.argv
    here, before = os.getpid(), descriptors()
    os.waitpid = waitpid
    sys.argv = [program]
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        if os.getpid() == here:  # and not in a child that runs on
            found = {
                "descriptors": sorted(descriptors() - before),
                "children": ended,
                "forgotten": forgotten(),
            }
            with open(report, "w") as file:
                json.dump(found, file)


if __name__ == "__main__":
    main()
