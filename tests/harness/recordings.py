"""The recordings of the pages' transcripts, for tests to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipcdocs.recording import model
from tests.harness.markdown_blocks import DOCS

if TYPE_CHECKING:
    from ipcdocs.recording.model import Recording


def load(name: str) -> Recording:
    """Return a recording; fail in one line if it cannot be read."""
    try:
        return model.load(DOCS / "recordings" / f"{name}.json")
    except model.RecordingError as error:
        reason = str(error)
    pytest.fail(reason, pytrace=False)
