# SPDX-License-Identifier: 0BSD
"""Shows recorded runs on the pages: figures, their words, and a stepper.

A run, in reST or MyST, is shown by the name of its recording::

    .. run:: pipe

A transcript with the option ``record`` is followed by its run. What processes
hold at chosen moments is shown by ``descriptors``, with a line a moment, which
says by which steps it is found (`Recording.at`)::

    ```{descriptors} pipe
    :name: figure-2

    Before the fork
    After the parent's close and the child's close
    ```

The caption says who comes to share what.

The drawings are parts of the page, so that their colours follow the theme.
Their words are an ordinary list, which every format has. ``stepper.js`` adds
the stepper to a run; without it nothing is missing.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from ipcdocs.markup import paragraph
from ipcdocs.project import is_whole
from ipcdocs.recording import diagrams, model
from ipcdocs.recording.canvas import LOOKS
from ipcdocs.recording.prose import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator
    from sphinx.writers.latex import LaTeXTranslator

    from ipcdocs.recording.canvas import Drawing
    from ipcdocs.recording.model import Recording, State

CAPTION = "This run, call by call"
ANOTHER = "Another such run, call by call"
LEGEND = (
    "A row is a call, after the number of its line in the program. A process"
    " waits where its line is dotted. An arrow leads to a call from what made"
    " it possible; data came with it if the arrow is solid."
)
IN_WORDS = "The same in words"
ROWS_A_PAGE = 40
# In LaTeX: no page ends between what stands before and what follows.
TOGETHER = r"\nopagebreak"
logger = logging.getLogger(__name__)


class recording_diagram(nodes.General, nodes.Element):
    """A drawing; its attributes are ``drawing`` and ``name``, an id."""


class recording_prose(nodes.General, nodes.Element):
    """What a figure shows, in words; in HTML it can be folded."""


class recording_stepper(nodes.General, nodes.Element):
    """What ``stepper.js`` needs; its attribute is ``data``."""


def load(env: BuildEnvironment, name: str) -> Recording:
    """Read a recording that a page shows.

    :raises ipcdocs.recording.model.RecordingError: it cannot be read
    """
    file = Path(env.srcdir, "recordings", f"{name}.json")
    env.note_dependency(file)
    return model.load(file)


def run_nodes(
    run: Recording, name: str, caption: str = CAPTION
) -> nodes.Element:
    """Return a run as it is shown on a page, with *name* as its id."""
    words = Words(run)
    steps = [
        nodes.list_item("", paragraph(words.step(number)))
        for number in range(len(run.steps))
    ]
    return nodes.container(
        "",
        nodes.paragraph(
            "", "", nodes.strong("", caption), classes=["recording-title"]
        ),
        recording_diagram(
            drawing=diagrams.sequence(words), name=f"{name}-title"
        ),
        nodes.paragraph("", LEGEND, classes=["recording-legend"]),
        recording_prose(
            "", nodes.enumerated_list("", *steps), summary=IN_WORDS
        ),
        recording_stepper(data=stepper_data(words)),
        classes=["recording", "recording-run"],
        ids=[name],
    )


def stepper_data(words: Words) -> dict[str, object]:
    """Return the changes of each step to what holds.

    For each step that is a list of descriptor tables (``t``) and of what the
    processes do (``d``), each by the process, of what waits, by the place
    (``q``), and of the states of ends that nobody holds (``s``). A null says
    that something is no longer there. The step's own process is ``p``.
    """
    run = words.recording
    numbers = range(len(run.processes))
    held: list[dict[str, Mapping[str, object]]] = [
        {"t": {}, "q": {}, "s": {}, "d": {}}
    ]
    for number, state in enumerate(run.states()):
        tables = {
            f"{process} {fd}": end
            for process in numbers
            for fd, end in words.table(state, process).items()
        }
        doing = {str(p): words.activity(number, p) for p in numbers}
        waiting, alone = words.waiting(state), words.unheld(state)
        held.append({"t": tables, "q": waiting, "s": alone, "d": doing})
    return {
        "names": words.processes,
        "programs": [process.program for process in run.processes],
        "steps": [
            {part: _changes(before[part], after[part]) for part in after}
            | {"p": step.process}
            for step, (before, after) in zip(
                run.steps, pairwise(held), strict=True
            )
        ],
    }


def _changes(
    before: Mapping[str, object], after: Mapping[str, object]
) -> dict[str, object]:
    """Return the new or other values, and a null for each that has gone."""
    gone = dict.fromkeys(key for key in before if key not in after)
    new = {
        key: value
        for key, value in after.items()
        if key not in before or before[key] != value
    }
    return {**gone, **new}


class Run(SphinxDirective):
    """``run``: a recorded run."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the figure of the run."""
        (name,) = self.arguments
        try:
            run = load(self.env, name)
        except model.RecordingError as error:
            logger.warning("%s", error, location=self.get_location())
            return []
        return [run_nodes(run, f"run-{name}")]


class Descriptors(SphinxDirective):
    """``descriptors``: the descriptor tables at some moments of a run."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Callable[[str], str]]] = {
        "name": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Return the figure, and after it its words."""
        self.assert_has_content()
        if "name" not in self.options:
            raise self.error("the directive needs a name")
        figure = nodes.figure(classes=["recording", "recording-moments"])
        self.set_source_info(figure)
        self.add_name(figure)
        prose = nodes.enumerated_list()
        try:
            run = load(self.env, self.arguments[0])
            states = {t: run.at(t) for t in filter(None, self.content)}
            words = Words(run).within(states.values())
            for number, (title, state) in enumerate(states.items(), 1):
                name = f"{figure['ids'][0]}-{number}"
                figure += moment(words, state, title, name)
                prose += in_words(words, state, title)
        except model.RecordingError as error:
            logger.warning("%s", error, location=self.get_location())
            return []
        caption = words.sharing(state)
        if not caption:
            raise self.error("in the end nobody holds what can be shared")
        figure += nodes.caption("", "", *paragraph(caption).children)
        return [figure, recording_prose("", prose, summary=IN_WORDS)]


def moment(words: Words, state: State, title: str, name: str) -> nodes.Element:
    """Return the drawing of a moment, below its title."""
    return nodes.container(
        "",
        nodes.paragraph("", title, classes=["recording-title"]),
        recording_diagram(
            drawing=diagrams.tables(words, state, title), name=name
        ),
        classes=["recording-moment"],
    )


def in_words(words: Words, state: State, title: str) -> nodes.Element:
    """Return an item of a list with the words of a moment's drawing."""
    sentences = [paragraph(text) for text in words.state(state)]
    title_ = nodes.paragraph("", "", nodes.strong("", title))
    return nodes.list_item("", title_, *sentences)


class MarkListings(SphinxPostTransform):
    """Lets the stepper find the whole listing of each program."""

    default_priority = 100
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Add a class to the first listing of a program."""
        marked = set()
        for listing in self.document.findall(nodes.literal_block):
            file = Path(listing.get("source") or ".")
            if file not in marked and is_whole(listing.rawsource, file):
                marked.add(file)
                listing["classes"].append(f"listing-{file.stem}")


class UnfoldFigures(SphinxPostTransform):
    """Where a figure cannot be unfolded or stepped through, it stands open."""

    default_priority = 500
    formats = ("latex", "text")

    def run(self, **_: object) -> None:
        """Put the parts of figures one below the other.

        Paper has no room for words that say what the drawings of moments do.
        """
        for figure in list(self.document.findall(nodes.figure)):
            if "recording-moments" in figure["classes"]:
                *parts, caption = figure.children
                strong = nodes.strong("", "", *caption.children)
                target = nodes.target("", "", ids=figure["ids"])
                title = nodes.paragraph("", "", target, strong)
                paragraph_break = nodes.raw("", r"\par", format="latex")
                glue = nodes.raw("", TOGETHER, format="latex")
                prose = figure.parent[figure.parent.index(figure) + 1]
                figure.parent.remove(prose)
                figure.replace_self([paragraph_break, title, glue, *parts])
        for node in list(self.document.findall(recording_prose)):
            node.replace_self(node.children)


def _visit_diagram(
    translator: HTML5Translator, node: recording_diagram
) -> None:
    picture: Drawing = node["drawing"]
    svg = picture.svg(node["name"])
    # The keyboard can scroll it, if it is wider than the page.
    tag = '<div class="recording-diagram" role="group" tabindex="0"'
    translator.body.append(f'{tag} aria-label="Figure">\n{svg}</div>\n')


def _visit_prose(translator: HTML5Translator, node: recording_prose) -> None:
    tag = translator.starttag(node, "details", CLASS="recording-prose")
    translator.body.append(f"{tag}<summary>{node['summary']}</summary>\n")


def _depart_prose(translator: HTML5Translator, _node: recording_prose) -> None:
    translator.body.append("</details>\n")


def _visit_stepper(
    translator: HTML5Translator, node: recording_stepper
) -> None:
    if translator.builder.name != "epub":
        data = json.dumps(node["data"], separators=(",", ":"))
        data = data.replace("``", "").replace("<", "\\u003c")
        tag = '<script type="application/json">'
        translator.body.append(f"{tag}{data}</script>\n")


def _visit_diagram_latex(
    translator: LaTeXTranslator, node: recording_diagram
) -> None:
    picture: Drawing = node["drawing"]
    translator.body.append(f"\n{TOGETHER}")
    for strip in picture.tikz(ROWS_A_PAGE * diagrams.ROW):
        translator.body.append(f"\n\\noindent {strip}\n")


def _add_looks(_app: Sphinx, config: Config) -> None:
    preamble = config.latex_elements.get("preamble", "")
    config.latex_elements["preamble"] = preamble + LOOKS


def _nothing(_translator: object, _node: nodes.Node) -> None:
    pass


SKIP = (_nothing, _nothing)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives, their nodes and how they are written."""
    app.add_node(
        recording_diagram,
        html=(_visit_diagram, _nothing),
        latex=(_visit_diagram_latex, _nothing),
        text=SKIP,
    )
    app.add_node(recording_prose, html=(_visit_prose, _depart_prose))
    app.add_node(
        recording_stepper,
        html=(_visit_stepper, _nothing),
        latex=SKIP,
        text=SKIP,
    )
    app.add_directive("descriptors", Descriptors)
    app.add_directive("run", Run)
    app.add_post_transform(MarkListings)
    app.add_post_transform(UnfoldFigures)
    app.connect("config-inited", _add_looks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
