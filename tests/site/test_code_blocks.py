"""Every block of code on the site runs, or says why it does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.harness import markdown_blocks

if TYPE_CHECKING:
    from pathlib import Path

RUN = (
    # Executed by Sphinx's doctest builder, or by test_transcripts.py.
    "{doctest}",
    "{testcode}",
    "{testoutput}",
    "{testcleanup}",
    "{transcript}",
    # Parts of a tested program.
    "{literalinclude} ../../ipc_examples/",
    "{literalinclude} ../ipc_examples/",
    # Programs that transcripts run: see test_pitfalls.py.
    "{literalinclude} ../pitfalls/",
    # Five designs of a server that one transcript runs.
    "{literalinclude} ../designs/",
    # No code.
    "{bars}",
    "{glossary}",
    "{index}",
    "{descriptors}",
    "{fault-matrix}",
    "{figure-list}",
    "{table}",
    "{toctree}",
)
REASON = re.compile(r':class: not-run\n:caption: "?Not run: \w')


def silent(text: str) -> list[int]:
    """Return the lines of the blocks that neither run nor say why."""
    return [
        block.line
        for block in markdown_blocks.blocks_of(text)
        if not block.info.startswith(RUN) and not REASON.match(block.text)
    ]


NAMES = sorted({page for page, _ in markdown_blocks.blocks()})


@pytest.mark.parametrize("page", NAMES)
def test_every_block_runs_or_says_why(page: str) -> None:
    lines = silent((markdown_blocks.DOCS / page).read_text("utf-8"))
    places = ", ".join(f"docs/{page}:{line}" for line in lines)
    assert not lines, f"{places}: neither runs nor says why (see CONTRIBUTING)"


def test_no_page_has_the_marks_of_a_merge() -> None:
    marked = [
        f"{file.relative_to(markdown_blocks.DOCS)}:{number}"
        for file in markdown_blocks.DOCS.rglob("*.md")
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if re.match("<{7}|>{7}", line)
    ]
    assert not marked


def loose(text: str) -> list[str]:
    """Return the flags that let an example say something else, or nothing."""
    return re.findall(
        r"IGNORE_EXCEPTION_DETAIL|NORMALIZE_WHITESPACE|SKIP", text
    )


@pytest.mark.parametrize(
    "file",
    [
        *(markdown_blocks.DOCS / name for name in NAMES),
        *sorted(markdown_blocks.DOCS.parent.glob("ipc_examples/*.py")),
    ],
    ids=lambda file: file.name,
)
def test_no_example_may_say_something_else(file: Path) -> None:
    assert not loose(file.read_text("utf-8"))


@pytest.mark.parametrize(
    "page",
    [
        "\n```python\nprint(1)\n```",
        "text\n\n    print(1)",
        "\n~~~{code-block} c\nmain()\n~~~",
        "\n```{code-block} c\n:class: not-run\nmain()\n```",
        "\n```{literalinclude} ../conf.py\n```",
    ],
)
def test_a_silent_block_is_found(page: str) -> None:
    assert silent(page) == [3]


@pytest.mark.parametrize(
    "text", [">>> 1  # doctest: +SKIP", ":options: +IGNORE_EXCEPTION_DETAIL"]
)
def test_a_loose_example_is_found(text: str) -> None:
    assert loose(text)


def test_a_silent_block_is_found_in_another() -> None:
    assert 3 in silent(":::{note}\n```\nls\n```\n:::")


def test_a_block_may_say_why() -> None:
    page = "```{code-block} c\n:class: not-run\n:caption: Not run: C\n```"
    assert not silent(page)
