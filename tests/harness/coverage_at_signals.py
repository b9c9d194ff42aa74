"""Saves what a process has covered before a signal ends it.

Coverage.py saves when a process leaves. One that dies of a signal does not
leave: so it is asked to save before, if coverage is measured at all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from tests.harness.process_states import signals_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coverage import Coverage

SAVE_SIGNAL = signal.SIGUSR1


def install_coverage_save() -> None:
    """Let this process save when asked, or when it raises a signal itself."""
    current = coverage_here()
    if not current:
        return
    process = os.getpid()
    raise_signal, sigwait = signal.raise_signal, signal.sigwait

    def save_and_stop(*_: object) -> None:
        if os.getpid() == process:
            current.save()
            os.kill(process, signal.SIGSTOP)

    def save_and_raise(number: int) -> None:
        current.save()
        raise_signal(number)

    def wait_unasked(sigset: Iterable[int]) -> int:
        """Wait as sigwait() does: to no avail a signal would interrupt it."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {SAVE_SIGNAL})
        try:
            return sigwait(sigset)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    signal.signal(SAVE_SIGNAL, save_and_stop)
    signal.raise_signal = save_and_raise
    signal.sigwait = wait_unasked


def save_coverage_of(pid: int, number: int) -> None:
    """Let a child of ours save, if it would die of a signal, and wait for it.

    One that blocks or handles the signal leaves, or raises it, by itself.
    """
    if not coverage_here() or any(
        number in signals_of(pid, what) for what in ("Blk", "Cgt", "Ign")
    ):
        return
    if SAVE_SIGNAL not in signals_of(pid, "Cgt") - signals_of(pid, "Blk"):
        return  # it is another program, by exec, or waits for signals
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, SAVE_SIGNAL)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        os.kill(pid, signal.SIGCONT)


def coverage_here() -> Coverage | None:
    """Return the measurement of this process, if there is one.

    Whoever measures has imported coverage. It is not imported here: it takes
    3 MB, whose page tables each fork would copy.
    """
    coverage = sys.modules.get("coverage")
    return coverage.Coverage.current() if coverage else None
