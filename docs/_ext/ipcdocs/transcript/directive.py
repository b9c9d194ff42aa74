# SPDX-License-Identifier: 0BSD
"""Shows what terminals show: the ``transcript`` directive.

`ipcdocs.transcript.syntax` describes its content.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from ipcdocs.recording import model
from ipcdocs.recording.directives import ANOTHER, CAPTION, load, run_nodes
from ipcdocs.transcript.syntax import (
    RESULTS,
    Kind,
    TranscriptError,
    parse,
    result_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator

    from ipcdocs.transcript.syntax import Block, Transcript

logger = logging.getLogger(__name__)


def results(env: BuildEnvironment) -> Path:
    """Return the folder of the values of the samples in the last runs."""
    return Path(env.srcdir, env.config.transcript_results)


class transcript_screen(nodes.literal_block):
    """What a terminal shows in one block; outside HTML a literal block."""


class transcript_key(nodes.inline):
    """A key that is pressed; outside HTML its name as text."""


class transcript_sample(nodes.inline):
    """A sample, until the page is written."""


def visit_screen(translator: HTML5Translator, node: transcript_screen) -> None:
    """Begin the ``pre`` element, which the keyboard can reach."""
    translator.body.append(
        translator.starttag(
            node, "pre", "", CLASS="transcript-screen", tabindex="0"
        )
    )


def depart_screen(translator: HTML5Translator, _node: nodes.Node) -> None:
    """End the ``pre`` element."""
    translator.body.append("</pre>\n")


def visit_key(translator: HTML5Translator, _node: nodes.Node) -> None:
    """Begin the ``kbd`` element."""
    translator.body.append("<kbd>")


def depart_key(translator: HTML5Translator, _node: nodes.Node) -> None:
    """End the ``kbd`` element."""
    translator.body.append("</kbd>")


def block_nodes(transcript: Transcript) -> Iterator[nodes.container]:
    """Yield each block as a container: the terminal's name, then its lines."""
    columns = {name: i for i, name in enumerate(transcript.terminals(), 1)}
    begun = set()
    for block in transcript.blocks:
        classes = [
            "transcript-block",
            f"transcript-column-{columns[block.terminal]}",
        ]
        if block.terminal not in begun:
            classes.append("transcript-first")
        if any(line.kind is Kind.COMMAND for line in block.lines):
            classes.append("transcript-typed")
        begun.add(block.terminal)
        result = nodes.container(classes=classes)
        if block.terminal:
            name = nodes.strong("", block.terminal)
            result += nodes.paragraph(
                "", "", name, classes=["transcript-name"]
            )
        result += screen_node(block, transcript)
        yield result


def screen_node(block: Block, transcript: Transcript) -> transcript_screen:
    """Return the lines of a block, each part in its class."""
    rows = []
    for line in block.lines:
        for prompt, text in line.rows():
            row = nodes.inline(classes=[f"transcript-{line.kind.value}"])
            if prompt:
                row += nodes.inline("", prompt, classes=["transcript-prompt"])
            if line.kind is Kind.KEY:
                row += transcript_key("", text)
            else:
                row += text_nodes(text, transcript)
            row += nodes.Text("\n")
            rows.append(row)
    rows[-1].pop()
    return transcript_screen("", "", *rows, language="none")


def text_nodes(text: str, transcript: Transcript) -> Iterator[nodes.Node]:
    """Yield the parts of a text, the samples as such."""
    for i, part in enumerate(transcript.split(text)):
        yield transcript_sample("", part) if i % 2 else nodes.Text(part)


class TranscriptDirective(SphinxDirective):
    """Shows a transcript.

    It has no ``option_spec``, and so gets its options as they are written:
    they are part of the format, which the page and the tests read alike.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the transcript, or of what is wrong with it."""
        text = "\n".join(self.content)
        try:
            transcript = parse(text, self.lineno + self.content_offset + 1)
        except TranscriptError as error:
            reporter = self.state.document.reporter
            return [reporter.error(f"transcript: {error}", line=error.line)]
        result = nodes.container(classes=["transcript"])
        file = results(self.env) / result_name(text)
        if file.exists():
            self.env.note_dependency(file)
        count = len(transcript.terminals())
        result += nodes.container(
            "",
            *block_nodes(transcript),
            classes=["transcript-terminals", f"transcript-columns-{count}"],
            result=file.name,
        )
        return [result, *self.recorded(transcript, text)]

    def recorded(
        self, transcript: Transcript, text: str
    ) -> Iterator[nodes.Node]:
        """Yield the recorded run of this transcript, if it has one.

        Where the transcript shows other values, such as a port, than were
        recorded, it is called another one.
        """
        name = transcript.record
        programs = self.env.srcdir.parent / "ipc_examples"
        try:
            if name:
                run = load(self.env, name)
                model.check_up_to_date(run, text, programs)
                caption = ANOTHER if transcript.varying else CAPTION
                yield run_nodes(run, f"run-{name}", caption)
        except model.RecordingError as error:
            logger.warning("%s", error, location=self.get_location())


class ShowValues(SphinxPostTransform):
    """Shows what the samples stood for when the tests last ran."""

    default_priority = 100

    def run(self, **_: object) -> None:
        """Replace the samples of each transcript."""
        for terminals in self.document.findall(nodes.container):
            if result := terminals.get("result"):
                values = self._values(result)
                for part in list(terminals.findall(transcript_sample)):
                    text = part.astext()
                    part.replace_self(nodes.Text(values.get(text, text)))
                for block in terminals.findall(transcript_screen):
                    block.rawsource = block.astext()

    def _values(self, result: str) -> dict[str, str]:
        try:
            text = (results(self.env) / result).read_text("utf-8")
        except FileNotFoundError:
            return {}
        values: dict[str, str] = json.loads(text)
        return values


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive, its nodes and the values of the last run."""
    app.add_config_value(
        "transcript_results",
        RESULTS,
        "",
        description="folder of the tests' results, below the source folder",
    )
    app.add_node(transcript_key, html=(visit_key, depart_key))
    app.add_node(transcript_screen, html=(visit_screen, depart_screen))
    app.add_directive("transcript", TranscriptDirective)
    app.add_post_transform(ShowValues)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
