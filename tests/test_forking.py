"""Children that fail, die or cannot be.

That nothing is left open, nobody left behind, and no child runs on as its
parent, Running sees to.
"""

from __future__ import annotations

import errno
import os
import re
import signal
from itertools import count, repeat
from typing import TYPE_CHECKING

import pytest
from programs import (
    FORKING,
    STDIN,
    Ended,
    Running,
    but_in_child,
    die,
    own_arguments,
    patience,
    run_file,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow
CHANNELLED = [
    p for p in FORKING if re.search(r"\bos\.pipe\b|\bsocket\b", source(p))
]

fork = os.fork


def run(program: str, **replace: object) -> Ended:
    """Run *program* with another fork, and perhaps less patience."""
    replace["os.fork"] = replace.pop("fork")
    with Running(
        program,
        *own_arguments(program),
        stdin=STDIN,
        replace=replace,
    ) as running:
        return running.finish()


def at_most(times: int) -> Callable[[], int]:
    """Return a fork that works a number of times only."""
    rest = repeat(None, times)

    def fork_or_fail() -> int:
        for _ in rest:
            return fork()
        raise BlockingIOError(errno.EAGAIN, "no room")

    return fork_or_fail


@pytest.mark.fault("no room for another process")
@pytest.mark.parametrize("program", FORKING)
def test_reports_that_there_is_no_room_for_a_child(program: str) -> None:
    for children in count():
        status, _, err = run(program, fork=at_most(children))
        if status == 0:
            break
        assert status == 1
        assert err == f"{program}: [Errno {errno.EAGAIN}] no room\n"
    assert children > 0


@pytest.mark.parametrize("program", FORKING)
def test_reports_that_a_child_was_killed(program: str) -> None:
    status, _, err = run(program, fork=but_in_child(die), **patience(program))
    if "os.exec" in source(program):  # the status is the other program's
        assert (status, err) == (128 + signal.SIGKILL, "")
    else:
        assert status == 1
        assert re.fullmatch(rf"{program}: .+\n", err)


@pytest.mark.parametrize("program", FORKING)
def test_a_signal_ends_a_child_at_once(program: str) -> None:
    def terminate() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    ended = run(program, fork=but_in_child(terminate), **patience(program))
    if "os.exec" in source(program):
        assert (ended.status, ended.err) == (128 + signal.SIGTERM, "")
    elif program == "fork":  # its children answer by their status
        assert ended.out == (
            "parent: still 6\nthe child had 143, the parent has 6\n"
        )
    else:
        assert ended.status == 1
        assert re.fullmatch(rf"({program}: .+\n)+", ended.err)


@pytest.mark.fault("SIGTERM at the moment of the fork")
@pytest.mark.parametrize("program", FORKING)
def test_a_child_that_nobody_knows_ends_by_itself(program: str) -> None:
    def fork_and_be_terminated() -> int:
        pid = fork()
        if pid:
            os.kill(os.getpid(), signal.SIGTERM)
        return pid

    replace = {"os.fork": fork_and_be_terminated, **patience(program)}
    with Running(
        program, *own_arguments(program), replace=replace, strict=False
    ) as running:
        assert running.finish().status == 128 + signal.SIGTERM


@pytest.mark.fault("output unwritten at the fork")
@pytest.mark.parametrize("program", FORKING)
def test_output_comes_once(program: str) -> None:
    def begin_and_run() -> None:
        print("begun", end=" ")
        run_file(program, *own_arguments(program))

    with Running(begin_and_run, stdin=STDIN) as running:
        ended = running.finish()
    assert (ended.status, ended.err, ended.out.count("begun")) == (0, "", 1)


@pytest.mark.parametrize("program", CHANNELLED)
def test_reports_a_childs_status(program: str) -> None:
    def end_badly() -> None:
        leave = os._exit
        os._exit = lambda _: leave(3)  # type: ignore[assignment]

    status, _, err = run(program, fork=but_in_child(end_badly))
    if "os.exec" in source(program):  # the other program ends well
        assert (status, err) == (0, "")
    else:
        assert status == 1
        assert re.fullmatch(rf"{program}: .+\n", err)


def outliving_child(fork: Callable[[], int]) -> Callable[[], int]:
    """Return a fork from which the parent goes on when the child has ended."""

    def fork_and_wait() -> int:
        if pid := fork():
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return pid

    return fork_and_wait


@pytest.mark.fault("a child that fails")
@pytest.mark.parametrize("program", CHANNELLED)
def test_reports_that_a_child_failed(program: str) -> None:
    def lose_every_channel() -> None:
        os.closerange(3, 256)

    # Or an impatient parent could end it before it has said why.
    fork = outliving_child(but_in_child(lose_every_channel))
    status, _, err = run(program, fork=fork, **patience(program))
    assert status == (127 if "os.exec" in source(program) else 1)
    assert re.fullmatch(rf"({program}: .+\n)+", err)
    # The child says why; the parent, that it failed.
    assert err.count("\n") > 1 or program == "round_trips"
