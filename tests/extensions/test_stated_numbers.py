"""A number in prose is compared with what it speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipcdocs.verification import stated_numbers
from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PROGRAM = """SIZE = 1024
LONG = 1_000_000
WAIT = 2.5
TRIES = 5
NAME = "one"
COMPUTED = 2 * SIZE
LEAST, MOST = 3, 7
"""


def build(folder: Path, text: str) -> tuple[str, list[str]]:
    """Return the paragraph as it is shown, and the warnings."""
    programs = folder / "ipc_examples"
    programs.mkdir()
    for name in "made.py", "other.py", "__init__.py":
        (programs / name).write_text(PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stated_numbers, "ROOT", folder)
        site = small_sites.build(
            *(folder, {"index.md": f"# Page\n\n{text}\n"}),
            "ipcdocs.verification.stated_numbers",
            builder="text",
        )
    found = site.read("index.txt").split("\n\n", 1)[1].strip()
    complaints = [
        line.partition("WARNING: ")[2] for line in site.warnings.splitlines()
    ]
    return found, complaints


def test_small_numbers_have_words() -> None:
    words = (
        "no one two three four five six seven eight nine ten eleven twelve "
        "thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
    )
    found = [stated_numbers.numbers_in(word) for word in words.split()]
    assert found == [{number} for number in range(21)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{value}`made.SIZE`", "1024"),
        ("{value}`made.WAIT`", "2.5"),
        ("{value}`five tries <made.TRIES>`", "five tries"),
        ("{value}`Five tries of 9 <made.TRIES>`", "Five tries of 9"),
        ("{value}`1,024 bytes <made.SIZE>`", "1,024 bytes"),
        ("{value}`made.LONG`", "1000000"),
        ("{value}`made.LEAST` to {value}`made.MOST`", "3 to 7"),
        ("{count}`ipc_examples/*.py`", "2"),
        ("{count}`two programs <ipc_examples/*.py>`", "two programs"),
    ],
)
def test_a_number_is_shown(tmp_path: Path, text: str, found: str) -> None:
    assert build(tmp_path, text) == (found, [])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "{value}`six <made.TRIES>`",
            "made.TRIES is 5, not: six",
        ),
        ("{value}`15 <made.TRIES>`", "made.TRIES is 5, not: 15"),
        ("{value}`it <made.TRIES>`", "made.TRIES is 5, not: it"),
        ("{value}`made.NONE`", "made.NONE: made.py has no constant NONE"),
        ("{value}`nosuch.SIZE`", "nosuch.SIZE: [Errno 2] No such file"),
        ("{value}`made.NAME`", "made.NAME: could not convert string to"),
        ("{value}`made.COMPUTED`", "made.COMPUTED: malformed node"),
        (
            "{count}`three <ipc_examples/*.py>`",
            "ipc_examples/*.py is 2, not: three",
        ),
        ("{count}`nosuch/*`", "nosuch/*: there is no such file"),
    ],
)
def test_a_false_number_is_told(
    tmp_path: Path, text: str, complaint: str
) -> None:
    _, complaints = build(tmp_path, text)
    assert len(complaints) == 1
    assert complaints[0].startswith(complaint)
