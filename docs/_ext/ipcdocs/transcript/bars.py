# SPDX-License-Identifier: 0BSD
"""Draws what a transcript measured: the ``bars`` directive.

::

    ```{bars} Requests a second
    :name: rates

    What each design answered when this page was built.
    ```

It draws the transcript before it. A line of output is a bar if it is a text,
two spaces or more, and a number. The values are those of the last run, as the
transcript shows them. The argument says what is counted, the content is the
caption. A format without drawings has the transcript's own numbers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from ipcdocs.recording.canvas import CHARACTER, Drawing
from ipcdocs.recording.directives import recording_diagram
from ipcdocs.transcript.directive import transcript_screen

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

BAR = re.compile(r"(\S.*?) {2,}(\d+(?:\.\d+)?)")
LONGEST, THICK, ROW, GAP = 240, 14, 22, 8  # in pixels, as in a Drawing
logger = logging.getLogger(__name__)


class transcript_bars(nodes.General, nodes.Element):
    """The place of the drawing; its attribute ``unit`` says what is drawn."""


class Bars(SphinxDirective):
    """Shows the numbers of the transcript before it as bars."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"name": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return a figure with the place of the drawing, and the caption."""
        place = transcript_bars(unit=self.arguments[0])
        figure = nodes.figure("", place, classes=["recording"])
        self.set_source_info(figure)
        self.set_source_info(place)
        self.add_name(figure)
        place["id"] = f"bars-{self.env.new_serialno('bars') + 1}"
        parsed = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, parsed)
        if parsed.children:
            figure += nodes.caption("", "", *parsed[0].children)
        return [figure]


class DrawBars(SphinxPostTransform):
    """Draws the bars, once the transcript has its values."""

    default_priority = 110  # after ShowValues

    def run(self, **_: object) -> None:
        """Put a drawing in each place."""
        text = ""
        for node in list(self.document.findall(nodes.Element)):
            if isinstance(node, transcript_screen):
                text = node.astext()
            elif isinstance(node, transcript_bars):
                if rows := rows_in(text):
                    picture = drawing(node["unit"], rows)
                    node.replace_self(
                        recording_diagram(drawing=picture, name=node["id"])
                    )
                else:
                    logger.warning(
                        "no numbers in a transcript before", location=node
                    )
                    node.parent.remove(node)


def rows_in(text: str) -> list[tuple[str, str]]:
    """Return the label and the number of each line that has both."""
    found = map(BAR.fullmatch, text.splitlines())
    return [match.groups() for match in found if match]  # type: ignore[misc]


def drawing(unit: str, rows: list[tuple[str, str]]) -> Drawing:
    """Return the bars; the longest is that of the greatest number."""
    values = ", ".join(f"{label} {number}" for label, number in rows)
    result = Drawing(f"{unit}: {values}", height=ROW * (len(rows) + 1))
    left = max(len(label) for label, _ in rows) * CHARACTER + GAP
    most = max(float(number) for _, number in rows) or 1
    result.text("title", (left, ROW - GAP), unit)
    for i, (label, number) in enumerate(rows, 1):
        length = max(1, LONGEST * float(number) / most)
        top = ROW * i
        result.text("label", (0, top + THICK - 3), label)
        result.box("bar", (left, top), (length, THICK))
        end = left + length + GAP
        result.text("label", (end, top + THICK - 3), number)
        result.width = max(result.width, end + len(number) * CHARACTER)
    result.width = max(result.width, left + len(unit) * CHARACTER)
    return result


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive, and what draws."""
    app.add_node(transcript_bars)
    app.add_directive("bars", Bars)
    app.add_post_transform(DrawBars)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
