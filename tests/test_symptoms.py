"""Whatever a chapter mentions that can go wrong has its place in the index."""

from __future__ import annotations

import errno
import re

import pages
import pytest

SYMPTOMS = (pages.DOCS / "reference" / "symptoms.md").read_text("utf-8")
INDEX, *GROUPS = SYMPTOMS.split("\n## ")
ENTRIES = dict(
    entry.split("\n", 1)
    for group in GROUPS
    for entry in group.split("\n### ")[1:]
)
CHAPTERS = "".join(
    file.read_text("utf-8")
    for file in sorted(pages.DOCS.glob("tutorial/*.md"))
)
NAMES = "|".join(sorted(errno.errorcode.values()))
MENTIONED = sorted(
    set(re.findall(rf"\b(?:{NAMES})\b|\[Errno -?\d+\]", CHAPTERS))
    | set(re.findall(r"\b[A-Z]\w+(?:Error|Warning)\b", CHAPTERS))
)
# What a program of the tutorial raises itself, and what names them all.
GENERAL = {"ConnectionError", "IncompleteReadError", "OSError", "ValueError"}


def anchor(heading: str) -> str:
    """Return the name of a heading in links, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", sorted({*MENTIONED} - GENERAL))
def test_what_a_chapter_mentions_has_an_entry(name: str) -> None:
    assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", SYMPTOMS)


def test_there_are_enough() -> None:
    assert len(ENTRIES) >= 25


@pytest.mark.parametrize("heading", ENTRIES)
def test_an_entry_is_whole(heading: str) -> None:
    assert f"| [{heading}](#{anchor(heading)}) |" in INDEX
    for part in (
        "```{doctest}\n>>> ",
        "\n**Cause.** ",
        "\n**Cure.** ",
        "](../tutorial/",
    ):
        assert part in ENTRIES[heading]


def test_the_table_leads_to_entries_alone() -> None:
    assert set(re.findall(r"\| \[(.+?)\]\(#", INDEX)) == set(ENTRIES)
