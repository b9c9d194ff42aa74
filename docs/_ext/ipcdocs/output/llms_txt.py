# SPDX-License-Identifier: 0BSD
"""Writes ``llms.txt``: what is on the site, for programs that read it.

Each page has a line with its description and a link: to its Markdown, which is
the shortest form of it, or to itself if it was made from a program.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the file beside the index."""
    if app.builder.name == "html" and not error:
        text = "\n".join(lines(app)) + "\n"
        Path(app.outdir, "llms.txt").write_text(text, "utf-8")


def lines(app: Sphinx) -> Iterator[str]:
    """Yield its lines, in the form that llmstxt.org proposes."""
    env, base = app.env, app.config.html_baseurl
    pages = env.collect_relations()
    yield from (f"# {app.config.project}", "")
    yield from (f"> {description(app, app.config.root_doc)}", "", "## Pages")
    yield ""
    for page in pages:
        written = env.doc2path(page).suffix == ".md"
        link = f"_sources/{page}.md.txt" if written else f"{page}.html"
        title = env.titles[page].astext()
        yield f"- [{title}]({base}{link}): {description(app, page)}"


def description(app: Sphinx, page: str) -> str:
    """Return the first paragraph of a page."""
    return str(app.env.metadata[page].get("description", ""))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write it when all else is written."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
