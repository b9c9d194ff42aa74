# SPDX-License-Identifier: 0BSD
"""Shows what the programs withstand: the ``fault-matrix`` directive.

The page has what is to be shown (`shown_results`) when it is written: at the
earliest after the tests that a build runs. On the site it is a table for each
part of the text, of which a narrow screen makes a list; in a book it is a list
for each group.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from ipcdocs.markup import paragraph
from ipcdocs.verification import kept_results, shown_results, sources_of_tests
from ipcdocs.verification.shown_results import is_known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator

    from ipcdocs.verification.results_file import Result

    Groups = dict[str, dict[str, dict[str, Result]]]

logger = logging.getLogger(__name__)
UNKNOWN = "?"
SIGNS = {"passed": "✓", "failed": "fails"}


class fault_matrix(nodes.General, nodes.Element):
    """The place of the matrix."""


class group_heading(nodes.Part, nodes.TextElement):
    """The heading of some rows; it tells how many ``columns`` they have."""


class FaultMatrix(SphinxDirective):
    """The directive: a line for each table, ``folder: caption``.

    A table is about the programs whose listings are in chapters below its
    folder. Without lines there is one, about all.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        if kept_results.FILE.exists():
            self.env.note_dependency(kept_results.FILE)
        self.env.metadata[self.env.docname][sources_of_tests.LINKED] = "yes"
        parts = [line.split(": ", 1) for line in self.content]
        return [fault_matrix(parts=parts or [["", ""]])]


class FillFaultMatrix(SphinxPostTransform):
    """Puts the matrix in its place."""

    default_priority = 10

    def run(self, **_: object) -> None:
        """Replace each place."""
        for place in list(self.document.findall(fault_matrix)):
            shown = shown_results.load()
            place.replace_self(
                [
                    bullet_list(map(paragraph, shown.sources)),
                    *self.matrix(shown.results, place["parts"]),
                    *exceptions(shown.results),
                ]
                if any(map(is_known, shown.results))
                else paragraph(NOTHING)
            )

    def matrix(
        self, results: list[Result], parts: list[list[str]]
    ) -> Iterator[nodes.Node]:
        """Yield the matrix, in the form that suits the builder."""
        builder = self.env._app.builder  # as Sphinx's own transforms ask
        if not sources_of_tests.are_written(builder):
            yield from lists(groups_of(results))
            return
        uri = sources_of_tests.uris(builder, self.env.docname, results)
        folders = tuple(folder for folder, _ in parts)
        for program in sorted({each["program"] for each in results}):
            if not self.chapter_of(program).startswith(folders):
                logger.warning("no table has %s", program)
        for folder, caption in parts:
            of_part = [
                each
                for each in results
                if self.chapter_of(each["program"]).startswith(folder)
            ]
            yield table(groups_of(of_part), uri, caption)

    def chapter_of(self, program: str) -> str:
        """Return the name of the page that has the program's listing."""
        labels = self.env.domains.standard_domain.anonlabels
        return labels.get(f"listing-of-{program}", ("", ""))[0]


NOTHING = (
    "No result is known of the tests and the programs as they are now."
    " ``nox -s tests`` runs all tests."
)


def groups_of(results: Iterable[Result]) -> Groups:
    """Return the rows by their groups, without those of which all is unknown.

    A row has results by their programs.
    """
    groups: Groups = defaultdict(lambda: defaultdict(dict))
    known = {
        (each["group"], each["fault"]) for each in results if is_known(each)
    }
    for each in results:
        if (each["group"], each["fault"]) in known:
            groups[each["group"]][each["fault"]][each["program"]] = each
    return groups


def programs_of(groups: Groups) -> list[str]:
    """Return the programs of which something is known."""
    return sorted(
        {
            each["program"]
            for rows in groups.values()
            for row in rows.values()
            for each in row.values()
            if is_known(each)
        }
    )


def sign(result: Result) -> str:
    """Return the sign of a result."""
    if result.get("instead"):
        return "no"
    return SIGNS.get(result["outcome"], UNKNOWN)


def exceptions(results: Iterable[Result]) -> Iterator[nodes.Node]:
    """Yield, in a list, who withstands what a program does not."""
    texts = [
        f"{each['fault']}: {each['program']} does not, {each['instead']} does."
        for each in results
        if is_known(each) and each.get("instead")
    ]
    if texts:
        yield paragraph("Another program withstands what these do not:")
        yield bullet_list(map(paragraph, texts))


def lists(groups: Groups) -> Iterator[nodes.Node]:
    """Yield a heading and a list for each group, an item for each fault."""
    programs = programs_of(groups)
    for group, rows in groups.items():
        texts = []
        for fault, row in rows.items():
            signs = [f"{p} {sign(row[p])}" for p in programs if p in row]
            texts.append(f"{fault}: {', '.join(signs)}.")
        yield nodes.rubric("", group)
        yield bullet_list(nodes.paragraph("", text) for text in texts)


def bullet_list(items: Iterable[nodes.Node]) -> nodes.bullet_list:
    """Return a list."""
    return nodes.bullet_list("", *(nodes.list_item("", i) for i in items))


def table(
    groups: Groups, uri: Callable[[Result], str], caption: str
) -> nodes.table:
    """Return a table: a row for each fault, a column for each program.

    :param groups: the rows
    :param uri: returns where the test of a result can be read
    :param caption: what stands above it, or nothing
    """
    programs = programs_of(groups)
    width = 1 + len(programs)
    columns = [nodes.colspec(colwidth=1, stub=not i) for i in range(width)]
    head = nodes.thead("", table_row(map(entry, ["Fault", *programs])))
    bodies = []
    for group, rows in groups.items():
        bodies.append(nodes.tbody("", table_row([heading(group, width)])))
        for fault, row in rows.items():
            cells = [cell(row.get(program), uri) for program in programs]
            bodies[-1] += table_row([entry(fault), *cells])
    content = nodes.tgroup("", *columns, head, *bodies, cols=width)
    if not caption:
        return nodes.table("", content, classes=["fault-matrix"])
    return nodes.table(
        "",
        nodes.title("", caption),
        content,
        classes=["fault-matrix"],
        ids=[nodes.make_id(caption)],
    )


def table_row(entries: Iterable[nodes.Node]) -> nodes.row:
    """Return a row of a table."""
    return nodes.row("", *entries)


def entry(text: str) -> nodes.entry:
    """Return a cell that holds a text."""
    return nodes.entry("", nodes.paragraph("", text))


def heading(text: str, columns: int) -> group_heading:
    """Return the only cell of the row above a group's."""
    return group_heading("", nodes.Text(text), columns=columns)


def cell(result: Result | None, uri: Callable[[Result], str]) -> nodes.entry:
    """Return the cell of a result: its sign is a link to its test.

    The name of the program, too, is in the link: a narrow screen shows it.
    """
    if result is None:
        return nodes.entry()
    program = nodes.inline(
        "", result["program"], classes=["fault-matrix-program"]
    )
    shown = nodes.inline("", sign(result), classes=["fault-matrix-sign"])
    link = nodes.reference("", "", program, nodes.Text(" "), shown)
    link.update_all_atts(
        {
            "refuri": uri(result),
            "reftitle": result["tests"][0],
            "internal": True,
        }
    )
    return nodes.entry("", nodes.paragraph("", "", link))


def visit_heading(self: HTML5Translator, node: group_heading) -> None:
    """Begin the heading of a group of rows."""
    attributes = {"scope": "rowgroup", "colspan": node["columns"]}
    self.body.append(self.starttag(node, "th", "", **attributes))


def depart_heading(self: HTML5Translator, _node: group_heading) -> None:
    """End it."""
    self.body.append("</th>\n")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_node(fault_matrix)
    app.add_node(group_heading, html=(visit_heading, depart_heading))
    app.add_directive("fault-matrix", FaultMatrix)
    app.add_post_transform(FillFaultMatrix)
    app.setup_extension(sources_of_tests.__name__)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
