"""Each terminal transcript on the site happens as its page shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import terminals
import transcript
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
    )
}


def fences(text: str, first: int = 1) -> Iterator[tuple[int, str]]:
    """Yield the first line and the content of each transcript in a text.

    Directives that are not VERBATIM have Markdown in them, perhaps with
    transcripts.
    """
    for token in MARKDOWN.parse(text):
        name, *_ = token.info.split(maxsplit=1) or [""]
        if token.type in {"fence", "colon_fence"} and token.map:
            line = first + token.map[0] + 1
            if name == "{transcript}":
                yield line, token.content
            elif name.startswith("{") and name not in VERBATIM:
                yield from fences(token.content, line)


def cases() -> list[object]:
    """Return each transcript of each page that is written by hand."""
    pages = {
        path.relative_to(DOCS).as_posix(): path for path in DOCS.rglob("*.md")
    }
    return [
        pytest.param(page, line, text, id=f"{page}:{line - 1}")
        for page, path in sorted(pages.items())
        if not page.startswith(GENERATED)
        for line, text in fences(path.read_text("utf-8"))
    ]


@pytest.mark.parametrize(("page", "line", "text"), cases())
def test_happens_as_shown(page: str, line: int, text: str) -> None:
    path = f"docs/{page}"
    try:
        values = terminals.run(transcript.parse(text, line), path)
    except transcript.TranscriptError as error:
        pytest.fail(f"{path}:{error.line}: {error}", pytrace=False)
    except terminals.Difference as difference:
        pytest.fail(str(difference), pytrace=False)
    result = DOCS / transcript.RESULTS / transcript.result_name(text)
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(values), "utf-8")
