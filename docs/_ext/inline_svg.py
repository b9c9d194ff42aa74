# SPDX-License-Identifier: 0BSD
"""Put SVG figures into the page itself, each with its text equivalent.

In a MyST page::

    ```{svg} figures/figure-2.svg
    :name: figure-2
    :caption: Figure 2. Parent and child sharing a pipe

    What the figure shows, step by step, in ordinary markup.
    ```

The path is relative to the page. The drawing becomes a part of the HTML, not
an ``<img>``, so that its ``currentColor`` and CSS variables follow the theme.
PDF and plain text have the caption and the text equivalent only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from xml.etree import ElementTree as ET

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator

SVG = "http://www.w3.org/2000/svg"
SUMMARY = "The figure in words"

# A letter of this size in the drawing is as large as the page's letters.
UNITS_PER_EM = 16

# These would act on the whole page, or load something.
FORBIDDEN = {"foreignObject", "image", "script", "style"}

ET.register_namespace("", SVG)
logger = logging.getLogger(__name__)


class inline_svg(nodes.General, nodes.Element):  # noqa: N801 - a node's name
    """The drawing; its attribute ``svg`` is the markup, or empty."""


class svg_words(nodes.General, nodes.Element):  # noqa: N801 - a node's name
    """The figure's text equivalent."""


def inlined(text: str, prefix: str) -> str:
    """Return an SVG document as markup to stand in a page.

    :param text: the document.
    :param prefix: begins each of its ids, so that figures do not collide.
    :raises ValueError: with the reason, if the document cannot be used.
    """
    try:
        root = ET.fromstring(text)  # noqa: S314 - the site's own file
    except ET.ParseError as error:
        raise ValueError(str(error)) from error
    if root.tag != f"{{{SVG}}}svg":
        raise ValueError("the root element is not <svg> in SVG's namespace")
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    for name in sorted(FORBIDDEN & names):
        raise ValueError(f"<{name}> is not allowed in a figure")
    _prefix_ids(root, prefix)
    _name(root, prefix)
    _fit(root)
    return ET.tostring(root, encoding="unicode")


def _prefix_ids(root: ET.Element, prefix: str) -> None:
    """Rename every id, and every reference to one."""
    for element in root.iter():
        for key, value in element.items():
            if key == "id":
                element.set(key, f"{prefix}-{value}")
            elif key.endswith("href") and not value.startswith("#"):
                raise ValueError(f"a reference leads out of it: {value}")
            elif key.endswith("href"):
                element.set(key, f"#{prefix}-{value[1:]}")
            else:
                element.set(key, re.sub(r"url\(#", f"url(#{prefix}-", value))


def _name(root: ET.Element, prefix: str) -> None:
    """Make it one image to a screen reader, named by its title and desc."""
    title = root.find(f"{{{SVG}}}title")
    if title is None or not (title.text or "").strip():
        raise ValueError("it has no <title>")
    title.set("id", f"{prefix}-title")
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title")
    desc = root.find(f"{{{SVG}}}desc")
    if desc is not None:
        desc.set("id", f"{prefix}-desc")
        root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")


def _fit(root: ET.Element) -> None:
    """Scale it with the page's letters, but never wider than its column."""
    try:
        width = float(root.attrib["viewBox"].split()[2])
    except (KeyError, IndexError, ValueError):
        raise ValueError("it has no viewBox of four numbers") from None
    root.attrib.pop("height", None)
    root.set("width", f"{width / UNITS_PER_EM:g}em")
    root.set("style", "max-width: 100%; height: auto")


class InlineSvg(SphinxDirective):
    """``svg``: a drawing, its caption and its text equivalent."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Callable[[str], str]]] = {
        "name": directives.unchanged_required,
        "caption": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Return the figure, and after it its words."""
        self.assert_has_content()
        for option in self.option_spec:
            if option not in self.options:
                raise self.error(f"the svg directive needs a {option}")
        figure = nodes.figure(classes=["svg-figure"])
        self.set_source_info(figure)
        self.add_name(figure)
        inlines, messages = self.parse_inline(
            self.options["caption"], lineno=self.lineno
        )
        figure += inline_svg(svg=self._markup(figure["ids"][0]))
        figure += nodes.caption("", "", *inlines)
        words = svg_words("", *self.parse_content_to_nodes())
        return [figure, words, *messages]

    def _markup(self, prefix: str) -> str:
        """Return the drawing, or warn and return nothing."""
        relative, absolute = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        try:
            return inlined(Path(absolute).read_text("utf-8"), prefix)
        except OSError as error:
            reason = error.strerror or str(error)
        except ValueError as error:
            reason = str(error)
        logger.warning(
            "figure %s: %s",
            relative,
            reason,
            location=self.get_location(),
            type="svg",
        )
        return ""


class WordsOnly(SphinxPostTransform):
    """Without its drawing, a figure is its caption and its words."""

    default_priority = 500
    formats = ("latex", "man", "texinfo", "text")

    def run(self, **_kwargs: object) -> None:
        """Put paragraphs in each figure's place."""
        for drawing in list(self.document.findall(inline_svg)):
            figure = drawing.parent
            caption = nodes.strong("", "", *figure[1].children)
            target = nodes.target("", "", ids=figure["ids"])
            figure.replace_self([target, nodes.paragraph("", "", caption)])
        for words in list(self.document.findall(svg_words)):
            words.replace_self(words.children)


def _visit_svg(translator: HTML5Translator, node: inline_svg) -> None:
    translator.body.append(f"{node['svg']}\n")


def _visit_words(translator: HTML5Translator, node: svg_words) -> None:
    tag = translator.starttag(node, "details", CLASS="svg-words")
    translator.body.append(f"{tag}<summary>{SUMMARY}</summary>\n")


def _depart_words(translator: HTML5Translator, _node: svg_words) -> None:
    translator.body.append("</details>\n")


def _nothing(_translator: object, _node: nodes.Node) -> None:
    pass


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive, its nodes and how they are written."""
    app.add_node(inline_svg, html=(_visit_svg, _nothing))
    app.add_node(svg_words, html=(_visit_words, _depart_words))
    app.add_directive("svg", InlineSvg)
    app.add_post_transform(WordsOnly)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
