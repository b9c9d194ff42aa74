"""Runs a program, and reports what it does and leaves.

``python run_and_report.py REPORT PROGRAM`` writes a dictionary to the file
REPORT, as Python shows it: the program's ``descriptors`` that are open at its
end, how the ``children`` ended that it waited for, how many it did not wait
for, ``forgotten``, and the lines of the program that ran neither in it nor in
a child, ``missed``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import runpy
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

Trace = Any  # a function that returns its like

ended: list[int] = []
really_wait = os.waitpid


def waitpid(process: int, options: int) -> tuple[int, int]:
    found, status = really_wait(process, options)
    if found:
        ended.append(os.waitstatus_to_exitcode(status))
    return found, status


def tracer(program: str, seen: int) -> Trace:
    """Return a trace function that writes the number of each new line.

    However a process ends then, its lines are there.
    """
    known: set[int] = set()

    def trace(frame: FrameType, _event: str, _: object) -> Trace:
        if frame.f_code.co_filename != program:
            return None
        if frame.f_lineno not in known:
            known.add(frame.f_lineno)
            os.write(seen, b"%d\n" % frame.f_lineno)
        return trace

    return trace


def lines_of(code: CodeType) -> Iterator[int]:
    """Yield the lines that have something to run."""
    for _, _, line in code.co_lines():
        yield line or 0
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from lines_of(constant)


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
    with open(program) as file:
        everything = set(lines_of(compile(file.read(), program, "exec")))
    with open(report, "wb+") as seen:  # to import tempfile takes long
        os.unlink(report)
        # Out of the way of the program's own, whose numbers it may show.
        high = fcntl.fcntl(seen, fcntl.F_DUPFD_CLOEXEC, 200)
    with open(high, "rb") as lines:
        here, before = os.getpid(), descriptors()
        os.waitpid = waitpid
        sys.argv = [program]
        trace = tracer(program, high)
        threading.settrace(trace)
        sys.settrace(trace)
        try:
            runpy.run_path(program, run_name="__main__")
        finally:
            sys.settrace(None)
            if os.getpid() == here:  # and not in a child that runs on
                found = {
                    "descriptors": sorted(descriptors() - before),
                    "children": ended,
                    "forgotten": forgotten(),
                }
                lines.seek(0)
                found["missed"] = sorted(everything - {*map(int, lines), 0})
                with open(report, "w") as file:
                    file.write(repr(found))


if __name__ == "__main__":
    main()
