"""The blocks of the pages that are written by hand."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.field_list import fieldlist_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"
NO_PAGES = ("_build", "_ext", "reference/api")
MARKDOWN = MarkdownIt().disable("inline")  # what is in a line is no block
for plugin in colon_fence_plugin, deflist_plugin, fieldlist_plugin:
    MARKDOWN.use(plugin)

# The content of any other directive is Markdown again.
VERBATIM = {
    f"{{{name}}}"
    for name in (
        "code",
        "code-block",
        "doctest",
        "eval-rst",
        "parsed-literal",
        "raw",
        "sourcecode",
        "testcleanup",
        "testcode",
        "testoutput",
        "testsetup",
        "transcript",
    )
}


class Block(NamedTuple):
    """A fenced or indented block of a page."""

    line: int  # of its content's first line
    info: str  # what follows the fence: "{doctest}", "python" ...
    text: str

    @property
    def name(self) -> str:
        """The directive in braces, or the language, or nothing."""
        return self.info.partition(" ")[0]


@functools.cache
def blocks() -> tuple[tuple[str, Block], ...]:
    """Return each block of each page, with the page's path below docs."""
    paths = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    return tuple(
        (page, block)
        for page in sorted(paths)
        if not page.startswith(NO_PAGES)
        for block in blocks_of((DOCS / page).read_text("utf-8"))
    )


def blocks_of(text: str, first: int = 1) -> Iterator[Block]:
    """Yield the blocks of a text, also those inside others."""
    for token in MARKDOWN.parse(text):
        if token.type in {"fence", "colon_fence", "code_block"} and token.map:
            line = first + token.map[0] + (token.type != "code_block")
            block = Block(line, token.info.strip(), token.content)
            yield block
            if block.name.startswith("{") and block.name not in VERBATIM:
                yield from blocks_of(token.content, line)
