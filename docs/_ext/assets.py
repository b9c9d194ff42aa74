# SPDX-License-Identifier: 0BSD
"""Makes what a page loads small, and few.

Each request costs a reader on a poor connection a round trip: the style sheets
become one. It and the scripts are written without comments and indents.
"""

from __future__ import annotations

import hashlib
import re
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcssmin import cssmin
from rjsmin import jsmin

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

STYLES = "all.css"


def bundle(
    app: Sphinx,
    _page: str,
    _template: str,
    context: dict[str, Any],
    _doctree: nodes.document | None,
) -> None:
    """Let a page ask for one style sheet."""
    if app.builder.name == "html":
        tags = " ".join(map(context["css_tag"], context["css_files"]))
        checksums = "".join(re.findall(r"\?v=(\w+)", tags))
        version = hashlib.sha256(checksums.encode()).hexdigest()[:8]
        context["css_files"] = [f"_static/{STYLES}?v={version}"]


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the one style sheet, in the order of the many, and the scripts."""
    if app.builder.name == "html" and not error:
        folder = Path(app.outdir, "_static")
        sheets = sorted(app.builder._css_files, key=attrgetter("priority"))  # type: ignore[attr-defined]
        texts = [
            (folder.parent / sheet.filename).read_text() for sheet in sheets
        ]
        (folder / STYLES).write_text(cssmin("\n".join(texts)))
        for script in folder.glob("*.js"):
            script.write_text(jsmin(script.read_text()))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the last word on what pages load."""
    app.connect("html-page-context", bundle, priority=900)
    app.connect("build-finished", write, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
