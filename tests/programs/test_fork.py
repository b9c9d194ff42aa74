from __future__ import annotations

from typing import Any

from ipc_examples.fork import add_one_in_child
from tests.harness.running import (
    RunningProgram,
    act_in_child,
    assert_exit_report,
    error_line,
    kill_self,
)

CONSTANTS = {"FAILED": 255}


def test_shows_both_memories() -> None:
    with RunningProgram("fork") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "child: fork returned 0, now 7",
        "parent: still 6",
        "the child had 7, the parent has 6",
    ]


def test_does_not_double_what_is_still_unwritten() -> None:
    def begin_a_line_and_fork() -> None:
        print("begun", end=" ")
        print(add_one_in_child(253))

    lines = ["begun child: fork returned 0, now 254", "parent: still 253"]
    with RunningProgram(begin_a_line_and_fork) as running:
        out = "\n".join([*lines, "(254, 253)", ""])
        assert running.finish() == (0, out, "")


def test_reports_a_childs_mistake() -> None:
    number: Any = "six"
    replace = {"add_one_in_child": lambda _: add_one_in_child(number)}
    with RunningProgram("fork", replace=replace) as running:
        ended = running.finish()
    stderr = (
        r"fork: child: TypeError\(.*\)\n"
        r"fork: the child ended with status 255\n"
    )
    assert_exit_report(ended, stderr, out="")


def test_takes_no_number_for_which_there_is_no_status() -> None:
    with RunningProgram(lambda: add_one_in_child(253)) as running:
        assert running.finish().status == 0
    replace = {"add_one_in_child": lambda _: add_one_in_child(254)}
    with RunningProgram("fork", replace=replace) as running:
        ended = running.finish()
    assert_exit_report(ended, r"fork: the child ended with status 255\n")


def test_names_the_signal_that_ended_the_child() -> None:
    stderr = error_line("fork", replace={"os.fork": act_in_child(kill_self)})
    assert stderr == "fork: the child ended with status -9\n"
