"""Calls back at each line of a program that a process comes to."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


def visit_lines(
    file: str, visit: Callable[[int], None], *, children: bool = False
) -> None:
    """Call *visit* when a process first comes to a line of *file*.

    Not before it has installed a handler.

    :param children: whether the children are visited, or this process
    """
    process = os.getpid()
    seen = set()

    def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401
        if frame.f_code.co_filename != file:
            return None
        line = frame.f_lineno
        visited = (os.getpid() != process) is children
        if event == "line" and visited and line not in seen:
            seen.add(line)
            if signal.getsignal(signal.SIGINT) != signal.default_int_handler:
                visit(line)
        return trace

    sys.settrace(trace)
