# SPDX-License-Identifier: 0BSD
"""Shows what the programs withstand: the ``fault-matrix`` directive.

The page has what is in the file of the results (`results_file`) when the page
is written: at the earliest after the tests that a build runs.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from ipcdocs.verification.results_file import NOT_RUN, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

    from ipcdocs.verification.results_file import Members, Result

SIGNS = {"passed": "✓", "failed": "fails", "skipped": "?", NOT_RUN: "?"}


class fault_matrix(nodes.General, nodes.Element):
    """The place of the matrix."""


class FaultMatrix(SphinxDirective):
    """The directive: no arguments, no content."""

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [fault_matrix()]


class FillFaultMatrix(SphinxPostTransform):
    """Puts the matrix in its place."""

    default_priority = 10

    def run(self, **_: object) -> None:
        """Replace each place."""
        paper = self.app.builder.format == "latex"
        for place in list(self.document.findall(fault_matrix)):
            place.replace_self(list(matrix(load(), paper=paper)))


def matrix(members: Members, *, paper: bool = False) -> Iterator[nodes.Node]:
    """Yield the matrix, and the notes to it.

    :param members: those of the file
    :param paper: whether there is no room for a column for each program
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
    """Return the note to a result, or nothing."""
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
    return nodes.table("", columns, classes=["fault-matrix"])


def row(texts: Iterable[str]) -> nodes.row:
    """Return a row of a table."""
    return nodes.row(
        "", *(nodes.entry("", nodes.paragraph("", text)) for text in texts)
    )


def sign(result: Result, notes: list[str]) -> str:
    """Return a sign for a result, with the number of the note to it."""
    text = note(result)
    number = f" {notes.index(text) + 1}" if text else ""
    mark = "no" if result.get("instead") else SIGNS[result["outcome"]]
    return mark + number


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_node(fault_matrix)
    app.add_directive("fault-matrix", FaultMatrix)
    app.add_post_transform(FillFaultMatrix)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
