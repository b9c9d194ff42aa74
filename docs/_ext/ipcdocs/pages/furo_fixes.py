# SPDX-License-Identifier: 0BSD
"""Mends what the theme makes wrong in the tree of a page.

``_templates/page.html`` mends what it leaves out of the page's HTML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


class DropDuplicateIds(SphinxPostTransform):
    """Takes a table's ids from its new wrapper, which has them, too."""

    default_priority = 501  # after the wrapping
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Leave them to the table."""
        for table in self.document.findall(nodes.table):
            if "table-wrapper" in table.parent.get("classes", ()):
                table.parent["ids"] = []


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(DropDuplicateIds)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
