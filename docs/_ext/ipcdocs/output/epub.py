# SPDX-License-Identifier: 0BSD
"""Makes an EPUB of the pages, without what only a browser needs.

That is styles that readers of books do not know, and what the site's own
templates put around a page; scripts Sphinx leaves out itself. EPUB wants the
manifest to say in which pages there are drawings.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.builders.epub3 import Epub3Builder

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FOR_BROWSERS = (
    "copybutton.css",
    "sphinx-codeautolink.css",
    "stepper.css",
    "transcript-side-by-side.css",
)
ITEM = re.compile(r'<item id="epub-\d+" href="(\S+\.xhtml)"')


class StaticEpubBuilder(Epub3Builder):
    """Sphinx's own, with nothing to run in it, and its drawings declared."""

    def init_templates(self) -> None:
        """Let the templates of the site alone."""
        self.config.templates_path = []
        super().init_templates()

    def build_content(self) -> None:
        """Write the manifest."""
        for name in FOR_BROWSERS:
            Path(self.outdir, "_static", name).unlink(missing_ok=True)
        super().build_content()
        manifest = Path(self.outdir, "content.opf")
        manifest.write_text(ITEM.sub(self.declare, manifest.read_text()))

    def declare(self, item: re.Match[str]) -> str:
        """Return an item of the manifest, with what its page contains."""
        page = Path(self.outdir, item[1]).read_text("utf-8")
        return f'{item[0]} properties="svg"' if "<svg" in page else item[0]


def drop(
    app: Sphinx,
    _page: str,
    _template: str,
    context: dict[str, Any],
    _doctree: nodes.document | None,
) -> None:
    """Let no page ask for a style sheet that is for browsers."""
    if app.builder.name == "epub":
        context["css_files"] = [
            sheet
            for sheet in context["css_files"]
            if Path(sheet.filename).name not in FOR_BROWSERS
        ]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the place of Sphinx's builder."""
    app.add_builder(StaticEpubBuilder, override=True)
    app.connect("html-page-context", drop, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
