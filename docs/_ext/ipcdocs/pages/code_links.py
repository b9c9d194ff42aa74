# SPDX-License-Identifier: 0BSD
"""Links the names in listings to their documentation, as pages are written.

sphinx-codeautolink finds the names when it reads a page. Left alone, it adds
the links when the build ends: it then parses each page that was written, which
takes longer than all the rest. Here a listing gets the same links when it is
highlighted, whenever its page is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx_codeautolink.extension import SphinxCodeAutoLink
from sphinx_codeautolink.extension.block import construct_name_pattern
from sphinx_codeautolink.extension.resolve import (
    CouldNotResolve,
    resolve_location,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator
    from sphinx_codeautolink.extension.block import SourceTransform
    from sphinx_codeautolink.parse import Name

# When sphinx-codeautolink looks names up, and when it adds the links.
TAKEN_OVER = ("env-updated", "build-finished")
LISTINGS = (nodes.literal_block, nodes.doctest_block)
TAGS_AND_SPACES = re.compile(r"<[^>]*>|\s")
compiled = cache(re.compile)  # re itself remembers too few
logger = logging.getLogger(__name__)


class Link(NamedTuple):
    """A name in a listing, what it names, and where that is described.

    The address is relative to the listing's page.
    """

    name: Name
    named: str
    url: str


class linked_listing(nodes.literal_block):
    """A listing; its attribute ``links`` has a `Link` for each name."""


@dataclass
class CodeLinks:
    """Brings the links of sphinx-codeautolink into pages.

    :ivar finder: its state, with the names on each page.
    :ivar earlier: the names that earlier builds found, by their page.
    :ivar named: what names have turned out to name, by all that leads there;
        nothing if that is not described anywhere.
    """

    finder: SphinxCodeAutoLink
    earlier: dict[str, list[SourceTransform]] = field(default_factory=dict)
    named: dict[tuple[str, ...], str] = field(default_factory=dict)

    def remember(self, app: Sphinx) -> None:
        """Keep the names of earlier builds from being dropped.

        sphinx-codeautolink remembers those of ``.rst`` files alone.
        """
        self.earlier = getattr(app.env, "sphinx_codeautolink_transforms", {})

    def recall(self, _app: Sphinx) -> None:
        """Add the names of earlier builds, if this one makes links."""
        if not self.finder.do_nothing:
            self.finder.cache.transforms.update(self.earlier)

    def take_inventory(self, app: Sphinx, _env: BuildEnvironment) -> None:
        """Note what is described where, once all pages are read."""
        if not self.finder.do_nothing:
            self.finder.inventory = self.finder.make_inventory(app)

    def attach(self, app: Sphinx, document: nodes.document, page: str) -> None:
        """Let the listings of a page know their links."""
        if self.finder.do_nothing:
            return
        up = "../" * app.builder.get_target_uri(page).count("/")
        names = {
            block.source.rstrip(): block.names
            for block in self.finder.cache.transforms.get(page, ())
        }
        for listing in [*document.findall(nodes.FixedTextElement)]:
            if type(listing) in LISTINGS:  # transcripts are no listings
                found = names.get(listing.astext().rstrip(), ())
                if links := [*self.links(found, up)]:
                    replace(listing, links)

    def links(self, names: Iterable[Name], up: str) -> Iterator[Link]:
        """Yield the links of those names that are described somewhere.

        :param up: leads from the page to the folder that has all pages
        """
        for name in names:
            path = tuple(name.import_components)
            if path not in self.named:
                self.named[path] = self.resolve(name)
            if name.code_str and (named := self.named[path]):
                url = self.finder.inventory[named]
                outside = url.startswith(("http:", "https:"))
                yield Link(name, named, url if outside else up + url)

    def resolve(self, name: Name) -> str:
        """Return the full name, or nothing if that is not described."""
        try:
            found = resolve_location(name, self.finder.inventory)
        except CouldNotResolve:
            return ""
        named: str = self.finder.inventory_map.get(found, found)
        return named if named in self.finder.inventory else ""


def replace(listing: nodes.FixedTextElement, links: list[Link]) -> None:
    """Let a listing have links."""
    linked = linked_listing(
        listing.rawsource,
        "",
        *listing.children,
        **listing.attributes,
        links=links,
    )
    linked.source, linked.line = listing.source, listing.line
    listing.replace_self(linked)


def visit(translator: HTML5Translator, node: linked_listing) -> None:
    """Write a listing as any other, and then add its links."""
    try:
        translator.visit_literal_block(node)
    except nodes.SkipNode:
        html = add_links(translator.body[-1], node["links"], node)
        translator.body[-1] = html
        raise


def add_links(html: str, links: Iterable[Link], where: nodes.Node) -> str:
    """Return the HTML of a listing with its links.

    :param where: to be named in warnings
    """
    lines = html.split("\n")
    for name, named, url in links:
        rows = slice(name.lineno - 1, name.end_lineno)
        text = "\n".join(lines[rows])
        pattern = compiled(construct_name_pattern(name))
        found = [*pattern.finditer(text)]
        if not found:
            logger.warning(
                "a name that is to be a link is not in the listing: %s",
                name.code_str,
                location=where,
            )
            continue
        # The last: what comes first in `a.b = a.b` is the right side.
        start, end = found[-1].end(1), found[-1].end()
        code = text[start:end]
        same = TAGS_AND_SPACES.sub("", code) == named
        title = "" if same else f' title="{named}"'
        tag = f'<a href="{url}"{title} class="sphinx-codeautolink-a">'
        linked = f"{text[:start]}{tag}{code}</a>{text[end:]}"
        lines[rows] = linked.split("\n")
    return "\n".join(lines)


def take_over(app: Sphinx) -> SphinxCodeAutoLink:
    """Keep sphinx-codeautolink from more than finding names.

    :returns: its state, which is nowhere but in its listeners
    :raises ExtensionError: it has no listener to some event
    """
    states = []
    for event in TAKEN_OVER:
        for listener in [*app.events.listeners[event]]:
            state = getattr(listener.handler, "__self__", None)
            if isinstance(state, SphinxCodeAutoLink):
                app.disconnect(listener.id)
                states.append(state)
    if len(states) != len(TAKEN_OVER):
        raise ExtensionError(
            "sphinx-codeautolink no longer looks names up and adds its links"
            f" at {' and '.join(TAKEN_OVER)}: see what {__name__} expects"
        )
    return states[0]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add links when a listing is written, and no longer afterwards."""
    app.setup_extension("sphinx_codeautolink")
    links = CodeLinks(take_over(app))
    app.add_node(linked_listing, html=(visit, None))
    app.connect("builder-inited", links.remember, priority=400)
    app.connect("builder-inited", links.recall, priority=600)
    app.connect("env-updated", links.take_inventory)
    app.connect("doctree-resolved", links.attach, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
