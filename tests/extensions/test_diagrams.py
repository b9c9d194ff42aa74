"""A run is drawn like this."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sphinx.util import texescape

from ipcdocs.recording import diagrams
from ipcdocs.recording.canvas import CHARACTER, Drawing
from ipcdocs.recording.prose import Words
from tests.harness import handmade

if TYPE_CHECKING:
    from ipcdocs.recording.canvas import Point, Shape

# The steps of each process, from 1: it lives (-) or waits (~) between them,
# and has a bar (|) where it ended.
LIVES = {
    "parent": "1-2-3-6~7~9-10-11-14-15-16-17~21~23-24-26-27-29-30-31-32-33-34-"
    "35-36-37-38-39-40-41-42-43|",
    "child": "3-4-5-8-12-13|",
    "client": "18-19-20-22-25-28",
}
ARROWS = [
    "parent 3 to child 3: cause",
    "child 5 to parent 7: data",
    "child 13 to parent 14: cause",
    "parent 17 to client 20: cause",
    "client 20 to parent 21: cause",
    "client 22 to parent 23: cause",
    "client 22 to parent 24: data",
    "client 25 to parent 26: data",
    "client 25 to parent 27: data",
    "client 25 to parent 29: cause",
    "client 28 to parent 29: cause",
]
LABELS = """\
  3 start
 10 pipe() = 3, 4
 11 fork() child
 20 close(3)
 21 write(4) b'ab'
 12 close(4)
 13 read(3) b'a'
 22 execve() cat -n
 14 SIGINT read(3)
 14 read(3) EINTR
 15 kill(SIGTERM) child
    SIGTERM
    killed by SIGTERM
 16 wait() child: SIGTERM
 30 socket(AF_INET) = 5
 30 bind(5) port 0
 30 listen(5)
  4 start
  7 socket(AF_INET) = 3
  8 connect(3) port N
 31 accept(5) = 6
  9 sendto(3) b'!'
 32 select() 6
 33 recvfrom(6) b'!'
 10 sendto(3) b'xyz'
 34 recvfrom(6) b'x'
 35 recvfrom(6) b'xyz'
 11 shutdown(3, SHUT_WR)
 35 recvfrom(6) b''
 36 write(1) bytes(9)
 37 dup2(1, 7)
 38 epoll_create() = 8
 38 epoll_ctl(8) add 6
 39 epoll_wait(8)
 40 unlink() at
 41 socket(AF_UNIX) = 9
 42 socketpair() = 10, 11
 43 sendto(10) b'one'
 43 sendto(10) b'two'
 44 recvfrom(11) b'o'
 45 socketpair() = 12, 13
 46 dup(12) = 14
 47 exit(0)
"""
SEQUENCE = diagrams.sequence(Words(handmade.RUN))
NAMES = [process.name for process in handmade.PROCESSES]


def place(point: Point) -> tuple[str, int]:
    """Return the process and the step that are drawn at a place."""
    process, x = divmod(round(point[0]) - diagrams.MARGIN, diagrams.LANE)
    rows, y = divmod(round(point[1]) - diagrams.ROW // 2, diagrams.ROW)
    assert (x, y) == (0, 0)
    return NAMES[process], rows - len(NAMES) + 1


def drawn(*kinds: str) -> list[Shape]:
    return [shape for shape in SEQUENCE.shapes if shape.kind in kinds]


def test_lifelines_show_who_runs_and_who_waits() -> None:
    lives = dict.fromkeys(NAMES, "")
    bars = []
    for shape in drawn("life", "waits"):
        (left, y), (right, same) = shape.points
        if y == same:  # a bar, below its step
            bars.append(place(((left + right) / 2, y - 6)))
            continue
        (name, here), (same_name, there) = map(place, shape.points)
        assert name == same_name
        lives[name] = lives[name] or str(here)
        assert re.search(rf"\b{here}$", lives[name])
        lives[name] += f"{'-' if shape.kind == 'life' else '~'}{there}"
    for name, step in bars:
        assert lives[name].endswith(f"-{step}")
        lives[name] += "|"
    assert lives == LIVES


def test_arrows_lead_from_cause_to_effect() -> None:
    lines, heads = drawn("cause", "data"), drawn("head")
    found = []
    for line, head in zip(lines, heads, strict=True):
        (one, here), (other, there) = map(place, line.points)
        assert head.points[0] == line.points[1]
        found.append(f"{one} {here} to {other} {there}: {line.kind}")
    assert sorted(found) == sorted(ARROWS)


def test_labels_stand_in_their_rows() -> None:
    assert [shape.text for shape in drawn("label")] == LABELS.splitlines()
    for row, shape in enumerate(drawn("label")):
        ((x, y),) = shape.points
        assert place((diagrams.MARGIN, y - diagrams.BASE))[1] == row + 1
        assert x == SEQUENCE.width - diagrams.COLUMNS * CHARACTER


def test_a_dot_for_each_step() -> None:
    middles = [
        place(
            (
                sum(x for x, _ in dot.points) / len(dot.points),
                sum(y for _, y in dot.points) / len(dot.points),
            )
        )
        for dot in drawn("dot")
    ]
    assert middles == [
        (NAMES[step.process], number)
        for number, step in enumerate(handmade.STEPS, 1)
    ]


def test_names_stand_above_the_lifelines() -> None:
    titles = [(shape.text, shape.points[0][1]) for shape in drawn("title")]
    assert titles == [("parent", 14), ("child", 34), ("client", 54)]


# The rows of the boxes: those that can be shared first, then the processes'.
TABLES = {
    "After the child's write": [
        *("pipe", "read end", "  2 bytes wait", "write end"),
        *("parent", "0 terminal", "1 terminal", "2 terminal"),
        *("3 pipe", "4 pipe"),
        *("child", "0 terminal", "1 terminal", "2 terminal", "4 pipe"),
    ],
    "After the client's connect": [
        *("pipe", "read end", "  1 byte waits", "write end, no holder"),
        *("connection", "client's end", "server's end, no holder"),
        *("parent", "0 terminal", "1 terminal", "2 terminal"),
        *("3 pipe", "5 listener"),
        "child",
        *("client", "0 terminal", "1 terminal", "2 terminal", "3 connection"),
    ],
}
BOXES = {"pipe", "connection", "parent", "child", "client"}
# Which of them can be read from (<) and written to (>).
DIRECTIONS = {
    "After the child's write": [
        *("3 pipe < read end", "4 pipe > write end", "4 pipe > write end"),
    ],
    "After the client's connect": [
        "3 pipe < read end",
        "3 connection < client's end",
        "3 connection > client's end",
    ],
}


@pytest.mark.parametrize("moment", TABLES)
def test_tables_show_who_holds_what(moment: str) -> None:
    picture = diagrams.tables(
        Words(handmade.RUN), handmade.RUN.at(moment), moment
    )
    texts = [shape for shape in picture.shapes if shape.text]
    assert [shape.text for shape in texts] == TABLES[moment]
    right = texts[0].points[0][0]
    rows = {
        (shape.points[0][0] == right, shape.points[0][1]): shape
        for shape in texts
    }
    links = []
    for shape in picture.shapes:
        if shape.kind == "data":
            by_side = enumerate(sorted(shape.points))
            ends = (
                rows[i == 1, y + diagrams.BASE].text for i, (_, y) in by_side
            )
            sign = "<" if shape.points[0] > shape.points[1] else ">"
            links.append(f" {sign} ".join(ends))
    assert links == DIRECTIONS[moment]
    assert picture.title == moment
    heads = [text.text for text in texts if text.kind == "title"]
    assert heads == [text for text in TABLES[moment] if text in BOXES]


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
