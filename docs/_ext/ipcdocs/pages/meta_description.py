# SPDX-License-Identifier: 0BSD
"""Makes a page's first paragraph its description.

Search engines show it, and so do programs in which somebody links to the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


class AddMetaDescription(SphinxTransform):
    """Adds it to what the page's head will have."""

    default_priority = 800

    def apply(self, **_: object) -> None:
        """Add it, once for the page and once for its template."""
        first = next(self.document.findall(nodes.paragraph), None)
        if first:
            text = " ".join(first.astext().split())
            self.document += nodes.meta("", name="description", content=text)
            self.env.metadata[self.env.docname]["description"] = text


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_transform(AddMetaDescription)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
