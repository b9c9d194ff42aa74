"""Calls back when a process comes to a checkpoint of a program."""

from __future__ import annotations

import os
import signal
import sys
import threading
from _signal import (  # type: ignore[import-not-found]
    getsignal,  # signal's makes enumerations, which takes long
    pthread_sigmask,
)
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

DUP_LOCK = threading.Lock()  # two threads would count each other's descriptor
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Checkpoint(NamedTuple):
    """Where a process is, as far as a signal's effect depends on it."""

    child: bool
    lines: tuple[int, ...]  # innermost first, each called by the next
    descriptor: int  # the next to be opened, counted from the first, or 0


def watch_checkpoints(
    file: str, reached: Callable[[Checkpoint], None]
) -> None:
    """Call *reached* when this process, or a child, is at a new checkpoint.

    That is before a line of *file* is run: for the first time, or called
    from elsewhere, or while other descriptors are open.
    """
    process, first = os.getpid(), next_descriptor()
    seen: set[Checkpoint] = set()

    def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401
        if frame.f_code.co_filename != file:
            return None
        if event == "line":
            lines, by_chance = lines_of(frame, file)
            descriptor = 0 if by_chance else next_descriptor() - first
            checkpoint = Checkpoint(os.getpid() != process, lines, descriptor)
            if checkpoint not in seen:
                seen.add(checkpoint)
                reached(checkpoint)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)


def lines_of(innermost: FrameType, file: str) -> tuple[tuple[int, ...], bool]:
    """Return the line of each function, but not of what a handler interrupts.

    SIGURG comes when the peer is so far, and SIGCHLD when the child is: that
    is a matter of chance, and so is what is open then.

    :returns: the lines, and whether such a handler is among the functions
    """
    handlers = [
        getattr(getsignal(number), "__code__", None)
        for number in (signal.SIGURG, signal.SIGCHLD)
    ]
    lines = []
    frame: FrameType | None = innermost
    while frame:
        if frame.f_code.co_filename == file:
            lines.append(frame.f_lineno)
        if frame.f_code in handlers:
            return tuple(lines), True
        frame = frame.f_back
    return tuple(lines), False


def next_descriptor() -> int:
    """Return the number that the next open file will get."""
    mask = pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        with DUP_LOCK:
            descriptor = os.dup(0)
            os.close(descriptor)
    finally:
        pthread_sigmask(signal.SIG_SETMASK, mask)
    return descriptor
