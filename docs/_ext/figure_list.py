# SPDX-License-Identifier: 0BSD
"""Lists the numbered figures: the ``figure-list`` directive.

A figure is whatever has a caption and the name ``figure-`` with its number:
``figure-1``, ``figure-5a``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

NAME = re.compile(r"figure-(\d+)([a-z]?)")


class figure_list(nodes.General, nodes.Element):  # noqa: N801 - a node's name
    """The place of the list."""


class FigureList(SphinxDirective):
    """The directive: no arguments, no content."""

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [figure_list()]


class ListFigures(SphinxPostTransform):
    """Puts the list in its place."""

    default_priority = 5  # before the references are resolved

    def run(self, **_: object) -> None:
        """Replace each place."""
        for place in list(self.document.findall(figure_list)):
            items = [
                nodes.list_item("", nodes.paragraph("", "", self.link(name)))
                for name in figures(self.env)
            ]
            place.replace_self(nodes.bullet_list("", *items))

    def link(self, name: str) -> nodes.Node:
        """Return a link to a figure; its text is the caption."""
        return pending_xref(
            "",
            nodes.inline("", name),
            refdoc=self.env.docname,
            refdomain="std",
            reftype="ref",
            reftarget=name,
            refexplicit=False,
            refwarn=True,
        )


def figures(env: BuildEnvironment) -> list[str]:
    """Return the names of the figures in the order of their numbers."""
    found = filter(None, map(NAME.fullmatch, env.domains["std"].labels))
    return [m[0] for m in sorted(found, key=lambda m: (int(m[1]), m[2]))]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_node(figure_list)
    app.add_directive("figure-list", FigureList)
    app.add_post_transform(ListFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
