"""Runs a program and sends it a signal at one of its lines.

python strike.py SIGNAL LINE FILE [ARGUMENT]...
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


def visit_lines(file: str, visit: Callable[[int], None]) -> None:
    """Call *visit* when this process first comes to a line of *file*.

    Not in its children, and not before it has installed a handler.
    """
    process = os.getpid()
    seen = set()

    def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401
        if frame.f_code.co_filename != file:
            return None
        line = frame.f_lineno
        if event == "line" and line not in seen and os.getpid() == process:
            seen.add(line)
            if signal.getsignal(signal.SIGINT) != signal.default_int_handler:
                visit(line)
        return trace

    sys.settrace(trace)


def main() -> None:
    number, target = map(int, sys.argv[1:3])
    del sys.argv[:3]

    def strike(line: int) -> None:
        if line == target:  # ^C reaches all, another signal the parent alone
            process = 0 if number == signal.SIGINT else os.getpid()
            (os.killpg if process == 0 else os.kill)(process, number)

    visit_lines(sys.argv[0], strike)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
