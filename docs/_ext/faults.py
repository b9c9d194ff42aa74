# SPDX-License-Identifier: 0BSD
"""Shows what the programs withstand: the ``faults`` directive.

``tests/harness/results_plugin.py`` writes what came of the tests of programs,
and of those with the mark ``fault(NAME)``, to ``docs/_build/faults.json``:

``digest``
    of the programs and tests, so that nothing is shown of other ones
``python``, ``system``
    where they ran
``tests``
    by the id of a test: the ``programs`` that it runs, the ``faults`` that it
    is about (each a group, a fault and a program), its ``outcome`` (passed,
    failed, skipped or not run) when it last ran, ``when`` that was (a day),
    ``why`` it was skipped, and ``instead``: a program that withstands what
    this one does not
``results``
    for each ``group``, ``fault`` and ``program`` the worst outcome of a test
    that is about them, with what else is told of that test
``programs``
    for each program, how many tests that run it ``passed`` and ``failed``, and
    ``when`` the first of these ran

The page has what is in the file when it is written: at the earliest after the
tests that a build runs.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "_build" / "faults.json"
NOT_RUN = "not run"
SIGNS = {"passed": "✓", "failed": "fails", "skipped": "?", NOT_RUN: "?"}

Result = dict[str, str]
Members = dict[str, Any]


def digest() -> str:
    """Return a digest of all programs and tests."""
    found = hashlib.sha256()
    without_browser = ("tests/*.py", "tests/[!b]*/**/*.py")
    for pattern in ("ipc_examples/*.py", *without_browser):
        for file in sorted(ROOT.glob(pattern)):
            found.update(file.read_bytes())
    return found.hexdigest()


def load() -> Members:
    """Return what the file holds, or nothing if it is not of today's tests."""
    try:
        members: Members = json.loads(FILE.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return members if members.get("digest") == digest() else {}


class faults(nodes.General, nodes.Element):  # noqa: N801 - a node's name
    """The place of the matrix."""


class Faults(SphinxDirective):
    """The directive: no arguments, no content."""

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [faults()]


class ShowFaults(SphinxPostTransform):
    """Puts the matrix in its place."""

    default_priority = 10

    def run(self, **_: object) -> None:
        """Replace each place."""
        paper = self.app.builder.format == "latex"
        for place in list(self.document.findall(faults)):
            place.replace_self(list(matrix(load(), paper=paper)))


def matrix(members: Members, *, paper: bool = False) -> Iterator[nodes.Node]:
    """Yield the matrix, and the notes to it.

    Args:
        members: those of the file.
        paper: whether there is no room for a column for each program.

    """
    results: list[Result] = members.get("results", [])
    if all(result["outcome"] == NOT_RUN for result in results):
        yield nodes.paragraph("", "No test was run for this page.")
        return
    programs = sorted({result["program"] for result in results})
    groups: dict[str, dict[str, dict[str, Result]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for result in results:
        row = groups[result["group"]][result["fault"]]
        row[result["program"]] = result
    notes = list(dict.fromkeys(filter(None, map(note, results))))
    for group, rows in groups.items():
        columns = [p for p in programs if any(p in r for r in rows.values())]
        yield nodes.rubric("", group)
        if paper:
            yield listing(rows, notes)
        else:
            yield table(columns, rows, notes)
    days = sorted({r["when"] for r in results if r["outcome"] != NOT_RUN})
    yield nodes.paragraph(
        "",
        f"Python {members['python']}, {members['system']}, "
        f"{' and '.join(dict.fromkeys((days[0], days[-1])))}.",
    )
    if notes:
        items = [nodes.list_item("", nodes.paragraph("", n)) for n in notes]
        yield nodes.enumerated_list("", *items)


def note(result: Result) -> str:
    """Return what there is to say of a result."""
    if result["outcome"] == NOT_RUN:
        return "Not run for this page: it takes seconds. nox -s tests runs it."
    if result.get("instead"):
        return f"{result['program']} cannot, but {result['instead']} can."
    return f"Not run: {result['why']}." if result.get("why") else ""


def listing(
    rows: dict[str, dict[str, Result]], notes: list[str]
) -> nodes.bullet_list:
    """Return a list: an item for each fault, with a sign to each program."""
    items = []
    for fault, results in rows.items():
        signs = [f"{p} {sign(r, notes)}" for p, r in sorted(results.items())]
        text = f"{fault}: {', '.join(signs)}."
        items.append(nodes.list_item("", nodes.paragraph("", text)))
    return nodes.bullet_list("", *items)


def table(
    programs: list[str],
    rows: dict[str, dict[str, Result]],
    notes: list[str],
) -> nodes.table:
    """Return a table: a row for each fault, a column for each program."""
    body = nodes.tbody()
    for fault, results in rows.items():
        cells = [
            sign(results[p], notes) if p in results else "" for p in programs
        ]
        body += row([fault, *cells])
    head = nodes.thead("", row(["Fault", *programs]))
    widths = [nodes.colspec(colwidth=n) for n in (20, *[1] * len(programs))]
    columns = nodes.tgroup("", *widths, head, body, cols=len(widths))
    return nodes.table("", columns, classes=["matrix"])


def row(texts: Iterable[str]) -> nodes.row:
    """Return a row of a table."""
    return nodes.row(
        "", *(nodes.entry("", nodes.paragraph("", text)) for text in texts)
    )


def sign(result: Result, notes: list[str]) -> str:
    """Return a sign for a result, with the number of the note to it."""
    said = note(result)
    number = f" {notes.index(said) + 1}" if said else ""
    mark = "no" if result.get("instead") else SIGNS[result["outcome"]]
    return mark + number


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_node(faults)
    app.add_directive("faults", Faults)
    app.add_post_transform(ShowFaults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
