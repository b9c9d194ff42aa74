# SPDX-License-Identifier: 0BSD
"""What the tests found, and how the pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcdocs.static_files import add_static_files

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register what runs the tests, and what shows their results."""
    for name in (
        *("fault_matrix", "listing_footer"),
        *("run_examples", "sources_of_tests", "stated_numbers"),
    ):
        app.setup_extension(f"{__name__}.{name}")
    add_static_files(app, __file__, "verification.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
