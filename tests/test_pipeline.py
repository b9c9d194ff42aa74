from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from programs import (
    FILES,
    Running,
    main_of,
)

NAME = "pipeline"


def test_joins_two_programs() -> None:
    with Running(NAME, r"printf 'one\ntwo\n'", "wc -l") as running:
        status, out, err = running.finish()
    assert (status, out.strip(), err) == (0, "2", "")


def test_the_first_reads_standard_input() -> None:
    with Running(NAME, "cat", "tr a-z A-Z", stdin=b"moon") as running:
        assert running.finish() == (0, "MOON", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("true", "true", 0),
        ("false", "true", 0),
        ("true", "sh -c 'exit 3'", 3),
        ("true", "sh -c 'kill -9 $$'", 128 + 9),
        ("sh -c 'kill -9 $$'", "true", 0),
    ],
)
def test_the_second_gives_the_status(
    first: str, second: str, status: int
) -> None:
    with Running(NAME, first, second) as running:
        assert running.finish() == (status, "", "")


@pytest.mark.parametrize(
    ("unknown", "why"),
    [("no-such-program", "No such file"), ("/", "Permission denied")],
)
def test_reports_a_program_that_cannot_run(unknown: str, why: str) -> None:
    with Running(NAME, "true", unknown) as running:
        status, out, err = running.finish()
    assert (status, out) == (127, "")
    assert err.startswith(f"{NAME}: {unknown}: ")
    assert why in err
    assert err.count("\n") == 1


def test_runs_the_second_though_the_first_cannot() -> None:
    with Running(NAME, "no-such-program", "wc -c") as running:
        status, out, err = running.finish()
    assert (status, out.strip()) == (0, "0")
    assert err.startswith(f"{NAME}: no-such-program: ")


@pytest.mark.slow
def test_an_endless_first_ends_with_the_second() -> None:
    with Running(NAME, "yes", "head -n 1") as running:
        assert running.finish() == (0, "y\n", "")


@pytest.mark.slow
@pytest.mark.fault("SIGPIPE at its default, and ignored")
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

    with Running(start) as running:
        status, out, err = running.finish()
    assert (status, out.strip()) == (0, "0")
    assert err.startswith("cat: ")


def test_takes_its_programs_with_it() -> None:
    first = "sh -c 'echo begun >&2; exec sleep 60'"
    with Running(NAME, first, "sleep 60") as running:
        assert running.complaint() == "begun"
        running.signal(signal.SIGTERM)
        assert running.finish() == (128 + signal.SIGTERM, "", "")


@pytest.mark.parametrize("command", ["", " ", "'", "echo 'moon"])
def test_needs_two_commands(command: str) -> None:
    with Running(NAME, command, "true") as running:
        status, out, err = running.finish()
    assert (status, out) == (2, "")
    usage, error = err.splitlines()
    assert usage.startswith("usage: pipeline.py [-h] PROG PROG")
    assert error.startswith("pipeline.py: error: ")


def test_says_what_a_command_is() -> None:
    with Running(NAME, "", "true") as running:
        assert running.finish().err.endswith(
            "error: PROG is a command, not an empty string\n"
        )
