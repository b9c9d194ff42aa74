"""What every test of a program needs."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_configure(config: pytest.Config) -> None:
    set_hypothesis_home_dir(config.cache.mkdir("hypothesis"))
    config.pluginmanager.register(Results())


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers to start: most tests wait most of the time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def no_colours() -> Iterator[None]:
    """Let argparse print plain text: Python 3.14 can be asked for colours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FORCE_COLOR", raising=False)
        patch.setenv("NO_COLOR", "1")
        yield


@pytest.fixture
def empty_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Change to an empty directory; at the end it must be empty again.

    It is the place for temporary files as well.
    """
    with tempfile.TemporaryDirectory(prefix="ipc-") as directory:
        monkeypatch.chdir(directory)
        monkeypatch.setenv("TMPDIR", directory)
        monkeypatch.setattr(tempfile, "tempdir", None)  # it asks TMPDIR anew
        yield
        left = os.listdir(directory)
        monkeypatch.undo()
        assert not left


@pytest.fixture(autouse=True)
def no_file_after_a_fault(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("fault"):
        request.getfixturevalue("empty_directory")
