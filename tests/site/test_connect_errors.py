"""A session that the build cannot run: it takes a network of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness.markdown_blocks import DOCS

if TYPE_CHECKING:
    from pathlib import Path

UNSHARE = shutil.which("unshare") or ""
PAGE = DOCS / "advanced/13b-vanished-peers.md"
SESSION = re.compile(
    r"\n# unshare --net sh\n((?:# ip .*\n)+)# python\n(>>> .*?)```", re.DOTALL
)


def why_not() -> str:
    """Return why there can be no network of its own, or nothing."""
    if not (UNSHARE and shutil.which("ip")):
        return "the commands unshare and ip are not installed"
    return in_a_network("true").stderr.strip()


def in_a_network(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell's commands in a network of their own."""
    return subprocess.run(
        [UNSHARE, "--net", "sh", "-e", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.root
def test_the_session_in_a_network_of_its_own(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    found = SESSION.search(PAGE.read_text(encoding="utf-8"))
    assert found
    commands = found[1].replace("# ", "")
    session = tmp_path / "session.txt"
    session.write_text(found[2])
    ended = in_a_network(
        f"{commands}exec {sys.executable} -m doctest {session}"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
