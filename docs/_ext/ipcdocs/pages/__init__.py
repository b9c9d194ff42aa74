# SPDX-License-Identifier: 0BSD
"""What else is on a page, from its description to its listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives and the changes to all pages."""
    for name in (
        "code_links",
        "diff_headings",
        "excerpts",
        "figure_list",
        "furo_fixes",
        "index_entries",
        "listings",
        "meta_description",
    ):
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
