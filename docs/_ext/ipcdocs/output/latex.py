# SPDX-License-Identifier: 0BSD
"""Makes a book of the pages, for LaTeX; ``book.sty`` is its looks.

Each page is a chapter. The front page's own words come first, then a part for
each of its lists of pages. What can be printed on one page is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FOREWORD = "About this book"
LINES_A_PAGE = 56  # of a listing
CHARACTERS_A_LINE = 90  # of text
FIRST_LINES = 16  # that stand below one another where a listing is longer
UNSEEN = (nodes.Invisible, nodes.raw)


def raw(text: str) -> nodes.raw:
    """Return a piece of LaTeX."""
    return nodes.raw("", text, format="latex")


class SplitIntoParts(SphinxPostTransform):
    """Takes the pages out of the front page's last section."""

    default_priority = 5
    formats = ("latex",)

    def run(self, **_: object) -> None:
        """Put all of them below the document's title."""
        book = next(self.document.findall(nodes.section))
        toctrees = self.env.get_doctree(self.env.docname).findall(
            addnodes.toctree
        )
        parts: list[nodes.Node] = []
        for toctree, pages in zip(toctrees, list(lists(book)), strict=True):
            parts += [raw(rf"\part{{{toctree['caption']}}}"), *pages.children]
            pages.parent.remove(pages)
            for page, (title, _) in zip(
                pages, toctree["entries"], strict=True
            ):
                if title:
                    heading = next(page.findall(nodes.title))
                    heading[:] = [nodes.Text(title)]
        title, *words = book.children
        front = nodes.section("", nodes.title("", FOREWORD), *words)
        front["ids"] = ["foreword"]
        book[:] = [title, front, *parts]


def lists(book: nodes.Element) -> Iterator[nodes.Element]:
    """Yield the node with the pages of each of the front page's lists."""
    for child in book.children:
        if isinstance(child, addnodes.start_of_file):
            continue
        if isinstance(child, nodes.Element):
            if "toctree-wrapper" in child.get("classes", ()):
                yield child
            else:
                yield from lists(child)


class DropManualFootnotes(SphinxPostTransform):
    """Prints no address of what manuals list by the name that is printed."""

    default_priority = 300  # before addresses become footnotes
    formats = ("latex",)

    def run(self, **_: object) -> None:
        """Make a link that Sphinx does not see of each such reference."""
        projects = self.config.intersphinx_mapping.values()
        manuals = tuple(address for _, (address, _) in projects)
        manpages = self.config.manpages_url.partition("{")[0]
        for link in list(self.document.findall(nodes.reference)):
            address = link.get("refuri", "")
            if address.startswith((*manuals, manpages)):
                begin = raw(rf"\sphinxhref{{{address}}}{{".replace("#", r"\#"))
                link.replace_self([begin, *link.children, raw("}")])


class DropTooltips(SphinxPostTransform):
    """Leaves out what is only to be seen when a mouse is over a sign."""

    default_priority = 300
    formats = ("latex",)

    def run(self, **_: object) -> None:
        """Drop the explanations of signs such as the lone ``*``."""
        for sign in self.document.findall(nodes.abbreviation):
            sign.attributes.pop("explanation", None)


class KeepBlocksTogether(SphinxPostTransform):
    """Lets no page end inside what has room on one."""

    default_priority = 600
    formats = ("latex",)

    def run(self, **_: object) -> None:
        """Ask before each listing and each transcript for its height."""
        for block in list(self.document.findall(nodes.Element)):
            if is_block(block):
                parts = block.findall(nodes.Element)
                tall = (nodes.literal_block, nodes.strong, nodes.caption)
                keep_lines_together(
                    block, sum(height(p) for p in parts if isinstance(p, tall))
                )


def is_block(node: nodes.Element) -> bool:
    """Return True if a node is a transcript, or a listing with its caption."""
    if isinstance(node, nodes.literal_block):
        return not isinstance(node.parent, nodes.container)
    return isinstance(node, nodes.container) and (
        "literal_block" in node or "transcript" in node["classes"]
    )


def keep_lines_together(block: nodes.Element, lines: int) -> None:
    """Start a new page before a block unless there is room for its lines.

    What introduces it goes with it, as far as there is room.
    """
    if lines > LINES_A_PAGE:
        lines = FIRST_LINES
    while (before := above(block)) and introduces(before):
        if lines + height(before) > LINES_A_PAGE:
            break
        lines += height(before)
        block = before
    place = block.parent.index(block)
    while place and isinstance(block.parent[place - 1], nodes.Invisible):
        place -= 1
    block.parent.insert(place, raw(rf"\Needspace{{{lines}\listingskip}}"))


def height(node: nodes.Element) -> int:
    """Return about how many lines of a listing have room in its place."""
    text = node.astext()
    if isinstance(node, nodes.literal_block):
        return text.count("\n") + 4
    margin = 4 if isinstance(node, nodes.title) else 2
    return len(text) // CHARACTERS_A_LINE + margin


def above(node: nodes.Element) -> nodes.Element | None:
    """Return the node that is printed before one, or before its section."""
    if isinstance(node, nodes.title):
        node = node.parent
    for before in reversed(node.parent[: node.parent.index(node)]):
        if isinstance(before, nodes.Element) and not isinstance(
            before, UNSEEN
        ):
            return before
    return None


def introduces(node: nodes.Element) -> bool:
    """Return True if a node belongs on the page of what follows."""
    if isinstance(node, nodes.paragraph):
        heading = isinstance(above(node), nodes.title)
        return heading or node.astext().endswith(":")
    return isinstance(node, (nodes.title, nodes.literal_block))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transforms."""
    app.add_post_transform(SplitIntoParts)
    app.add_post_transform(DropManualFootnotes)
    app.add_post_transform(DropTooltips)
    app.add_post_transform(KeepBlocksTogether)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
