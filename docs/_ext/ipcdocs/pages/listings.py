# SPDX-License-Identifier: 0BSD
"""Shows programs: with a caption of their own, in parts, or folded.

A ``literalinclude`` of a program whose option ``caption`` is empty gets the
name of the file and the first paragraph of its docstring, or with ``pyobject``
that of the function. So no caption can say anything else; one that tries is
refused.

With ``pyobject`` the docstring itself is left out (`excerpts`). With the
option ``folded`` the listing is shown when its reader asks for it; a book
shows it at once.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.directives.code import LiteralInclude

from ipcdocs.markup import paragraph
from ipcdocs.pages.excerpts import leave_docstring_out
from ipcdocs.project import is_program

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata, OptionSpec
    from sphinx.writers.html5 import HTML5Translator


class folded_listing(nodes.container):
    """A listing that is shown when it is asked for, by its *summary*."""


class Listing(LiteralInclude):
    """``literalinclude``, as programs need it."""

    option_spec: ClassVar[OptionSpec] = {
        **(LiteralInclude.option_spec or {}),
        "folded": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Return the listing."""
        file = Path(self.env.relfn2path(self.arguments[0])[1])
        if not is_program(file):
            return super().run()
        if self.options.get("caption"):
            raise self.error(
                f"the caption of {file.name} is in its docstring: leave the"
                " option empty"
            )
        found = super().run()
        listings = [
            listing
            for node in found
            for listing in node.findall(nodes.literal_block)
        ]
        part = self.options.get("pyobject", "")
        for listing in listings if part else ():
            leave_docstring_out(listing, part_of(file, part))
        for listing in listings if "caption" in self.options else ():
            [caption] = listing.parent.findall(nodes.caption)
            caption[:] = paragraph(about(file, part)).children
        return self.folded(found, file) if "folded" in self.options else found

    def folded(self, found: list[nodes.Node], file: Path) -> list[nodes.Node]:
        """Return the listing, folded."""
        lines = len(file.read_text("utf-8").splitlines())
        summary = f"The whole program: {file.name}, {lines} lines"
        return [folded_listing("", *found, summary=summary)]


def part_of(file: Path, name: str = "") -> ast.AST:
    """Return a program as it is parsed, or its function or class *name*."""
    node: ast.AST = ast.parse(file.read_text("utf-8"))
    for step in filter(None, name.split(".")):
        node = next(
            child
            for child in ast.iter_child_nodes(node)
            if getattr(child, "name", "") == step
        )
    return node


def about(file: Path, part: str = "") -> str:
    """Return the caption of a program, or of a part: ``pipe.py``: send one ...

    Names, and what its docstring marks as code, are between double backquotes.
    """
    node = part_of(file, part)
    docstring = ast.get_docstring(node)  # type: ignore[arg-type] # or it fails
    first = (docstring or "").partition("\n\n")[0]
    words = " ".join(first.split()).removesuffix(".")
    named = f"``{part}`` of ``{file.name}``" if part else f"``{file.name}``"
    return f"{named}: {words[0].lower()}{words[1:]}" if words else named


def visit_folded(translator: HTML5Translator, node: folded_listing) -> None:
    """Begin what can be folded; a reader of books has no need of it."""
    if translator.builder.name == "epub":
        return
    tag = translator.starttag(node, "details", CLASS="listing-folded")
    translator.body.append(f"{tag}<summary>{node['summary']}</summary>\n")


def depart_folded(translator: HTML5Translator, _node: folded_listing) -> None:
    """End what can be folded."""
    if translator.builder.name != "epub":
        translator.body.append("</details>\n")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the place of Sphinx's directive."""
    app.setup_extension("ipcdocs.pages.excerpts")
    app.add_directive("literalinclude", Listing, override=True)
    app.add_node(folded_listing, html=(visit_folded, depart_folded))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
