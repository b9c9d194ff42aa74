"""The search leads from what a reader saw to the entry that explains it.

The searches are those of the page's own script, all in one page: what it would
show first is asked, which is the last in its list.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness.markdown_blocks import DOCS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

BEST = """words => {
    const found = Search._performSearch(...Search._parseQuery(words));
    return found.length ? found.at(-1)[0] + found.at(-1)[2] : "";
}"""
# A class of the library stands in a traceback with its module.
RAISED = re.compile(r"(?m)^Traceback .*\n((?:\w+\.)*)(\w+): (.+)$")
LITERAL = re.compile(r"`\[Errno (-?\d+)\](?:\s([^`]+))?`")
NAME = re.compile(r"`(E[A-Z_]{3,})`")
ERRORS = (11, 32, 98, 99, 104, 107, 110, 111, 113)
FIND = re.compile(r"(?m)^% find: (.+)$")


def anchor(heading: str) -> str:
    """Return the identifier of a heading's section, as Docutils makes it."""
    words = re.sub(r"[^a-z0-9]+", "-", heading.lower())
    return re.sub(r"^[-0-9]+|-+$", "", words)


def queries(heading: str, text: str) -> Iterator[str]:
    """Yield the queries that should find an entry."""
    yield heading
    about, _, rest = text.partition("```{doctest}")
    example = rest.partition("```")[0]
    first = about.strip().partition("\n\n")[0]
    raised = [
        match for match in RAISED.finditer(example) if heading in match[0]
    ]
    for module, name, said in (match.groups() for match in raised):
        yield from (f"{module}{name}: {said}", f"{name}: {said}", said)
    for number, said in LITERAL.findall(first):
        line = f"[Errno {number}] {said or heading}"
        yield from (f"Errno {number}", line, line.partition("] ")[2])
        yield from (f"{name}: {line}" for _, name, _ in map(groups, raised))
    yield from NAME.findall(first)
    for words in FIND.findall(text):
        yield from map(str.strip, words.split("|"))


def groups(match: re.Match[str]) -> tuple[str, ...]:
    """Return the groups of a match."""
    return match.groups()


WANTED = {
    query: f"reference/symptoms/{page.stem}#{anchor(heading)}"
    for page in sorted(DOCS.glob("reference/symptoms/*.md"))
    for heading, _, text in (
        entry.partition("\n")
        for entry in re.split(r"(?m)^## ", page.read_text("utf-8"))[1:]
    )
    for query in queries(heading, text)
}


@pytest.fixture
def best(open_page: Callable[..., Page]) -> Callable[[str], str]:
    """Return a function that searches and returns what it shows first."""
    page = open_page("search.html")
    page.wait_for_function("typeof Search === 'object' && Search.hasIndex()")
    return lambda words: str(page.evaluate(BEST, words))


def test_each_line_and_each_word_leads_to_its_entry(
    best: Callable[[str], str],
) -> None:
    assert len(WANTED) > 400
    found = {query: best(query) for query in WANTED}
    elsewhere = [
        f"{query!r} leads to {found[query]}, not to {wanted}"
        for query, wanted in WANTED.items()
        if found[query] != wanted
    ]
    assert not elsewhere, "\n".join(elsewhere)


@pytest.mark.skipif(sys.platform != "linux", reason="the texts are Linux's")
def test_what_the_system_says_leads_to_a_symptom(
    best: Callable[[str], str],
) -> None:
    errors = [OSError(n, os.strerror(n)) for n in ERRORS]
    said = [f"{type(error).__name__}: {error}" for error in errors]
    found = {
        words: best(words)
        for line in said
        for words in (line, line.partition(": ")[2], line.partition("] ")[2])
    }
    assert {
        words: place
        for words, place in found.items()
        if not place.startswith("reference/symptoms/")
    } == {}
