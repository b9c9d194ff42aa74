"""The blocks of the pages that are written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.field_list import fieldlist_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
GENERATED = ("_build", "reference/api")
MARKDOWN = MarkdownIt()
for plugin in colon_fence_plugin, deflist_plugin, fieldlist_plugin:
    MARKDOWN.use(plugin)

# Directives whose content is Markdown again.
NESTING = ("{table}", "{glossary}", "{svg}", "{note}", "{tip}", "{warning}")


class Block(NamedTuple):
    """A fenced or indented block of a page."""

    page: str
    line: int  # of the content's first line
    info: str  # what follows the fence: "{doctest}", "python", "" ...
    text: str

    @property
    def place(self) -> str:
        """Where its fence is."""
        return f"docs/{self.page}:{self.line - 1}"


def blocks() -> list[Block]:
    """Return the blocks of all pages."""
    return [
        block
        for path in sorted(DOCS.rglob("*.md"))
        if not path.relative_to(DOCS).as_posix().startswith(GENERATED)
        for block in blocks_of(path, path.read_text("utf-8"))
    ]


def blocks_of(path: Path, text: str, first: int = 1) -> Iterator[Block]:
    """Yield the blocks of a page, also those inside others."""
    page = path.relative_to(DOCS).as_posix()
    for token in MARKDOWN.parse(text):
        if token.type in {"fence", "colon_fence", "code_block"} and token.map:
            line = first + token.map[0] + 1
            if token.info.startswith(NESTING):
                yield from blocks_of(path, token.content, line)
            else:
                yield Block(page, line, token.info.strip(), token.content)
