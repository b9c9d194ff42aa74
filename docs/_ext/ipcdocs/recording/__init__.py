# SPDX-License-Identifier: 0BSD
"""What programs asked of the system, and how the pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcdocs.static_files import add_static_files

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives, their style sheets and the stepper."""
    app.setup_extension(f"{__name__}.directives")
    add_static_files(
        app, __file__, "recording.css", "stepper.css", "stepper.js"
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
