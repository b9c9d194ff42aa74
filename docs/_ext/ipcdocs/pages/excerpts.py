# SPDX-License-Identifier: 0BSD
"""Leaves the docstring out of a listing that shows a part of a program.

The page says what a function is for, and its markup is for the program's own
page. So a ``literalinclude`` with ``pyobject`` shows the head of the function
and its code. Each line keeps its number in the file, if lines have numbers: so
they jump where the docstring was. On paper they cannot, and have none.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from pygments.formatters import HtmlFormatter
from sphinx.highlighting import PygmentsBridge
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

Part = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
NUMBER = re.compile(r'(?<=<span class="linenos">) *(\d+)')


class JumpingFormatter(HtmlFormatter):  # type: ignore[misc] # untyped
    """Pygments' own, with line numbers that may jump.

    :param jump: after how many lines, and how many numbers are left out
    """

    def __init__(
        self,
        jump: tuple[int, int] = (0, 0),
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Remember the jump beside the options of Pygments."""
        super().__init__(**options)
        self.jump = jump

    def wrap(self, source: Iterator[tuple[int, str]]) -> Any:  # noqa: ANN401
        """Add to the numbers after the jump, and wrap as Pygments does."""
        return super().wrap(self.renumbered(source))

    def renumbered(
        self, source: Iterator[tuple[int, str]]
    ) -> Iterator[tuple[int, str]]:
        """Yield the lines with their numbers."""
        shown, left_out = self.jump

        def add(number: re.Match[str]) -> str:
            return str(int(number[1]) + left_out).rjust(len(number[0]))

        seen = 0
        for is_code, line in source:
            seen += is_code
            yield is_code, NUMBER.sub(add, line) if seen > shown else line


class HideJumpingNumbers(SphinxPostTransform):
    """Prints no line numbers that jump: on paper they would go on."""

    default_priority = 10
    formats = ("latex",)

    def run(self, **_: object) -> None:
        """Look at all listings."""
        for listing in self.document.findall(nodes.literal_block):
            if "jump" in listing.get("highlight_args", ()):
                del listing["highlight_args"]["jump"]
                listing["linenos"] = False


def leave_docstring_out(listing: nodes.literal_block, part: ast.AST) -> None:
    """Change the listing of a part of a program, if it has a docstring.

    :param part: the function or class, as it was parsed
    """
    if not isinstance(part, Part):
        return
    docstring, *code = part.body
    if not code or not is_docstring(docstring):
        return
    start = min(node.lineno for node in (part, *part.decorator_list))
    shown = docstring.lineno - start
    left_out = (docstring.end_lineno or 0) + 1 - docstring.lineno
    lines = listing.astext().splitlines(keepends=True)
    text = "".join(lines[:shown] + lines[shown + left_out :])
    listing.rawsource = text
    listing[:] = [nodes.Text(text)]
    arguments: dict[str, object] = listing.get("highlight_args", {})
    listing["highlight_args"] = {**arguments, "jump": (shown, left_out)}


def is_docstring(statement: ast.stmt) -> bool:
    """Return True if the first statement of a body is a docstring."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def setup(app: Sphinx) -> ExtensionMetadata:
    """Let line numbers jump, in listings that say where."""
    PygmentsBridge.html_formatter = JumpingFormatter
    app.add_post_transform(HideJumpingNumbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
