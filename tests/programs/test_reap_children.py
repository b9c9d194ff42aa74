from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

import pytest

from ipc_examples import reap_children
from ipc_examples.reap_children import (
    wait_for_all,
    wait_once,
    with_handler,
    with_pidfds,
    zombies_left,
)
from tests.harness.running import (
    RunningProgram,
    act_in_child,
    anew,
    assert_exit_report,
    error_line,
    kill_self,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

NAME = "reap_children"
# Only another command line brings it about.
NOT_REACHED = ('parser.error("COUNT is negative")',)


def test_shows_what_each_way_leaves() -> None:
    with RunningProgram(NAME) as running:
        out = (
            "a handler that waits once: 29 of 30 left\n"
            "a handler that loops: 0 of 30 left\n"
            "a pidfd for each: 0 of 30 left\n"
        )
        assert running.finish() == (0, out, "")


@pytest.mark.parametrize("count", [0, 1, 2, 60])
def test_takes_any_number(count: int) -> None:
    with RunningProgram(anew(NAME, str(count)), name=NAME) as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    left = [line.partition(": ")[2] for line in out.splitlines()]
    once = max(0, count - 1)
    assert left == [f"{once} of {count} left"] + 2 * [f"0 of {count} left"]


def test_refuses_what_is_no_number() -> None:
    with RunningProgram(NAME, "many") as running:
        ended = running.finish()
    stderr = rf"usage: (.*\n)+{NAME}\.py: error: .*'many'\n"
    assert_exit_report(ended, stderr, status=2, out="")


def test_refuses_a_number_below_zero() -> None:
    with RunningProgram(NAME, "-5") as running:
        ended = running.finish()
    stderr = rf"usage: (.*\n)+{NAME}\.py: error: COUNT is negative\n"
    assert_exit_report(ended, stderr, status=2, out="")


@pytest.mark.parametrize(
    ("way", "left"),
    [
        (lambda _: with_handler(wait_once), 2),
        (lambda _: with_handler(wait_for_all), 0),
        (with_pidfds, 0),
        (lambda _: None, 3),
    ],
)
def test_leaves_no_child_and_nothing_else_changed(
    way: Callable[[list[int]], None], left: int
) -> None:
    def count_and_look() -> None:
        print(zombies_left(way, 3))
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        print(signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL)
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            print("none")

    with RunningProgram(count_and_look) as running:
        assert running.finish() == (0, f"{left}\nset()\nTrue\nnone\n", "")


def test_a_handler_is_called_once_for_all() -> None:
    calls: list[object] = []

    def note(*arguments: object) -> None:
        calls.append(arguments[0])

    def count() -> None:
        zombies_left(lambda _: with_handler(note), 20)
        print(*map(int, map(str, calls)))  # a number each

    with RunningProgram(count) as running:
        assert running.finish() == (0, f"{signal.SIGCHLD:d}\n", "")


def test_a_handler_that_loops_may_be_called_in_vain() -> None:
    """A child that it has waited for before may have sent the signal."""
    with RunningProgram(wait_for_all) as running:
        assert running.finish() == (0, "", "")


def test_reports_a_child_that_is_killed() -> None:
    error = error_line(NAME, "2", replace={"os.fork": act_in_child(kill_self)})
    assert error == f"{NAME}: a child failed\n"


def test_ends_the_first_if_there_is_no_room_for_the_second() -> None:
    fork, numbers = os.fork, iter((1, 0))

    def fork_or_fail() -> int:
        if next(numbers):
            return fork()
        raise BlockingIOError(errno.EAGAIN, "no room")

    error = error_line(NAME, "2", replace={"os.fork": fork_or_fail})
    assert error == f"{NAME}: [Errno {errno.EAGAIN}] no room\n"


def test_says_that_there_are_no_pidfds() -> None:
    def have_none(_: int) -> NoReturn:
        raise AttributeError("module 'os' has no attribute 'pidfd_open'")

    with RunningProgram(
        NAME, "1", replace={"os.pidfd_open": have_none}
    ) as running:
        ended = running.finish()
    assert_exit_report(ended, rf"{NAME}: module .* 'pidfd_open'\n")


def test_closes_all_pidfds_if_one_cannot_be_opened() -> None:
    before = os.listdir("/dev/fd")
    with pytest.raises(OSError, match="Invalid argument"):
        with_pidfds([os.getpid(), os.getpid(), -1])
    assert os.listdir("/dev/fd") == before


def test_leaves_children_of_others_alone_by_pidfds() -> None:
    def beside_another() -> None:
        if (other := os.fork()) == 0:
            os._exit(7)
        print(zombies_left(reap_children.with_pidfds, 3))
        print(os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))

    with RunningProgram(beside_another) as running:
        assert running.finish() == (0, "0\n7\n", "")
