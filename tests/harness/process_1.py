"""Runs a program as process 1, as a container does."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.harness.catalogue import FILES
from tests.harness.running import children_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# Its options: one's own user is root there; what it starts ends with it.
UNSHARE = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child"]


class Process1(NamedTuple):
    """A program that is process 1 of a namespace."""

    unshare: subprocess.Popen[str]  # waits for it, and ends with its status
    pid: int  # outside of the namespace
    first_line: str


@contextlib.contextmanager
def process_1(program: str) -> Iterator[Process1]:
    """Run *program* in a namespace of process ids, and kill it at the end.

    Where there can be none, the test is reported as not run.
    """
    if (
        not shutil.which("unshare")
        or subprocess.run([*UNSHARE, "true"], check=False).returncode
    ):
        pytest.skip("no process id namespace can be made here")
    with subprocess.Popen(
        [*UNSHARE, sys.executable, "-I", str(FILES[program])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as unshare:
        try:
            assert unshare.stdout
            first_line = unshare.stdout.readline()
            (pid,) = children_of(unshare.pid)
            yield Process1(unshare, pid, first_line)
        finally:
            unshare.kill()
