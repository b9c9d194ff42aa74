# SPDX-License-Identifier: 0BSD
"""Mends what the theme, Furo, makes wrong or leaves out of a page.

What is left out is for those who use a keyboard or a screen reader: what is
too wide can be scrolled by keys, captions are headings of some level, and each
landmark has a name of its own. ``_templates/page.html`` passes its HTML on to
`mend`. Where the theme no longer writes what is to be mended, the build fails:
then the fix is to be changed, or to go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


class Fix(NamedTuple):
    """A text of the theme's, and what is to stand in its place.

    The text has to be there for each match of the pattern *each*, or once.
    """

    text: str
    instead: str
    each: str = ""


FIXES = (
    Fix(
        '<div class="highlight"><pre>',
        '<div class="highlight"><pre tabindex="0">',
        r"<pre(?![^>]* tabindex)",
    ),
    Fix(
        'class="caption" role="heading"',
        'class="caption" role="heading" aria-level="2"',
        r'<p[^>]*[" ]caption[" ]',
    ),
    Fix(
        '<aside class="sidebar-drawer"',
        '<aside aria-label="Site" class="sidebar-drawer"',
    ),
    Fix(
        '<aside class="toc-drawer',
        '<aside aria-label="Contents of this page" class="toc-drawer',
    ),
    Fix(
        '<a href="#" class="back-to-top muted-link">',
        '<nav aria-label="Up"><a href="#" class="back-to-top muted-link">',
    ),
    Fix(
        "<span>Back to top</span>\n        </a>",
        "<span>Back to top</span></a></nav>",
    ),
)


def mend(html: str) -> str:
    """Return the HTML of a page's body with all fixes.

    :raises ExtensionError: a text that is to be replaced is not there
    """
    for text, instead, each in FIXES:
        wanted = len(re.findall(each, html)) if each else 1
        found = html.count(text)
        if found != wanted:
            raise ExtensionError(
                f"a fix of the theme: {text!r} is in the page {found} times"
                f" instead of {wanted}: see {__name__}"
            )
        html = html.replace(text, instead)
    return html


def pass_on(
    _app: Sphinx,
    _page: str,
    _template: str,
    context: dict[str, Any],
    _doctree: nodes.document | None,
) -> None:
    """Let the template of a page mend its body."""
    context["mend"] = mend


class DropDuplicateIds(SphinxPostTransform):
    """Takes a table's ids from its new wrapper, which has them, too."""

    default_priority = 501  # after the wrapping
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Leave them to the table.

        :raises ExtensionError: a table is in no wrapper with its ids
        """
        for table in self.document.findall(nodes.table):
            wrapper = table.parent
            wrapped = "table-wrapper" in wrapper.get("classes", ())
            if not wrapped or wrapper["ids"] != table["ids"]:
                raise ExtensionError(
                    "a fix of the theme: a table is in no 'table-wrapper'"
                    f" with its ids: see {__name__}"
                )
            wrapper["ids"] = []


def mend_tables(app: Sphinx) -> None:
    """Mend them where there is the theme: not in a book."""
    theme = getattr(app.builder, "theme", None)
    if theme and theme.name == "furo":
        app.add_post_transform(DropDuplicateIds)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the fixes of the tree and of the HTML."""
    app.connect("builder-inited", mend_tables)
    app.connect("html-page-context", pass_on)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
