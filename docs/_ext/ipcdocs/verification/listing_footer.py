# SPDX-License-Identifier: 0BSD
"""Says below a program's listing where it can be had and who has run it.

The first whole listing of a program on a page gets an id, ``pipe-py`` for
``pipe.py``, and a line below it: links to the file, to the page of what its
functions take, and to its test; and what came of the tests that ran it, from
the file of the results (`results_file`). A build without results, or with a
test that failed, warns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from ipcdocs.project import is_whole
from ipcdocs.verification import results_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

PAGES = "reference/api/ipc_examples/ipc_examples."
logger = logging.getLogger(__name__)


class test_results(nodes.Inline, nodes.TextElement):
    """The place of what came of a program's tests; it has the ``program``."""


class AddListingFooters(SphinxTransform):
    """Adds the line, without the results."""

    default_priority = 400

    def apply(self, **_: object) -> None:
        """Add it below each program that the page shows whole."""
        seen = set()
        for listing in list(self.document.findall(nodes.literal_block)):
            file = Path(listing.get("source") or ".")
            if file not in seen and is_whole(listing.rawsource, file):
                seen.add(file)
                captioned = listing.parent.get("literal_block")
                block = listing.parent if captioned else listing
                block["ids"].append(f"{file.stem}-py")
                self.label(file)
                line = nodes.paragraph("", classes=["listing-footer"])
                line += self.parts(file.stem)
                block.parent.insert(block.parent.index(block) + 1, line)

    def label(self, file: Path) -> None:
        """Let the pages of the programs refer to a chapter's listing."""
        if not self.env.docname.startswith(PAGES):
            self.env.domains.standard_domain.note_hyperlink_target(
                f"listing-of-{file.stem}",
                self.env.docname,
                f"{file.stem}-py",
                file.name,
            )

    def parts(self, program: str) -> Iterator[nodes.Node]:
        """Yield the parts of the line; files and tests are not in books."""
        file = f"{program}.py"
        download = addnodes.download_reference(
            "",
            "",
            nodes.Text(f"Download {file}"),
            reftarget=f"/../ipc_examples/{file}",
            refdomain="",
            classes=["download"],
        )
        yield on_site(download, nodes.Text(" · "))
        if self.env.docname != f"{PAGES}{program}":
            yield self.link("py", "mod", f"ipc_examples.{program}", "Its page")
            yield nodes.Text(" · ")
        test = self.link("std", "ref", f"test-of-{program}", "Its test")
        yield on_site(test, nodes.Text(" · "))
        yield test_results(program=program)

    def link(
        self, domain: str, kind: str, target: str, text: str
    ) -> nodes.Node:
        """Return a link to a target of some kind."""
        return addnodes.pending_xref(
            "",
            nodes.inline("", text),
            refdoc=self.env.docname,
            refdomain=domain,
            reftype=kind,
            reftarget=target,
            refexplicit=True,
            refwarn=True,
        )


def on_site(*parts: nodes.Node) -> nodes.Node:
    """Return a node with parts that are on the site alone."""
    return addnodes.only("", *parts, expr="builder_html")


class FillListingFooters(SphinxPostTransform):
    """Puts the results in their place."""

    default_priority = 10

    def run(self, **_: object) -> None:
        """Replace each place."""
        places = list(self.document.findall(test_results))
        members = results_file.load() if places else {}
        for place in places:
            text = result(members, place["program"])
            if not text:
                logger.warning(
                    "no test has run %s.py as it is now, or one has failed:"
                    " run nox -s docs",
                    place["program"],
                    location=place,
                )
            place.replace_self(nodes.Text(text or "Not verified"))


def result(members: results_file.Members, program: str) -> str:
    """Return the result of a program's tests, or nothing if it is bad."""
    found = members.get("programs", {}).get(program)
    if not found or found["failed"] or not found["passed"]:
        return ""
    number = found["passed"]
    return (
        f"Run by {number} test{'s' * (number != 1)}, which passed:"
        f" Python {members['python']}, {members['system']}, {found['when']}"
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the line."""
    app.add_node(test_results)
    app.add_transform(AddListingFooters)
    app.add_post_transform(FillListingFooters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
