"""Each session of a page gives what the page shows, typed at a prompt.

The build runs the sessions as doctests, which read all of a session at once.
A reader types it line by line, in one Python for the page or, where searches
and links lead to an entry, for the entry: what a child does with the keyboard,
or what an expression prints, shows only there.
"""

from __future__ import annotations

import re
from itertools import groupby, islice
from typing import TYPE_CHECKING

import pytest

from tests.harness.markdown_blocks import DOCS, blocks, blocks_of
from tests.harness.typed_sessions import differences

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
# Who comes to an entry by a search or a link has typed none of those before.
OF_ENTRIES = sorted(
    page
    for pattern in ("symptoms/*.md", "how-do-i.md", "answers*.md")
    for page in (DOCS / "reference").glob(pattern)
)
ENTRIES = {
    f"{page.stem}: {entry.partition(chr(10))[0]}": sessions
    for page in OF_ENTRIES
    for entry in re.split(r"(?m)^##+ ", page.read_text("utf-8"))
    if (sessions := [b for b in blocks_of(entry) if b.name == "{doctest}"])
}
SESSIONS = {
    page: [block for _, block in found]
    for page, found in groupby(
        (pair for pair in blocks() if pair[1].name == "{doctest}"),
        key=lambda pair: pair[0],
    )
    if DOCS / page not in OF_ENTRIES
}


@pytest.mark.parametrize("page", SESSIONS)
def test_a_page_can_be_typed(page: str, tmp_path: Path) -> None:
    # What follows a difference is mostly its consequence.
    found = [*islice(differences(SESSIONS[page], str(tmp_path)), 3)]
    if found:
        pytest.fail(f"docs/{page}, " + "\n".join(map(str, found)))


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_can_be_typed_alone(entry: str, tmp_path: Path) -> None:
    found = [*islice(differences(ENTRIES[entry], str(tmp_path)), 3)]
    if found:
        pytest.fail("\n".join(map(str, found)))
