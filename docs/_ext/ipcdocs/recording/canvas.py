# SPDX-License-Identifier: 0BSD
"""A drawing of lines, areas and letters, written as SVG or as TikZ.

Its own few lines, as no library writes both: HTML and EPUB need the one, and
PDF the other, with nothing to convert. Lengths are in pixels of a page whose
letters are 16 high; the letters of a drawing are 12 high, and all as wide as
`CHARACTER`. A shape says what it is, its *kind*; how each kind looks is said
by ``recording.css`` and by `LOOKS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from sphinx.util.texescape import escape as tex

if TYPE_CHECKING:
    from collections.abc import Iterator

Point = tuple[float, float]

CHARACTER = 7.2
UNITS_PER_EM = 16
SMALLEST = 0.85  # to which a drawing shrinks before it has to be scrolled
LOOKS = r"""
\usepackage{tikz}
\tikzset{
  x=0.75pt, y=-0.75pt,
  life/.style={line width=1.5pt, gray},
  waits/.style={line width=1pt, gray, dotted},
  faint/.style={line width=.3pt, black!25},
  data/.style={line width=1pt, blue!70!black, fill=blue!70!black},
  cause/.style={line width=.7pt, blue!70!black, dashed},
  refers/.style={line width=.7pt, gray},
  head/.style={fill=blue!70!black},
  dot/.style={fill=black},
  box/.style={line width=.5pt, draw=black!60, fill=black!4},
  row/.style={fill=none},
  bar/.style={fill=blue!70!black},
  label/.style={anchor=base west, inner sep=0, font=\ttfamily\fontsize{9}{9}%
    \selectfont},
  title/.style={label, font=\ttfamily\bfseries\fontsize{9}{9}\selectfont},
}
"""


@dataclass
class Shape:
    """A line, an area or a text; a number tells to which step it belongs."""

    kind: str
    points: list[Point]
    text: str = ""
    closed: bool = False
    step: int | None = None


@dataclass
class Drawing:
    """Shapes, each over the ones before it."""

    title: str
    width: float = 0
    height: float = 0
    shapes: list[Shape] = field(default_factory=list)

    def line(self, kind: str, *points: Point) -> None:
        """Draw a line from point to point."""
        self.shapes.append(Shape(kind, [*points]))

    def area(self, kind: str, *points: Point, step: int | None = None) -> None:
        """Fill the area between points."""
        self.shapes.append(Shape(kind, [*points], closed=True, step=step))

    def box(
        self,
        kind: str,
        at: Point,
        size: Point,
        *,
        step: int | None = None,
    ) -> None:
        """Fill a rectangle, given its upper left corner and its size."""
        (x, y), (width, height) = at, size
        right, bottom = x + width, y + height
        corners = ((x, y), (right, y), (right, bottom), (x, bottom))
        self.area(kind, *corners, step=step)

    def dot(self, kind: str, at: Point) -> None:
        """Fill a small circle."""
        x, y = at
        turns = [math.tau * i / 12 for i in range(12)]
        edge = [(x + 4 * math.cos(t), y + 4 * math.sin(t)) for t in turns]
        self.area(kind, *edge)

    def arrow(self, kind: str, start: Point, end: Point) -> None:
        """Draw a line with a head at its end."""
        x, y = end
        angle = math.atan2(y - start[1], x - start[0])
        back = [
            (x - 9 * math.cos(angle + t), y - 9 * math.sin(angle + t))
            for t in (-0.4, 0.4)
        ]
        self.line(kind, start, end)
        self.area("head", end, *back)

    def text(self, kind: str, at: Point, text: str) -> None:
        """Write a text, given the left end of its base line."""
        self.shapes.append(Shape(kind, [at], text))

    def svg(self, name: str, margin: float = 0) -> str:
        """Return the drawing as a part of a page.

        :param name: an id for its title, not yet on the page
        :param margin: how much room to leave around it
        """
        width = self.width / UNITS_PER_EM
        sizes = (side + 2 * margin for side in (self.width, self.height))
        box = " ".join(f"{n:g}" for n in (-margin, -margin, *sizes))
        shapes = "\n".join(map(_svg, self.shapes))
        return (
            f'<svg viewBox="{box}" '
            f'width="{width:g}em" style="min-width: {SMALLEST * width:.4g}em" '
            f'role="img" '
            f'aria-labelledby="{name}" xmlns="http://www.w3.org/2000/svg">\n'
            f'<title id="{name}">{escape(self.title)}</title>\n{shapes}\n'
            "</svg>\n"
        )

    def tikz(self, height: float) -> Iterator[str]:
        """Yield the drawing for LaTeX, in strips of at most a height."""
        shapes = "\n".join(map(_tikz, self.shapes))
        top: float = 0
        while top < self.height:
            bottom = min(top + height, self.height)
            corners = f"(0,{top:g}) rectangle ({self.width:g},{bottom:g})"
            yield (
                f"\\begin{{tikzpicture}}\n\\clip {corners};\n"
                f"{shapes}\n\\end{{tikzpicture}}\n"
            )
            top = bottom


def _svg(shape: Shape) -> str:
    if shape.text:
        ((x, y),) = shape.points
        at = f'class="diagram-{shape.kind}" x="{x:g}" y="{y:g}"'
        return f"<text {at}>{escape(shape.text)}</text>"
    (x, y), *_ = shape.points
    path = f"{x:.4g} {y:.4g}"
    for (x, y), (to_x, to_y) in pairwise(shape.points):
        path += f"l{to_x - x:.4g} {to_y - y:.4g}"
    step = "" if shape.step is None else f' data-step="{shape.step}"'
    close = "Z" if shape.closed else ""
    return f'<path class="diagram-{shape.kind}"{step} d="M{path}{close}"/>'


def _tikz(shape: Shape) -> str:
    if shape.text:
        ((x, y),) = shape.points
        text = tex(shape.text).replace(" ", "~")
        return rf"\node[{shape.kind}] at ({x:g},{y:g}) {{{text}}};"
    path = " -- ".join(f"({x:g},{y:g})" for x, y in shape.points)
    if shape.closed:
        return rf"\path[{shape.kind}] {path} -- cycle;"
    return rf"\draw[{shape.kind}, fill=none] {path};"
