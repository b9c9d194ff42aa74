"""Saves what a process has covered before a signal ends it.

Coverage.py saves when a process leaves. One that dies of a signal does not
leave: so it is asked to save before, if coverage is measured at all.
"""

from __future__ import annotations

import contextlib
import os
import signal

import coverage

SAVE = signal.SIGUSR1


def will_save() -> None:
    """Let this process save when asked, or when it raises a signal itself."""
    current = coverage.Coverage.current()
    if not current:
        return
    process, raise_signal = os.getpid(), signal.raise_signal

    def save_and_stop(*_: object) -> None:
        if os.getpid() == process:
            current.save()
            os.kill(process, signal.SIGSTOP)

    def save_and_raise(number: int) -> None:
        current.save()
        raise_signal(number)

    signal.signal(SAVE, save_and_stop)
    signal.raise_signal = save_and_raise


def let_save(pid: int) -> None:
    """Let a child of ours save, and wait until it has."""
    if not coverage.Coverage.current():
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, SAVE)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        os.kill(pid, signal.SIGCONT)
