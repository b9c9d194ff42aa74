"""A message about processes says of each what it does, and where."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.process_states import (
    STATES,
    describe_processes,
    innermost_line,
    members,
    signals_of,
    source_line,
)
from tests.harness.running import DEADLINE, RunningProgram

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="asks /proc"),
]


def wait() -> None:
    print("waits", flush=True)
    while True:  # it is asked where it is by a signal
        signal.pause()


def have_children() -> None:
    """Have a child that waits, one that has ended, and another program."""
    inlet, _stays_open = os.pipe()
    become_cat = partial(os.execvp, "cat", ["cat"])
    for action in (wait, lambda: None, become_cat):
        if os.fork() == 0:
            try:
                os.dup2(inlet, 0)
                action()
            finally:
                os._exit(0)
    wait()


@pytest.fixture
def family() -> Iterator[RunningProgram]:
    with RunningProgram(have_children) as running:
        assert [running.line(), running.line()] == ["waits", "waits"]
        yield running


def test_each_process_is_told(family: RunningProgram) -> None:
    """In whatever order: numbers begin anew when the greatest was given."""

    def settled() -> bool:
        found = [(state, name) for _, state, name in members(family.pid)]
        states = sorted(state for state, _ in found)
        return states == ["S", "S", "S", "Z"] and ("S", "cat") in found

    deadline = time.monotonic() + DEADLINE
    while not settled():
        if time.monotonic() > deadline:
            pytest.fail(family.describe_processes("a child, cat, a zombie"))
        os.sched_yield()
    lines = family.describe_processes("a miracle").splitlines()[1:-1]
    text = next(
        f"{n}: {line.strip()}"
        for n, line in enumerate(Path(__file__).read_text().splitlines(), 1)
        if line == "        signal.pause()"
    )
    here = f"waits in wait(), {Path(__file__).name}:{text}"
    pids = [pid for pid, _, _ in members(family.pid)]
    numbers, words = zip(*(line.split(", ", 1) for line in lines), strict=True)
    assert numbers == tuple(f"process {pid}" for pid in pids)
    assert sorted(words) == [
        f"a child, {STATES['Z']}",
        f"a child, {here}",
        "cat, waits",
        f"the parent, {here}",
    ]
    assert words[pids.index(family.pid)] == f"the parent, {here}"


def test_a_stopped_process_and_the_end_are_told() -> None:
    with RunningProgram(wait) as running:
        running.line()
        os.kill(running.pid, signal.SIGSTOP)
        os.waitpid(running.pid, os.WUNTRACED)
        told, _ = describe_processes(running.pid, bytes)
        assert told == [f"process {running.pid}, the parent, is stopped"]
        os.kill(running.pid, signal.SIGKILL)
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        told, _ = describe_processes(running.pid, bytes)
        assert told == [f"process {running.pid}, the parent, has ended"]


def test_a_session_has_groups(family: RunningProgram) -> None:
    ours = [pid for pid, _, _ in members(os.getsid(0), session=True)]
    assert {os.getpid(), family.pid} <= {*ours}
    assert ours == sorted(ours)


def test_what_a_process_does_with_signals_is_found() -> None:
    def change_and_wait() -> None:
        signal.signal(signal.SIGHUP, lambda *_: None)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
        wait()

    watched = {signal.SIGHUP, signal.SIGUSR1, signal.SIGURG}
    beside = {number + n for number in watched for n in (-1, 1)}
    with RunningProgram(change_and_wait) as running:
        running.line()
        found = {
            what: signals_of(running.pid, what) & (watched | beside)
            for what in ("Blk", "Cgt", "Ign")
        }
        caught = found["Cgt"] - {signal.SIGINT, signal.SIGUSR2}
        assert signal.SIGHUP in caught
        assert not caught & (watched - {signal.SIGHUP})
        assert found["Blk"] == {signal.SIGURG}
        assert found["Ign"] == {signal.SIGUSR1}
    assert signals_of(running.pid, "Cgt") == set()


def test_the_innermost_line_of_a_program_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "ipc_examples"
    folder.mkdir()
    file, other = folder / "one.py", tmp_path / "other.py"
    file.write_text("first\n  second\n")
    other.write_text("third\n")
    stack = f'  File "{other}", line 1 in read\n'
    assert innermost_line(stack.encode()) == " in read(), other.py:1: third"
    stack += f'  File "{file}", line 2 in main\n  File "{file}", line 1 in x\n'
    assert innermost_line(stack.encode()) == " in main(), one.py:2: second"
    assert innermost_line(b'  File "nosuch.py", line 1 in x\n') == ""
    assert innermost_line(b"") == ""
    assert source_line(file, 3) == "one.py:3: "
    assert re.match("one.py:1: first", source_line(file, 1))
