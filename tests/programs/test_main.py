from __future__ import annotations

import ast
import errno
import io
import os
import runpy
import subprocess
import sys

import pytest

from tests.harness.catalogue import PROGRAMS, ROOT, source
from tests.harness.running import (
    RunningProgram,
    assert_exit_report,
    outcome_of,
    reason,
)
from tests.harness.signal_injection.checkpoints import STOPPING

FULL = "/dev/full"


def run(*arguments: str, **replace: object) -> RunningProgram:
    def run_package() -> None:
        sys.argv = ["ipc_examples", *arguments]
        sys.modules.pop("ipc_examples.__main__", None)  # pytest's import
        runpy.run_module("ipc_examples", run_name="__main__")

    return RunningProgram(run_package, replace=replace)


def test_lists_every_program_in_one_line() -> None:
    docstrings = [ast.get_docstring(ast.parse(source(p))) for p in PROGRAMS]
    firsts = [str(text).partition("\n")[0] for text in docstrings]
    with run() as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{program:24}{first}"
        for program, first in zip(PROGRAMS, firsts, strict=True)
    ]


def test_takes_no_notice_of_arguments() -> None:
    with run("pipe") as other, run() as usual:
        assert other.finish() == usual.finish()


def test_can_be_imported() -> None:
    names = runpy.run_path(str(ROOT / "ipc_examples" / "__main__.py"))
    assert [name for name, _ in names["programs"]()] == PROGRAMS


@pytest.mark.parametrize("number", STOPPING)
def test_dies_of_a_signal_quietly(number: int) -> None:
    def kill_self(_: object) -> None:
        os.kill(os.getpid(), number)

    with run(**{"ast.parse": kill_self}) as running:
        assert running.finish() == (-number, "", "")


class Unread(io.StringIO):
    """A standard output that nobody reads."""

    def write(self, text: str) -> int:
        if text:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        return 0


def test_reports_that_nobody_reads_the_list() -> None:
    error = "ipc_examples: [Errno 32] Broken pipe\n"
    with run(**{"sys.stdout": Unread()}) as running:
        assert running.finish() == (1, "", error)


@pytest.mark.skipif(not os.path.exists(FULL), reason=f"needs {FULL}")
def test_reports_that_there_is_no_room_for_the_list() -> None:
    """It says so itself; Python may add a note at its end."""
    with open(FULL, "w") as full:
        ended = outcome_of(
            [sys.executable, "-m", "ipc_examples"],
            name="ipc_examples",
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
        )
    note = r"(Exception ignored.*\nOSError: .*\n)?"
    stderr = rf"ipc_examples: {reason(errno.ENOSPC)}\n{note}"
    assert_exit_report(
        ended, stderr, status=120 if "ignored" in ended.err else 1
    )
