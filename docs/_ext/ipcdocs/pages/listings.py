# SPDX-License-Identifier: 0BSD
"""Captions the listings of programs by what the programs say of themselves.

A ``literalinclude`` of a program whose option ``caption`` is empty gets the
name of the file and the first paragraph of its docstring, or with ``pyobject``
that of the function. So no caption can say anything else; one that tries is
refused.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.directives.code import LiteralInclude

from ipcdocs.markup import paragraph
from ipcdocs.project import is_program

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


class Listing(LiteralInclude):
    """``literalinclude``, with the captions of programs."""

    def run(self) -> list[nodes.Node]:
        """Return the listing."""
        file = Path(self.env.relfn2path(self.arguments[0])[1])
        if "caption" not in self.options or not is_program(file):
            return super().run()
        if self.options["caption"]:
            raise self.error(
                f"the caption of {file.name} is in its docstring: leave the"
                " option empty"
            )
        found = super().run()
        for node in found:
            for caption in node.findall(nodes.caption):
                text = about(file, self.options.get("pyobject", ""))
                caption[:] = paragraph(text).children
        return found


def about(file: Path, part: str = "") -> str:
    """Return the caption of a program, or of a part: ``pipe.py``: send one ...

    Names, and what its docstring marks as code, are between double backquotes.
    """
    node: ast.AST = ast.parse(file.read_text("utf-8"))
    for name in filter(None, part.split(".")):
        node = next(
            child
            for child in ast.iter_child_nodes(node)
            if getattr(child, "name", "") == name
        )
    docstring = ast.get_docstring(node)  # type: ignore[arg-type] # or it fails
    first = (docstring or "").partition("\n\n")[0]
    words = " ".join(first.split()).removesuffix(".")
    named = f"``{part}`` of ``{file.name}``" if part else f"``{file.name}``"
    return f"{named}: {words[0].lower()}{words[1:]}" if words else named


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the place of Sphinx's directive."""
    app.add_directive("literalinclude", Listing, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
