"""What was covered is saved before a signal ends the process."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from types import SimpleNamespace

import coverage
import pytest

from tests.harness.coverage_at_signals import SAVE_SIGNAL
from tests.harness.running import RunningProgram

TERMINATED = -signal.SIGTERM


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let coverage be measured by something that tells when it saves."""
    current = SimpleNamespace(save=lambda: os.write(1, b"saved\n"))
    monkeypatch.setattr(coverage.Coverage, "current", lambda: current)


def test_a_process_saves_before_a_signal_ends_it() -> None:
    with RunningProgram(partial(time.sleep, 60)) as program:
        program.signal(signal.SIGTERM)
        assert program.finish() == (TERMINATED, "saved\n", "")


def test_a_process_saves_before_it_raises_a_signal() -> None:
    with RunningProgram(lambda: signal.raise_signal(15)) as program:
        assert program.finish() == (TERMINATED, "saved\n", "")


def test_a_handler_s_process_is_not_asked() -> None:
    """It leaves by itself, and saves then."""

    def handle_and_pause() -> None:
        signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"handled\n"))
        signal.pause()

    with RunningProgram(handle_and_pause) as program:
        program.signal(signal.SIGTERM)
        assert program.finish() == (0, "handled\n", "")


def test_a_child_s_save_is_not_its_parent_s() -> None:
    def fork_and_ask() -> None:
        if not os.fork():
            os.kill(os.getpid(), SAVE_SIGNAL)
            os._exit(0)
        os.wait()

    with RunningProgram(fork_and_ask) as program:
        assert program.finish() == (0, "", "")


def test_to_be_asked_does_not_interrupt_sigwait() -> None:
    def wait() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.write(1, signal.Signals(signal.sigwait({15})).name.encode())

    with RunningProgram(wait) as program:
        program.wait_until_blocked()
        os.kill(program.pid, SAVE_SIGNAL)
        program.signal(signal.SIGTERM)
        os.waitid(os.P_PID, program.pid, os.WSTOPPED)  # it saves now
        os.kill(program.pid, signal.SIGCONT)
        assert program.finish() == (0, "saved\nSIGTERM", "")
