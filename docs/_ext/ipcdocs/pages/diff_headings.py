# SPDX-License-Identifier: 0BSD
"""Heads a difference between two files with their names alone.

Sphinx heads what ``literalinclude`` shows for its option ``diff`` with the
paths of both files on the machine that builds the pages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

HEAD = re.compile(r"\A--- .*/(.+)\n\+\+\+ .*/(.+)\n")


class StripDiffPaths(SphinxTransform):
    """Takes the folders out of the heads of a page's differences."""

    default_priority = 500

    def apply(self, **_: object) -> None:
        """Change each block that is a difference."""
        for block in self.document.findall(nodes.literal_block):
            if block.get("language") == "udiff":
                text = HEAD.sub(r"--- \1\n+++ \2\n", block.astext())
                block.rawsource = text
                block[:] = [nodes.Text(text)]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_transform(StripDiffPaths)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
