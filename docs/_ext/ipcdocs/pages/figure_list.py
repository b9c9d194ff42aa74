# SPDX-License-Identifier: 0BSD
"""Numbers the figures, and lists them: the ``figure-list`` directive.

A figure is whatever has a caption and the name ``figure-`` with its number:
``figure-1``, ``figure-5a``. The number is put before the caption. The list has
to have all numbers, from 1 to the last.
"""

from __future__ import annotations

import re
from collections import defaultdict
from string import ascii_lowercase
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

NAME = re.compile(r"figure-(\d+)([a-z]?)")
NUMBER = re.compile(r"Figure \d")
logger = logging.getLogger(__name__)


class figure_list(nodes.General, nodes.Element):
    """The place of the list."""


class FigureList(SphinxDirective):
    """The directive: no arguments, no content."""

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [figure_list()]


class NumberFigures(SphinxTransform):
    """Puts the number of each figure before its caption."""

    default_priority = 600  # before the captions become the texts of links

    def apply(self, **_: object) -> None:
        """Change the captions of a page."""
        for caption in captions(self.document):
            if NUMBER.match(caption.astext()):
                logger.warning("the number is the name's", location=caption)
        for element in self.document.findall(nodes.Element):
            for name in filter(NAME.fullmatch, element.get("names", ())):
                if found := captions(element):
                    number = name.removeprefix("figure-")
                    found[0][:0] = [nodes.Text(f"Figure {number}. ")]
                else:
                    logger.warning("%s has no caption", name, location=element)


def captions(element: nodes.Element) -> list[nodes.Element]:
    """Return the captions of figures and listings, and the titles."""
    return [*element.findall(nodes.caption), *element.findall(nodes.title)]


class ListFigures(SphinxPostTransform):
    """Puts the list in its place."""

    default_priority = 5  # before the references are resolved

    def run(self, **_: object) -> None:
        """Replace each place."""
        for place in list(self.document.findall(figure_list)):
            for missing in gaps(figures(self.env)):
                logger.warning("%s is missing", missing, location=place)
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


def gaps(names: list[str]) -> list[str]:
    """Return the numbers of which a figure, or a part of one, is missing."""
    letters = defaultdict(list)
    for match in filter(None, map(NAME.fullmatch, names)):
        letters[int(match[1])].append(match[2])
    return [
        f"figure {number}"
        for number in range(1, max(letters, default=0) + 1)
        if letters[number] != [""]
        and letters[number] != [*ascii_lowercase[: len(letters[number]) or 1]]
    ]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_node(figure_list)
    app.add_directive("figure-list", FigureList)
    app.add_transform(NumberFigures)
    app.add_post_transform(ListFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
