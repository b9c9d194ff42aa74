# SPDX-License-Identifier: 0BSD
"""What the builders write beside pages: books, bundles, ``llms.txt``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the changes to the builders."""
    for name in "assets", "epub", "latex", "llms_txt":
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
