# SPDX-License-Identifier: 0BSD
"""Puts into the index, and so first in a search, what readers look for.

That is each figure by its number, each symptom by what is written below, and
each name of C on the page that says what Python has for it.

A symptom is found by its heading, by the names and the numbers of its errors,
by the line that Python prints, whole and without its class, on Linux and on
macOS, and by the words of a comment in its section: ``% find: these | those``.
Sphinx's search shows an entry first if it is the whole query.
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
ERRNO = re.compile(r"\[(Errno -?\d+)\](?: (.+))?|(E[A-Z_]{3,})")
RAISED = re.compile(r"(?m)^Traceback .*\n((?:\w+\.)*(\w+): (.+))$")
SYMPTOMS = "reference/symptoms/"
FIND = "find:"
C_NAME = re.compile(r"(?:struct )?([a-zA-Z]\w+)")


class IndexEntries(SphinxTransform):
    """Adds the entries before the element that each leads to."""

    default_priority = 700

    def apply(self, **_: object) -> None:
        """Add them; what is found by them is the main place for its name."""
        find = self.figures
        if self.env.docname == "reference/c-to-python":
            find = self.c_names
        elif self.env.docname.startswith(SYMPTOMS):
            find = self.symptoms
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
        """Yield each symptom's section, with all that it is found by."""
        for section in self.document.findall(nodes.section):
            if isinstance(section.parent, nodes.section):
                names = dict.fromkeys(found_by(section))
                # A semicolon would divide an entry in two.
                yield section, [name for name in names if ";" not in name]

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


def found_by(section: nodes.section) -> Iterator[str]:
    """Yield the names by which a symptom is found."""
    title = section[0].astext()
    yield title
    first = next(
        child for child in section if isinstance(child, nodes.paragraph)
    )
    example = next(section.findall(nodes.literal_block)).astext()
    classes = []
    for whole, name, text in RAISED.findall(example):
        if title in whole:
            classes.append(name)
            for line in (whole, f"{name}: {text}", text):
                yield line
                before, _, _ = line.partition(title)
                yield before + title
    for word in first.findall(nodes.literal):
        if match := ERRNO.fullmatch(word.astext()):
            number, text, name = match.groups()
            yield number or name
            if text:  # the line that another system prints
                yield from (text, f"[{number}] {text}")
                yield from (f"{each}: [{number}] {text}" for each in classes)
            elif number:
                yield f"[{number}] {title}"
    for comment in section.findall(nodes.comment):
        if comment.astext().startswith(FIND):
            words = comment.astext().removeprefix(FIND).split("|")
            yield from map(str.strip, words)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_transform(IndexEntries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
