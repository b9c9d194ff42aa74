"""What a program does and leaves is reported, and which lines did not run."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness import run_and_report

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
PROGRAM = """\
import os, threading, time

def begin(status, seconds):
    child = os.fork()
    if child == 0:
        time.sleep(seconds)
        os._exit(status)
    return child

def never():
    pass

print(os.dup(1), flush=True)
os.waitpid(begin(3, 0), 0)
os.waitpid(begin(0, 0), 0)
begin(4, 0.1)
begin(5, 0.1)
thread = threading.Thread(target=lambda:
    print("in a thread", flush=True))
thread.start()
thread.join()
if thread.is_alive():
    never()
"""
MISSED = [11, 23]  # the bodies of never() and of the last if


def test_what_a_program_leaves_is_reported(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    files = (run_and_report.__file__, "report", "program.py")
    done = subprocess.run(
        [sys.executable, *files],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        text=True,
    )
    left, *others = done.stdout.splitlines()
    assert (others, done.stderr) == (["in a thread"], "")
    assert ast.literal_eval((tmp_path / "report").read_text()) == {
        "descriptors": [int(left)],
        "children": [3, 0],
        "forgotten": 2,
        "missed": MISSED,
    }
