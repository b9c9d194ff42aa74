# SPDX-License-Identifier: 0BSD
"""Lay out the API pages that autodoc2 writes.

A program's page is its docstring and its members, in the order of the source;
the package's page lists the programs with what each of them does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodoc2.render.rst_ import RstRenderer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodoc2.utils import ItemData


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
