"""The extensions know where things are, and what a program is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipcdocs import project
from tests.harness.catalogue import FILES

if TYPE_CHECKING:
    from pathlib import Path


def test_the_parts_are_where_they_are_looked_for() -> None:
    assert (project.ROOT / "pyproject.toml").is_file()
    assert (project.DOCS / "conf.py").is_file()


def test_every_program_is_one() -> None:
    assert all(map(project.is_program, FILES.values()))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ipc_examples/one.py", "one\ntwo", True),
        ("ipc_examples/one.py", "\none\ntwo\n", True),
        ("ipc_examples/one.py", "one", False),
        ("ipc_examples/one.txt", "one\ntwo", False),
        ("examples/one.py", "one\ntwo", False),
    ],
)
def test_only_all_of_a_program_is_whole(
    tmp_path: Path, name: str, text: str, *, expected: bool
) -> None:
    file = tmp_path / name
    file.parent.mkdir()
    file.write_text("one\ntwo\n")
    assert project.is_whole(text, file) is expected
