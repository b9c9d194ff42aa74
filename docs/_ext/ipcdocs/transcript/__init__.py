# SPDX-License-Identifier: 0BSD
"""What terminals show, and bars of what they measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcdocs.static_files import add_static_files

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive and its style sheets."""
    app.setup_extension(f"{__name__}.directive")
    app.setup_extension(f"{__name__}.bars")
    add_static_files(
        app, __file__, "transcript.css", "transcript-side-by-side.css"
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
