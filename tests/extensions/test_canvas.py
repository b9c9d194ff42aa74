"""A drawing is written as SVG and as TikZ."""

from __future__ import annotations

import math
from itertools import pairwise

from sphinx.util import texescape

from ipcdocs.recording.canvas import Drawing

SMALL = Drawing("<Small>", 32, 16)
SMALL.line("life", (0, 0), (8, 0), (8, 4))
SMALL.box("row", (1, 2), (3, 4), step=5)
SMALL.text("label", (2, 10), "a & b")
SVG = """\
<svg viewBox="0 0 32 16" width="2em" style="min-width: 1.7em" role="img" \
aria-labelledby="small-1" xmlns="http://www.w3.org/2000/svg">
<title id="small-1">&lt;Small&gt;</title>
<path class="diagram-life" d="M0 0l8 0l0 4"/>
<path class="diagram-row" data-step="5" d="M1 2l3 0l0 4l-3 0Z"/>
<text class="diagram-label" x="2" y="10">a &amp; b</text>
</svg>
"""
TIKZ = r"""\begin{tikzpicture}
\clip (0,12) rectangle (32,16);
\draw[life, fill=none] (0,0) -- (8,0) -- (8,4);
\path[row] (1,2) -- (4,2) -- (4,6) -- (1,6) -- cycle;
\node[label] at (2,10) {a~\&~b};
\end{tikzpicture}
"""


def test_a_drawing_as_svg() -> None:
    assert SMALL.svg("small-1") == SVG


def test_a_drawing_as_tikz() -> None:
    texescape.init()
    first, second = SMALL.tikz(12)
    assert second == TIKZ
    assert first == TIKZ.replace("(0,12)", "(0,0)").replace("16)", "12)")


def test_a_dot_is_round() -> None:
    picture = Drawing("")
    picture.dot("dot", (10, 20))
    (dot,) = picture.shapes
    assert (dot.kind, dot.closed, dot.step) == ("dot", True, None)
    radii = [math.dist((10, 20), point) for point in dot.points]
    sides = [math.dist(*two) for two in pairwise(dot.points)]
    assert [round(radius, 9) for radius in radii] == [4] * 12
    assert len({round(side, 9) for side in sides}) == 1


def test_an_arrow_has_its_head_at_its_end() -> None:
    picture = Drawing("")
    picture.arrow("data", (0, 0), (20, 0))
    line, head = picture.shapes
    assert (line.kind, line.points) == ("data", [(0, 0), (20, 0)])
    tip, *back = head.points
    assert (head.kind, head.closed, tip) == ("head", True, (20, 0))
    assert sorted((round(x, 1), round(y, 1)) for x, y in back) == [
        (11.7, -3.5),
        (11.7, 3.5),
    ]
