# SPDX-License-Identifier: 0BSD
"""Puts into the index, and so first in a search, what readers look for.

That is each figure by its number, each symptom by its text and the numbers of
its errors, and each name of C on the page that says what Python has for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FIGURE = re.compile(r"figure-\d+[a-c]?")
ERRNO = re.compile(r"\[(Errno \d+)\]|(E[A-Z]{3,})")
C_NAME = re.compile(r"(?:struct )?([a-zA-Z]\w+)")


class IndexEntries(SphinxTransform):
    """Adds the entries before the element that each leads to."""

    default_priority = 700

    def apply(self, **_: object) -> None:
        """Add them; what is found by them is the main place for its name."""
        find = {
            "reference/c-to-python": self.c_names,
            "reference/symptoms": self.symptoms,
        }.get(self.env.docname, self.figures)
        for element, names in list(find()):
            target = element["ids"][0]
            entries = [
                ("single", name, target, "main", None) for name in names
            ]
            place = element.parent.index(element)
            element.parent.insert(place, addnodes.index(entries=entries))
        for index in self.document.findall(addnodes.index):
            self.lead_to_section(index)

    def lead_to_section(self, index: addnodes.index) -> None:
        """Let an entry without text of its own lead to its section.

        The search would show what stands at an empty target, and fail.
        """
        section: nodes.Element = index
        while not isinstance(section, nodes.section):
            section = section.parent
        index["entries"] = [
            (kind, name, section["ids"][0], *rest)
            if target.startswith("index-")
            else (kind, name, target, *rest)
            for kind, name, target, *rest in index["entries"]
        ]

    def figures(self) -> Iterator[tuple[nodes.Element, list[str]]]:
        """Yield each figure and its number in words."""
        for element in self.document.findall(nodes.Element):
            for name in filter(FIGURE.fullmatch, element.get("names", ())):
                yield element, [name.replace("-", " ").capitalize()]

    def symptoms(self) -> Iterator[tuple[nodes.Element, list[str]]]:
        """Yield each symptom's section, with its text and its errors."""
        for section in self.document.findall(nodes.section):
            if isinstance(section.parent.parent, nodes.section):
                title, first = section[0].astext(), section[1]
                words = [
                    word.astext() for word in first.findall(nodes.literal)
                ]
                found = filter(None, map(ERRNO.fullmatch, words))
                yield section, [title, *(m[1] or m[2] for m in found)]

    def c_names(self) -> Iterator[tuple[nodes.Element, list[str]]]:
        """Yield the first paragraph of each row, and the new names in it."""
        seen: set[str] = set()
        for row in self.document.findall(nodes.row):
            first = next(row.findall(nodes.paragraph))
            words = [word.astext() for word in first.findall(nodes.literal)]
            found = [m[1] for m in map(C_NAME.match, words) if m]
            names = [name for name in found if name not in seen]
            seen.update(names)
            if names:
                first["ids"].append(f"c-{nodes.make_id(names[0])}")
                yield first, names


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_transform(IndexEntries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
