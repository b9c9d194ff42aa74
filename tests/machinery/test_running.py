"""What a program leaves, and that it does not end, is noticed and told."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.harness import running
from tests.harness.process_states import STORIES, signals_of
from tests.harness.running import (
    ExitReport,
    LeftBehindError,
    RunningProgram,
    Status,
    assert_exit_report,
    assert_idle,
    exit_report_error,
    outcome_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow


def finish(action: Callable[[], object]) -> ExitReport:
    with RunningProgram(action) as program:
        return program.finish()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_no_thread_of_xdist_takes_a_signal_of_this_process() -> None:
    """Or a program in the main thread would wait for SIGCHLD in vain."""
    threads = {int(number) for number in os.listdir("/proc/self/task")}
    blocked = {n: signals_of(n, "Blk") for n in threads - {os.getpid()}}
    assert [n for n in blocked if signal.SIGCHLD not in blocked[n]] == []


def test_a_descriptor_left_open_is_told() -> None:
    assert "left open" in finish(os.pipe).err


def test_output_that_is_no_utf8_is_shown_with_escapes() -> None:
    assert finish(lambda: os.write(1, b"a\xff")) == (0, r"a\xff", "")


def test_a_child_that_runs_on_is_told() -> None:
    def fork_and_wait() -> None:
        if child := os.fork():
            os.waitpid(child, 0)

    ended = finish(fork_and_wait)
    assert ended == (0, "", "a child ran on as its parent\n")


def test_a_child_left_behind_is_told() -> None:
    def fork_and_end() -> None:
        if not os.fork():
            time.sleep(0.05)
            os._exit(0)

    if sys.platform != "linux":
        pytest.skip("an orphan goes to process 1")
    with pytest.raises(LeftBehindError, match="did not wait for its children"):
        finish(fork_and_end)


def test_a_child_in_a_group_of_its_own_is_killed_at_the_end() -> None:
    def fork_and_wait() -> None:
        if not os.fork():
            os.setpgid(0, 0)
            print(os.getpid(), flush=True)
        signal.pause()

    with RunningProgram(fork_and_wait) as program:
        child = int(program.line())
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def until_it_has_ended(program: RunningProgram) -> None:
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)


def test_one_who_was_to_wait_and_has_ended_is_told() -> None:
    with RunningProgram(lambda: signal.raise_signal(signal.SIGKILL)) as one:
        until_it_has_ended(one)
        with pytest.raises(AssertionError, match="killed by SIGKILL"):
            assert_idle(one.pid)
        one.finish()


def test_what_a_failed_test_has_not_looked_at_is_told() -> None:
    def speak_and_end() -> None:
        print("the last words")
        sys.exit(3)

    def fail() -> None:
        with RunningProgram(speak_and_end) as program:
            until_it_has_ended(program)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert STORIES[-1][1:] == [
        "it had ended when the test failed: status 3",
        "not yet read: stdout 'the last words\\n', stderr ''",
    ]


@pytest.mark.parametrize(
    ("number", "whom"),
    [
        (signal.SIGTERM, "the parent"),
        (signal.SIGINT, "all of its processes"),
    ],
)
def test_all_that_was_done_is_told(number: signal.Signals, whom: str) -> None:
    def speak_and_wait() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        print("ready", flush=True)
        print("half a line", end="", flush=True)
        signal.pause()

    other = {"os.getppid": os.getpid}
    with RunningProgram(speak_and_wait, "a b", replace=other) as program:
        assert program.line() == "ready"
        program.signal(number)
        ended = program.finish()
    assert ended == (-number, "half a line", "")
    assert STORIES[-1] == [
        "speak_and_wait 'a b' was started, with another os.getppid",
        "it wrote to standard output: ready",
        f"{number.name} was sent to {whom}",
        f"it ended: killed by {number.name}, stdout 'half a line', stderr ''",
    ]


def test_a_traceback_is_on_standard_error() -> None:
    def fail() -> None:
        raise LookupError("a mistake")

    status, out, err = finish(fail)
    assert (status, out) == (1, "")
    assert err.endswith("LookupError: a mistake\n")


def test_what_sys_exit_is_given_is_told() -> None:
    assert finish(lambda: sys.exit("why")) == (1, "", "why\n")
    assert finish(lambda: sys.exit(3)) == (3, "", "")


def test_a_program_that_does_not_end_tells_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "DEADLINE", 0.2)
    with RunningProgram(signal.pause, name="waiter") as program:
        with pytest.raises(TimeoutError) as late:
            program.finish()
        expected = "waiter: waited 0.2 s for its end"
        assert str(late.value).startswith(expected)
        if sys.platform == "linux":
            assert f"process {program.pid}, the parent, waits" in str(
                late.value
            )


def test_lines_that_come_together_are_given_one_by_one() -> None:
    with RunningProgram(lambda: os.write(1, b"one\ntwo\n")) as program:
        assert [program.line(), program.line()] == ["one", "two"]
        assert program.finish() == (0, "", "")


def test_a_line_that_does_not_come_is_told() -> None:
    def write() -> None:
        print("half", end="")

    with RunningProgram(write, name="writer") as program:
        with pytest.raises(EOFError, match="writer closed its standard out"):
            program.line()
        program.finish()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("seconds", [0.0001, 0.01])
def test_a_busy_program_is_not_idle(seconds: float) -> None:
    def nap() -> None:
        while True:
            time.sleep(seconds)

    with (
        RunningProgram(nap) as program,
        pytest.raises(AssertionError, match="was to wait, but got"),
    ):
        assert_idle(program.pid)


def test_who_does_not_wait_is_not_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(running, "assert_idle", asked.append)
    with RunningProgram(signal.pause) as program:
        program.interrupt()
        assert asked == [program.pid]


ENDED = ExitReport(Status(1), "out", "pipe: why\n")


def test_an_end_as_expected_has_no_fault() -> None:
    assert exit_report_error(ENDED, r"pipe: .+\n") == ""
    assert exit_report_error(ENDED, r"pipe: .+\n", out="out") == ""


@pytest.mark.parametrize(
    ("stderr", "status", "out"),
    [
        (r"pipe: .+", 1, None),  # a newline more
        (r".+\n", 0, None),
        (r".+\n", -1, None),
        (r".+\n", 1, ""),
    ],
)
def test_another_end_than_expected_is_told(
    stderr: str, status: int, out: str | None
) -> None:
    with pytest.raises(AssertionError, match="otherwise than it sho"):
        assert_exit_report(ENDED, stderr, status=status, out=out)


def test_a_status_has_words() -> None:
    assert repr(Status(2)) == "status 2"
    assert repr(Status(-9)) == "killed by SIGKILL"


def test_long_output_is_cut() -> None:
    assert running.abbreviated(b"\xffa") == r"'\\xffa'"
    assert running.abbreviated("a\nb") == "\n    'a\\n'\n    'b'"
    line = "a" * 100 + "b" * 101
    cut = f"'{'a' * 90} ... {'b' * 90}'"
    assert running.abbreviated(line) == cut
    assert running.abbreviated(line[1:]) == repr(line[1:])
    many = running.abbreviated("\n".join("abcdefghijklmnopqrstuv"))
    lines = many.splitlines()
    assert (lines[1], lines[10]) == (r"    'a\n'", r"    'j\n'")
    assert lines[11] == "    ... 2 lines more ..."
    assert (lines[12], lines[-1]) == (r"    'm\n'", "    'v'")
    assert len(running.abbreviated("\n" * 20).splitlines()) == 21


SPEAK = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"


def test_a_command_runs_to_its_end() -> None:
    command = [sys.executable, "-c", SPEAK]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    assert outcome_of(command, name="speak", **pipes) == (3, "out\n", "err\n")
    assert STORIES[-1][0].endswith(" was started")
    assert STORIES[-1][1:] == [
        r"it ended: status 3, stdout 'out\n', stderr 'err\n'"
    ]


def test_a_command_that_does_not_end_tells_what_it_wrote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "DEADLINE", 0.5)
    command = ["sh", "-c", "echo out; echo err >&2; exec sleep 60"]
    with pytest.raises(TimeoutError) as late:
        outcome_of(command, name="sleeper", capture_output=True)
    assert str(late.value) == (
        "sleeper: waited 0.5 s for its end; so far "
        r"stdout 'out\n', stderr 'err\n'. It ran as a command: where it "
        "waits, another test's failure may tell, or a run by hand"
    )


def test_what_was_expected_is_told_beside_what_came() -> None:
    came = r"came:     status 1, stdout 'out', stderr 'pipe: why\n'"
    expected = "expected: status 2, any stdout, stderr like x"
    assert exit_report_error(ENDED, "x", status=2) == f"{came}\n{expected}"
    expected = "expected: killed by SIGKILL, stdout 'a', stderr like x"
    assert (
        exit_report_error(ENDED, "x", status=-9, out="a")
        == f"{came}\n{expected}"
    )
    assert running.in_words((1, "a")) == "status 1, 'a'"
    assert running.in_words((Status(-2), 7)) == "killed by SIGINT, 7"


def test_what_is_left_behind_is_told_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spin_on(number: int | None) -> None:
        if os.fork() == 0:
            end = time.process_time() + 0.2
            while time.process_time() < end:
                pass
            os._exit(0)
        if number:
            os.kill(os.getpid(), number)

    if sys.platform != "linux":
        pytest.skip("an orphan goes to process 1")
    monkeypatch.setattr(running, "SPIN", 0.1)
    spun = r"^p was ended by a signal, and its children \[\d+\] used more than"
    waited = r"^p did not wait for its children \[\d+\]$"
    for number, stderr in (signal.SIGTERM, spun), (None, waited):
        with (
            RunningProgram(partial(spin_on, number), name="p") as program,
            pytest.raises(LeftBehindError, match=stderr),
        ):
            program.finish()


def test_a_child_acts_first_and_is_outlived() -> None:
    def fork_and_print() -> None:
        os.fork = running.act_in_child(lambda: print("child", flush=True))
        os.fork = running.outliving_child(os.fork)
        child = os.fork()
        if child == 0:
            os._exit(0)
        print("parent", os.waitpid(child, os.WNOHANG)[0] == child)

    assert finish(fork_and_print).out == "child\nparent True\n"


def test_who_writes_for_ever_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write() -> None:
        while True:
            print("on and on", file=sys.stderr)

    monkeypatch.setattr(running, "DEADLINE", 0.2)
    monkeypatch.setattr(running, "ENOUGH", 0.1)
    with pytest.raises(TimeoutError, match="on and on"):
        finish(write)


@pytest.mark.parametrize(
    ("value", "scale", "names"),
    [
        (2.0, 3, {"TIMEOUT": 0.05 * 3}),
        (b"", 30, {"TIMEOUT": struct.pack("ll", 1, 500_000)}),
        (2.0, 0, {}),
        (None, 1, {}),
    ],
)
def test_a_program_may_wait_less(
    monkeypatch: pytest.MonkeyPatch,
    value: object,
    scale: int,
    names: dict[str, object],
) -> None:
    made = SimpleNamespace(**({} if value is None else {"TIMEOUT": value}))
    monkeypatch.setitem(sys.modules, "ipc_examples.made", made)
    monkeypatch.setattr(running, "FORKING", ["made"])
    assert running.short_timeouts("made", scale) == names
    monkeypatch.setattr(running, "FORKING", [])
    assert running.short_timeouts("made", scale) == {}
    made.TRIES = 3
    tries = {0: 20, 3: 15, 30: 20, 1: 5}[scale]
    found = running.short_timeouts("made", scale)
    assert found == {"TIMEOUT": 0.02, "TRIES": tries}


def test_waits_that_are_measured_are_made_short() -> None:
    """And one of them is left out, which cannot be."""
    names = running.short_waits("vanished_peer")
    assert names["INTERVAL"] == names["PATIENCE"] == 0.02
    assert "keepalive" not in str(names["WAYS"])
    assert running.short_waits("pipe") == {}


def test_input_and_output_have_their_encoding() -> None:
    def copy() -> None:
        print(sys.stdin.read().upper())

    with RunningProgram(copy, stdin=b"a\n", encoding="utf-16-le") as program:
        out = program.finish().out.encode()
    assert out.decode("utf-16-le") == "A\n\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another")
def test_an_unprivileged_user_has_nothing_of_roots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tell() -> None:
        print(os.getresuid(), os.getresgid(), os.getgroups())

    monkeypatch.setattr(running, "main_of", lambda *_: tell)
    with RunningProgram(running.as_unprivileged_user("pipe")) as program:
        ended = program.finish()
    nobody = (running.NOBODY,) * 3
    assert ended.out == f"{nobody} {nobody} []\n"
