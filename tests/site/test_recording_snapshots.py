"""Each recording holds what its snapshot shows, which a reviewer has read."""

from __future__ import annotations

import difflib

import pytest
from record import recorder
from record.snapshot import snapshot

from tests.harness.recordings import load

# The build itself refuses a recording that is corrupt or not up to date.
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", recorder.recorded())
def test_recording_holds_what_its_snapshot_shows(name: str) -> None:
    made = snapshot(load(name))
    file = recorder.RECORDINGS / f"{name}.txt"
    reviewed = file.read_text("utf-8") if file.exists() else ""
    if made != reviewed:
        changed = difflib.unified_diff(
            reviewed.splitlines(),
            made.splitlines(),
            f"docs/recordings/{name}.txt",
            f"docs/recordings/{name}.json",
            lineterm="",
        )
        advice = (
            f"{name}.json does not hold what its snapshot {name}.txt shows.\n"
            f"nox -s record -- {name} makes both anew: then see by git diff "
            "whether this is what the programs do."
        )
        pytest.fail("\n".join([advice, *changed]), pytrace=False)
