from __future__ import annotations

import errno
import io
import os
import shlex
import signal
import subprocess
import sys

import pytest

from ipc_examples.pipeline import run
from tests.harness.catalogue import FILES
from tests.harness.running import RunningProgram, main_of, wait_until_blocked
from tests.harness.signal_injection.checkpoints import STOPPING

NAME = "pipeline"
# What only another peer, or luck, brings about: see test_signals.py.
NOT_REACHED = (
    "os.close(descriptor)",
    "# as a shell says of what it cannot execute",
    'parser.error("PROG is',
    "pass  # it takes the place of",
)
PASSED_ON = [signal.SIGTERM, signal.SIGHUP]


def test_joins_two_programs() -> None:
    with RunningProgram(NAME, r"printf 'one\ntwo\n'", "wc -l") as running:
        status, out, err = running.finish()
    assert (status, out.strip(), err) == (0, "2", "")


def test_the_first_reads_standard_input() -> None:
    with RunningProgram(NAME, "cat", "tr a-z A-Z", stdin=b"moon") as running:
        assert running.finish() == (0, "MOON", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("true", "true", 0),
        ("false", "true", 0),
        ("true", "sh -c 'exit 3'", 3),
        ("true", "sh -c 'exit 255'", 255),
        ("true", "sh -c 'kill -KILL $$'", 128 + signal.SIGKILL),
        ("true", "sh -c 'kill -USR1 $$'", 128 + signal.SIGUSR1),
        ("sh -c 'kill -KILL $$'", "true", 0),
        ("sh -c 'kill -TERM $$'", "true", 0),
    ],
)
def test_the_second_gives_the_status(
    first: str, second: str, status: int
) -> None:
    with RunningProgram(NAME, first, second) as running:
        assert running.finish() == (status, "", "")


@pytest.mark.parametrize("number", STOPPING)
def test_dies_of_the_signal_of_which_the_second_died(number: int) -> None:
    """So a shell that runs it sees the same as if it had run the second."""
    with RunningProgram(
        NAME, "true", f"sh -c 'kill -{number:d} $$'"
    ) as running:
        assert running.finish() == (-number, "", "")


@pytest.mark.parametrize(
    ("unknown", "why", "status"),
    [
        ("no-such-program", "[Errno 2] No such file or directory", 127),
        ("/", "[Errno 13] Permission denied", 126),
        ("/dev/null", "[Errno 13] Permission denied", 126),
        ("/dev/null/moon", "[Errno 20] Not a directory", 126),
    ],
)
def test_reports_a_program_that_cannot_run(
    unknown: str, why: str, status: int
) -> None:
    with RunningProgram(NAME, "true", unknown) as running:
        error = f"{NAME}: {unknown}: {why}\n"
        assert running.finish() == (status, "", error)


def test_a_child_leaves_though_it_cannot_say_why() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "no room")

    replace = {"sys.stderr": Full()}
    with RunningProgram(
        NAME, "true", "no-such-program", replace=replace
    ) as running:
        assert running.finish() == (126, "", "")


def test_runs_the_second_though_the_first_cannot() -> None:
    with RunningProgram(NAME, "no-such-program", "wc -c") as running:
        status, out, err = running.finish()
    assert (status, out.strip()) == (0, "0")
    why = "[Errno 2] No such file or directory"
    assert err == f"{NAME}: no-such-program: {why}\n"


@pytest.mark.slow
def test_an_endless_first_ends_with_the_second() -> None:
    with RunningProgram(NAME, "yes", "head -n 1") as running:
        assert running.finish() == (0, "y\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("ignored", [False, True])
def test_both_find_sigpipe_at_its_default(*, ignored: bool) -> None:
    ended = subprocess.run(
        [sys.executable, FILES[NAME], "yes", "head -n 1"],
        capture_output=True,
        check=False,
        restore_signals=not ignored,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"y\n", b"")


def test_the_first_does_not_read_the_pipe_instead_of_a_closed_input() -> None:
    def start() -> None:
        os.close(0)
        main_of(NAME, "cat", "wc -c")()

    with RunningProgram(start) as running:
        status, out, err = running.finish()
    assert (status, out.strip()) == (0, "0")
    assert err.startswith("cat: ")


def told_by(trap: str) -> str:
    """Return a program that goes on after a signal, whatever it reads."""
    loop = "echo ready; while :; do read line; done"
    return shlex.join(["sh", "-c", f"trap {trap}; {loop}"])


@pytest.mark.parametrize("again", PASSED_ON)
@pytest.mark.parametrize("number", PASSED_ON)
def test_a_program_that_tidies_up_is_not_killed(
    number: int, again: int
) -> None:
    """A closed terminal may send SIGHUP twice."""
    end_at_second = "told=$told-; echo told$told; [ $told != -- ] || exit 3"
    with RunningProgram(
        NAME, "sleep 60", told_by(f"'{end_at_second}' HUP TERM")
    ) as running:
        assert running.line() == "ready"
        running.signal(number)
        assert running.line() == "told-"
        running.signal(again)
        assert running.finish() == (3, "told--\n", "")


@pytest.mark.parametrize("number", PASSED_ON)
def test_takes_its_programs_with_it(number: int) -> None:
    first = "sh -c 'echo begun >&2; exec sleep 60'"
    with RunningProgram(NAME, first, "sleep 60") as running:
        assert running.stderr_line() == "begun"
        running.signal(number)
        assert running.finish() == (-number, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_passes_nothing_on_that_a_key_has_sent_to_all(number: int) -> None:
    """Nor does it count: the SIGTERM that follows is not the second."""
    second = told_by("'echo told; exit 3' TERM")
    with RunningProgram(NAME, "sleep 60", second) as running:
        assert running.line() == "ready"
        wait_until_blocked(running.pid)
        os.kill(running.pid, number)
        running.signal(signal.SIGTERM)
        assert running.finish() == (3, "told\n", "")


@pytest.mark.slow
def test_control_c_leaves_alone_who_handles_it() -> None:
    """It reaches all three: the first dies, and the second goes on."""
    second = "sh -c 'trap \"echo caught\" INT; echo ready; cat; cat; exit 3'"
    with RunningProgram(NAME, "sleep 60", second) as running:
        assert running.line() == "ready"
        running.signal(signal.SIGINT)
        assert running.finish() == (3, "caught\n", "")


def test_waits_though_it_began_with_sigchld_ignored() -> None:
    """Then the system would tell it nothing of its children."""

    def ignore_and_run() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        main_of(NAME, "true", "sh -c 'exit 3'")()

    with RunningProgram(ignore_and_run, name=NAME) as running:
        assert running.finish() == (3, "", "")


def test_run_leaves_the_signal_mask_as_it_was() -> None:
    def run_and_compare() -> None:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        status = run(["true"], ["sh", "-c", "kill -TERM $$"])
        after = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        print(status, after == mask | {signal.SIGUSR1})

    with RunningProgram(run_and_compare) as running:
        assert running.finish() == (0, "-15 True\n", "")


@pytest.mark.parametrize("command", ["", " ", "'", "echo 'moon"])
def test_needs_two_commands(command: str) -> None:
    with RunningProgram(NAME, command, "true") as running:
        status, out, err = running.finish()
    assert (status, out) == (2, "")
    usage, error = err.splitlines()
    assert usage == "usage: pipeline.py [-h] PROG PROG"
    why = "PROG is a command, not an empty string"
    if "'" in command:
        why = f"argument PROG: invalid split value: {command!r}"
    assert error == f"pipeline.py: error: {why}"
