"""What every test of a program needs."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def empty_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Change to an empty directory; at the end it must be empty again."""
    with tempfile.TemporaryDirectory(prefix="ipc-") as directory:
        monkeypatch.chdir(directory)
        yield
        left = os.listdir(directory)
        monkeypatch.undo()
        assert not left
