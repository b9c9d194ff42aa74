"""What the pages' designs of servers do where a transcript cannot show it."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
DESIGNS = ROOT / "docs" / "designs"


@pytest.mark.slow
def test_silent_clients_fails_in_one_line_and_leaves_no_server() -> None:
    """Eight descriptors are enough for some of the designs."""

    def allow_few_descriptors() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))

    ended = subprocess.run(
        [sys.executable, "silent_clients.py"],
        check=False,
        cwd=DESIGNS,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "IPC_TEST_RUN": str(os.getpid()),
        },
        preexec_fn=allow_few_descriptors,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    *_, last = ended.stderr.splitlines()
    assert re.fullmatch(r"silent_clients: \[Errno \d+\] .+", last)
    assert "Traceback" not in ended.stderr
    left = [
        process.pid for process in psutil.process_iter() if is_ours(process)
    ]
    assert not left


def is_ours(process: psutil.Process) -> bool:
    """Return True if a process has the mark of the run."""
    try:
        return process.environ().get("IPC_TEST_RUN") == str(os.getpid())
    except psutil.Error:
        return False
