"""Every block of code on the site runs, or says why it does not."""

from __future__ import annotations

import re

import pages
import pytest

# Executed by Sphinx's doctest builder or by test_transcripts.py; parts of a
# tested program; or no code at all.
RUN = (
    "{doctest}",
    "{testcode}",
    "{testoutput}",
    "{testsetup}",
    "{testcleanup}",
    "{transcript}",
    "{literalinclude} ../../ipc_examples/",
    "{literalinclude} ../ipc_examples/",
    "{toctree}",
)
REASON = re.compile(r":class: not-run\n:caption: \"?Not run: \w")


def runs_or_says_why(block: pages.Block) -> bool:
    return block.info.startswith(RUN) or bool(REASON.match(block.text))


@pytest.mark.parametrize("block", pages.blocks(), ids=lambda b: b.place)
def test_block_runs_or_says_why(block: pages.Block) -> None:
    assert runs_or_says_why(block), (
        f"{block.place}: {block.info or 'an indented block'} neither runs nor "
        "says why (:class: not-run, :caption: Not run: ...)"
    )


@pytest.mark.parametrize(
    "page",
    [
        "```python\nprint(1)\n```",
        "    print(1)",
        "~~~{code-block} c\nmain()\n~~~",
        "```{code-block} c\n:class: not-run\nmain()\n```",
        ":::{note}\n```\nls\n```\n:::",
        "```{literalinclude} ../conf.py\n```",
    ],
)
def test_silent_block_is_found(page: str) -> None:
    (block,) = pages.blocks_of(pages.DOCS / "page.md", page)
    assert not runs_or_says_why(block)


def test_block_may_say_why() -> None:
    page = "```{code-block} c\n:class: not-run\n:caption: Not run: C\n```"
    (block,) = pages.blocks_of(pages.DOCS / "page.md", page)
    assert runs_or_says_why(block)
