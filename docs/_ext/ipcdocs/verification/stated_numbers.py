# SPDX-License-Identifier: 0BSD
"""Compares the numbers that prose states with what they speak of.

::

    a buffer of {value}`unix_datagram_receive.BUFFER_SIZE` bytes
    after {value}`five seconds <inet_stream_select.IDLE>`
    the {count}`eleven chapters <docs/tutorial/??-*.md>`

``value`` reads a constant of a program, ``count`` counts the files that a
pattern matches from the project's root, those with a leading underscore left
out. The number is shown, or instead of it the text before the angle brackets.
That has to state the number, in digits or as a word: the build warns if it
does not.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import ReferenceRole

from ipcdocs.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

WORDS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight"),
    *("nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"),
    *("sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
logger = logging.getLogger(__name__)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[a-z]+")


class StatedNumber(ReferenceRole):
    """A role whose text states a number that can be found out."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the text; warn if it does not state the number."""
        text = self.title
        try:
            number = self.found(self.target)
        except (OSError, LookupError, ValueError) as error:
            logger.warning(
                "%s: %s", self.target, error, location=self.get_location()
            )
        else:
            text = text if self.has_explicit_title else shown(number)
            if number not in numbers_in(text):
                logger.warning(
                    *("%s is %s, not: %s", self.target, shown(number), text),
                    location=self.get_location(),
                )
        return [nodes.Text(text)], []

    def found(self, what: str) -> float:
        """Return the number that *what* stands for."""
        raise NotImplementedError


class Value(StatedNumber):
    """The role ``value``: a constant of a program, PROGRAM.CONSTANT."""

    def found(self, what: str) -> float:
        """Return the value of a constant.

        :raises OSError: if there is no such program
        :raises LookupError: if it has no such constant
        :raises ValueError: if that is no number
        """
        program, _, name = what.rpartition(".")
        file = ROOT / "ipc_examples" / f"{program}.py"
        for found, value in assignments(file.read_text("utf-8")):
            if found == name:
                self.env.note_dependency(str(file))
                return float(ast.literal_eval(value))
        raise LookupError(f"{file.name} has no constant {name}")


def assignments(source: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names of a module's constants, each with its expression."""
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.Assign(
                targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)
            ):
                for each, value in zip(names, values, strict=True):
                    yield ast.unparse(each), value


class Count(StatedNumber):
    """The role ``count``: how many files there are."""

    def found(self, what: str) -> float:
        """Return the number of files that match a pattern.

        :raises LookupError: if none does
        """
        files = [f for f in ROOT.glob(what) if not f.name.startswith("_")]
        if not files:
            raise LookupError("there is no such file")
        return len(files)


def shown(number: float) -> str:
    """Return a number as a page shows it."""
    return str(int(number) if number == int(number) else number)


def numbers_in(text: str) -> set[float]:
    """Return the numbers that a text states."""
    found = NUMBER.findall(text.lower())
    return {
        float(WORDS.index(word))
        if word in WORDS
        else float(word.replace(",", ""))
        for word in found
        if word in WORDS or word[0].isdecimal()
    }


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the roles."""
    app.add_role("value", Value())
    app.add_role("count", Count())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
