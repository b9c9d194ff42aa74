"""What every program keeps that forks, when children fail or cannot be.

That nothing is left open, nobody left behind, and no child runs on as its
parent, Running sees to.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import signal
from itertools import count, repeat
from typing import TYPE_CHECKING

import pytest
from programs import (
    PROGRAMS,
    Ended,
    Running,
    but_in_child,
    command_line,
    die,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow
FORKING = [p for p in PROGRAMS if "os.fork()" in source(p)]
CHANNELLED = [
    p for p in FORKING if re.search(r"\bos\.pipe\b|\bsocket\b", source(p))
]

fork = os.fork


def run(program: str, **replace: object) -> Ended:
    """Run *program* with another fork, and perhaps less patience."""
    line = command_line(program, COUNT="1").rpartition(" | ")[2]
    replace["os.fork"] = replace.pop("fork")
    with Running(
        program,
        *shlex.split(line)[2:],
        stdin=b"one\ntwo\nthree\n",
        replace=replace,
    ) as running:
        return running.finish()


def patience(program: str) -> dict[str, float]:
    return {"PATIENCE": 0.05} if "PATIENCE = " in source(program) else {}


def at_most(times: int) -> Callable[[], int]:
    """Return a fork that works a number of times only."""
    rest = repeat(None, times)

    def fork_or_fail() -> int:
        for _ in rest:
            return fork()
        raise BlockingIOError(errno.EAGAIN, "no room")

    return fork_or_fail


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


@pytest.mark.parametrize("program", CHANNELLED)
def test_reports_that_a_child_failed(program: str) -> None:
    def lose_every_channel() -> None:
        os.closerange(3, 256)

    fork = but_in_child(lose_every_channel)
    status, _, err = run(program, fork=fork, **patience(program))
    assert status == (127 if "os.exec" in source(program) else 1)
    assert re.fullmatch(rf"({program}: .+\n)+", err)
