"""Whatever a chapter mentions that can go wrong has its place in the index."""

from __future__ import annotations

import doctest
import errno
import os
import re
import runpy
import sys

import pytest

from tests.harness import markdown_blocks

REFERENCE = markdown_blocks.DOCS / "reference"
INDEX = (REFERENCE / "symptoms.md").read_text("utf-8")
PAGES = {
    page.stem: page.read_text("utf-8")
    for page in sorted(REFERENCE.glob("symptoms/*.md"))
}
WHERE, ENTRIES = {}, {}
for group, page in PAGES.items():
    for entry in page.split("\n## ")[1:]:
        title, _, text = entry.partition("\n")
        assert title not in ENTRIES
        WHERE[title], ENTRIES[title] = group, text
CHAPTERS = "".join(
    file.read_text("utf-8")
    for part in ("tutorial", "advanced")
    for file in sorted(markdown_blocks.DOCS.glob(f"{part}/*.md"))
)
NAMES = "|".join(sorted(errno.errorcode.values()))
MENTIONED = sorted(
    set(re.findall(rf"\b(?:{NAMES})\b|\[Errno -?\d+\]", CHAPTERS))
    | set(re.findall(r"\b[A-Z]\w+(?:Error|Warning)\b", CHAPTERS))
)
# From XNU's bsd/sys/errno.h; the numbers up to 34 but EDEADLK are Linux's too.
MACOS = {
    "EAGAIN": 35,
    "EINPROGRESS": 36,
    "ENOTSOCK": 38,
    "EDESTADDRREQ": 39,
    "EMSGSIZE": 40,
    "EPROTOTYPE": 41,
    "EPROTONOSUPPORT": 43,
    "EAFNOSUPPORT": 47,
    "EADDRINUSE": 48,
    "EADDRNOTAVAIL": 49,
    "ENETUNREACH": 51,
    "ECONNABORTED": 53,
    "ECONNRESET": 54,
    "ENOBUFS": 55,
    "EISCONN": 56,
    "ENOTCONN": 57,
    "ETIMEDOUT": 60,
    "ECONNREFUSED": 61,
    "EHOSTUNREACH": 65,
    "EOPNOTSUPP": 102,
}
# What a program raises itself, and what names them all.
GENERAL = {"ConnectionError", "IncompleteReadError", "OSError", "ValueError"}
NO_TEXT = "**No text.** "
every_entry = pytest.mark.parametrize("heading", ENTRIES)
ERROR = re.compile(r"\s*`\[Errno (\d+)\]`, `(\w+)`")
every_error = pytest.mark.parametrize(
    "heading", [h for h, entry in ENTRIES.items() if ERROR.match(entry)]
)


def anchor(heading: str) -> str:
    """Return the name of a heading in links, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def about(heading: str) -> str:
    """Return the text of an entry before its example."""
    return ENTRIES[heading].partition("```")[0].strip()


def printed(text: str) -> str:
    """Return the output of the examples in a text, which the build checks."""
    return "".join(
        example.want
        for block in markdown_blocks.blocks_of(text)
        if block.name == "{doctest}"
        for example in doctest.DocTestParser().get_examples(block.text)
    )


def parts(heading: str) -> tuple[str, str]:
    """Return the two parts of an entry, its cure and all before it."""
    before, cure = ENTRIES[heading].split("\n**Cure.** ")
    return before, cure


@pytest.mark.parametrize("name", sorted({*MENTIONED} - GENERAL))
def test_what_a_chapter_mentions_has_an_entry(name: str) -> None:
    whole = rf"(?<!\w){re.escape(name)}(?!\w)"
    assert any(
        re.search(whole, f"{heading}\n{about(heading)}") for heading in ENTRIES
    )


def test_there_are_enough_symptoms() -> None:
    assert len(ENTRIES) >= 70


@every_entry
def test_the_example_prints_what_is_looked_for(heading: str) -> None:
    text = ".*".join(map(re.escape, heading.split(" … ")))
    silent = about(heading).startswith(NO_TEXT)
    assert bool(re.search(text, printed(parts(heading)[0]))) != silent


@pytest.mark.skipif(sys.platform != "linux", reason="the texts are Linux's")
@every_error
def test_the_number_the_name_and_the_text_are_of_one_error(
    heading: str,
) -> None:
    error = ERROR.match(ENTRIES[heading])
    assert error
    assert getattr(errno, error[2]) == int(error[1])
    assert os.strerror(int(error[1])) == heading


@every_error
def test_macos_has_another_number(heading: str) -> None:
    first = about(heading).partition("\n\n")[0]
    error = ERROR.match(first)
    assert error
    found = re.findall(r"on macOS\s+`\[Errno (\d+)\] ", first)
    own = getattr(errno, error[2])
    wanted = [str(MACOS.get(error[2], own))]
    assert found == wanted or (own < 35 and not found)


def test_the_build_compares_what_exceptions_say() -> None:
    settings = runpy.run_path(str(markdown_blocks.DOCS / "conf.py"))
    flags = settings["doctest_default_flags"]
    assert not flags & doctest.IGNORE_EXCEPTION_DETAIL


@every_entry
def test_an_entry_is_whole(heading: str) -> None:
    link = f"symptoms/{WHERE[heading]}.md#{anchor(heading)}"
    assert f"| [{heading}]({link}) |" in INDEX
    assert about(heading)
    before, cure = parts(heading)
    assert printed(before)
    assert "\n**Cause.** " in before
    assert re.search(r"\]\(\.\./\.\./(?:tutorial|advanced)/", cure)
    assert "```{doctest}\n" in cure, "the cure is not run"


def test_the_table_leads_to_entries_alone() -> None:
    assert set(re.findall(r"\| \[(.+?)\]\(symptoms/", INDEX)) == set(ENTRIES)


def test_the_table_is_in_the_order_of_the_alphabet() -> None:
    rows = re.findall(r"\| \[(.+?)\]\(symptoms/", INDEX)
    assert rows == sorted(rows, key=str.lower)
