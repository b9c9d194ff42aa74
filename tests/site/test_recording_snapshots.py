"""Each recording holds what its snapshot shows, which a reviewer has read."""

from __future__ import annotations

import difflib
import re

import pytest
from record import recorder
from record.picture import picture
from record.snapshot import snapshot

from tests.harness.catalogue import ROOT
from tests.harness.recordings import load

# The build itself refuses a recording that is corrupt or not up to date.
pytestmark = pytest.mark.slow
README = (ROOT / "README.md").read_text("utf-8")


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


@pytest.mark.parametrize(
    "name", [file.stem for file in recorder.RECORDINGS.glob("*.svg")]
)
def test_a_picture_shows_what_its_recording_holds(name: str) -> None:
    file = recorder.RECORDINGS / f"{name}.svg"
    if picture(load(name)) != file.read_text("utf-8"):
        pytest.fail(
            f"docs/recordings/{name}.svg does not show what {name}.json"
            f" holds: nox -s record -- {name} draws it anew",
            pytrace=False,
        )


def test_the_readme_has_a_picture() -> None:
    shown = re.findall(r"\]\((docs/recordings/\w+\.svg)\)", README)
    assert shown
    for file in shown:
        assert (ROOT / file).exists()
