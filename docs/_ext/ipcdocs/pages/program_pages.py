# SPDX-License-Identifier: 0BSD
"""Lay out the API pages that autodoc2 writes.

A program's page is its docstring and its members, in the order of the source,
then the program, its recorded runs and its test; the package's page lists the
programs with what each of them does.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from autodoc2.render.rst_ import RstRenderer

from ipcdocs.project import DOCS
from ipcdocs.recording import model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from autodoc2.utils import ItemData

    from ipcdocs.recording.model import Recording


@cache
def recordings() -> list[tuple[str, Recording]]:
    """Return the recordings by their names.

    The page of its transcript complains of one that cannot be read.
    """
    found = []
    for file in sorted(DOCS.glob("recordings/*.json")):
        with suppress(model.RecordingError):
            found.append((file.stem, model.load(file)))
    return found


def listing(program: str) -> Iterator[str]:
    """Yield the lines that include a whole program."""
    yield from (f".. literalinclude:: /../ipc_examples/{program}.py", "")


def only(expression: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines for those builders alone that an expression tells."""
    yield from (f".. only:: {expression}", "")
    yield from (f"   {line}" if line else "" for line in lines)
    yield ""


class ProgramRenderer(RstRenderer):
    """autodoc2's reST, without its headings, summaries and guesses."""

    def render_package(self, item: ItemData) -> Iterator[str]:
        """Yield the page of a module, or of the package."""
        name = item["full_name"]
        title = name.rpartition(".")[2]
        yield from (title, "=" * len(title), "", f".. py:module:: {name}", "")
        yield from (f".. autodoc2-docstring:: {name}", "")
        yield from self._programs(item)
        for child in self.get_children(item):
            if child["type"] != "module":
                yield from self.render_item(child["full_name"])
        if "." in name:
            yield from only("not builder_html", self._where_listed(title))
            yield from only("builder_html", self._listing_and_runs(title))

    def _where_listed(self, program: str) -> Iterator[str]:
        """Yield a link to the place where a book prints the program, once."""
        there = f":ref:`{program}.py <listing-of-{program}>`"
        yield f"The whole program: {there}."

    def _listing_and_runs(self, program: str) -> Iterator[str]:
        """Yield the program, its runs, whom it met in them, and its test."""
        runs = {
            name: run for name, run in recordings() if program in run.sources
        }
        yield from ("The program", "-" * 11, "", *listing(program))
        for name in runs:
            title = f"A recorded run: {name.replace('_', ' ')}"
            yield from (title, "-" * len(title), "", f".. run:: {name}", "")
        met = {other for run in runs.values() for other in run.sources}
        for other in sorted(met - {program}):
            title = f"Its peer {other}"
            yield from (title, "-" * len(title), "", *listing(other))
        yield from (f".. _test-of-{program}:", "", "Its test", "-" * 8, "")
        test = f"/../tests/programs/test_{program}.py"
        yield from (f".. literalinclude:: {test}", "")

    def _programs(self, item: ItemData) -> Iterator[str]:
        """Yield a table of the modules of the package, sorted by name."""
        modules = {
            module["full_name"]: module
            for module in self.get_children(item, {"module"})
        }
        names = {name: name.rpartition(".")[2] for name in sorted(modules)}
        if names:
            programs = [modules[name] for name in names]
            yield from self.generate_summary(programs, names)
            yield from ("", ".. toctree::", "   :hidden:", "")
            yield from (f"   {name}" for name in names)
            yield ""

    def render_data(self, item: ItemData) -> Iterator[str]:
        """Yield a constant, with its value only if autodoc2 knows it."""
        known = isinstance(item.get("value"), (bytes, float, int, str))
        for line in super().render_data(item):
            if known or ":value:" not in line:
                yield line
