"""A run is drawn like this."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from record import recorder

from ipcdocs.recording import diagrams, model
from ipcdocs.recording.canvas import CHARACTER
from ipcdocs.recording.model import Process, Recording, Step
from ipcdocs.recording.prose import Words
from tests.harness import handmade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcdocs.recording.canvas import Drawing, Point, Shape

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
# Of two programs' runs: what is written beside each step, by the processes and
# without its line, and the arrows.
RUNS = {
    "pipe": """\
parent
  start
  pipe() = 3, 4
  fork() child
  close(4)
  read(3) b'Bright star, would I were…
  read(3) b''
  close(3)
  wait() child: 0
  write(1) b'-->Bright star, would I …
  exit(0)
child
  close(3)
  write(4) b'Bright star, would I wer…
  close(4)
  exit(0)
cause: parent fork() child > child fork() child
data: child write(4) b'Bright star, would I wer… > parent read(3) b'Bright \
star, would I were…
cause: child close(4) > parent read(3) b''
cause: child exit(0) > parent wait() child: 0
""",
    "peek": """\
peek
  start
  socket(AF_INET) = 3
  bind(3) port 0
  listen(3)
  socket(AF_INET) = 4
  connect(4) port N
  accept(3) = 5
  send(4) b'\\x00\\x00\\x00\\x0eHalf a le…
  shutdown(4, SHUT_WR)
  recv(5) b'\\x00\\x00\\x00\\x0e'
  write(1) b'14 bytes wait\\n'
  recv(5) b'\\x00\\x00\\x00\\x0e'
  recv(5) b'Half a league,'
  write(1) b'-->Half a league,\\n'
  recv(5) b'\\x00\\x00\\x00\\x0e'
  write(1) b'14 bytes wait\\n'
  recv(5) b'\\x00\\x00\\x00\\x0e'
  recv(5) b'half a league,'
  write(1) b'-->half a league,\\n'
  recv(5) b'\\x00\\x00\\x00\\x1a'
  write(1) b'26 bytes wait\\n'
  recv(5) b'\\x00\\x00\\x00\\x1a'
  recv(5) b'half a league onward . . …
  write(1) b'-->half a league onward …
  recv(5) b''
  close(5)
  close(4)
  close(3)
  exit(0)
""",
}


def place(point: Point, names: Sequence[str] = NAMES) -> tuple[str, int]:
    """Return the process and the step that are drawn at a place."""
    process, x = divmod(round(point[0]) - diagrams.MARGIN, diagrams.LANE)
    rows, y = divmod(round(point[1]) - diagrams.ROW // 2, diagrams.ROW)
    assert (x, y) == (0, 0)
    return names[process], rows - len(names) + 1


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


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_drawn_like_this(name: str) -> None:
    run = model.load(recorder.RECORDINGS / f"{name}.json")
    names = [process.name for process in run.processes]
    shapes = diagrams.sequence(Words(run)).shapes
    labels = [shape.text[4:] for shape in shapes if shape.kind == "label"]
    own = dict[str, list[str]]((each, []) for each in names)
    for step, label in zip(run.steps, labels, strict=True):
        own[names[step.process]].append(f"  {label}")
    lines = [line for each in names for line in (each, *own[each])]
    for shape in shapes:
        if shape.kind in ("cause", "data"):
            ends = [place(point, names) for point in shape.points]
            one, other = (f"{who} {labels[at - 1]}" for who, at in ends)
            lines.append(f"{shape.kind}: {one} > {other}")
    assert lines == RUNS[name].splitlines()


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
        *("listener", "port N", "queue: connection"),
        *("connection", "server's end, no holder", "client's end"),
        *("parent", "0 terminal", "1 terminal", "2 terminal"),
        *("3 pipe", "5 listener"),
        "child",
        *("client", "0 terminal", "1 terminal", "2 terminal", "3 connection"),
    ],
}
BOXES = {"pipe", "listener", "connection", "parent", "child", "client"}
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
    links = []

    def row(x: int, y: float) -> str:
        """Return the text of the row at a height, left or right."""
        (found,) = (
            shape.text
            for shape in texts
            if (shape.points[0][0] == right) == x
            and abs(shape.points[0][1] - diagrams.BASE - y) < diagrams.ROW / 2
        )
        return found

    for shape in picture.shapes:
        if shape.kind == "data":
            by_side = enumerate(sorted(shape.points))
            ends = (row(side, y) for side, (_, y) in by_side)
            sign = "<" if shape.points[0] > shape.points[1] else ">"
            links.append(f" {sign} ".join(ends))
    assert links == DIRECTIONS[moment]
    assert picture.title == moment
    heads = [text.text for text in texts if text.kind == "title"]
    assert heads == [text for text in TABLES[moment] if text in BOXES]


# A small run, and where each shape is: its kind, its points, its text.
SMALL = Recording(
    "",
    {},
    [Process("parent"), Process("child")],
    ["pipe"],
    [
        Step(0, "pipe", 7, table={3: (0, 0), 4: (0, 1)}),
        Step(0, "fork", 8, child=1),
        Step(1, "write", 9, 4, (0, 1), data="ab", sent_to=(0, 0)),
        Step(1, "exit", detail="0", table={3: None, 4: None}),
        Step(
            *(0, "read", 10, 3, (0, 0)),
            data="ab",
            taken_from=(0, 0),
            causes=[2],
            blocked=True,
        ),
    ],
)
SMALL_SEQUENCE = """\
356 x 152
0 row 0,40 356,40 356,60 0,60
1 row 0,60 356,60 356,80 0,80
2 row 0,80 356,80 356,100 0,100
3 row 0,100 356,100 356,120 0,120
4 row 0,120 356,120 356,140 0,140
title 6,14 parent
faint 12,18 12,50
life 12,50 12,70
waits 12,70 12,130
title 34,34 child
faint 40,38 40,70
life 40,70 40,90
life 40,90 40,110
life 34,116 46,116
cause 12,70 40,70
data 40,90 12,130
faint 12,50 60,50
label 68,54   7 pipe() = 3, 4
faint 12,70 60,70
label 68,74   8 fork() child
faint 40,90 60,90
label 68,94   9 write(4) b'ab'
faint 40,110 60,110
label 68,114     exit(0)
faint 12,130 60,130
label 68,134  10 read(3) b'ab'
"""
SMALL_TABLES = """\
217 x 134
box 103.2,27 216,27 216,107 103.2,107
title 109.2,41 pipe
label 109.2,61 read end
faint 103.2,47 216,47
label 109.2,81   2 bytes wait
faint 103.2,67 216,67
label 109.2,101 write end
faint 103.2,87 216,87
box 1,1 55.2,1 55.2,61 1,61
title 7,15 parent
label 7,35 3 pipe
faint 1,21 55.2,21
label 7,55 4 pipe
faint 1,41 55.2,41
data 103.2,53.5 55.2,31
data 55.2,51 103.2,93.5
box 1,73 55.2,73 55.2,133 1,133
title 7,87 child
label 7,107 3 pipe
faint 1,93 55.2,93
label 7,127 4 pipe
faint 1,113 55.2,113
data 103.2,60.5 55.2,103
data 55.2,123 103.2,100.5
"""


def layout(picture: Drawing) -> list[str]:
    """Return the size of a drawing, and its lines, areas and texts."""
    lines = [f"{picture.width:g} x {picture.height:g}"]
    for shape in picture.shapes:
        if shape.kind not in ("dot", "head"):
            step = "" if shape.step is None else f"{shape.step} "
            points = " ".join(f"{x:g},{y:g}" for x, y in shape.points)
            lines.append(f"{step}{shape.kind} {points} {shape.text}".rstrip())
    return lines


def test_everything_has_its_place() -> None:
    words = Words(SMALL)
    assert layout(diagrams.sequence(words)) == SMALL_SEQUENCE.splitlines()
    moment = SMALL.at("After the write")
    tables = diagrams.tables(words, moment, "Then")
    assert layout(tables) == SMALL_TABLES.splitlines()


# Three moments of a server and its client: who is linked to what. A link is
# a line from a table's row to another row, a bracket is one on the right.
CONNECTING = {
    "Before the connect": [
        *("listener", "port 41267", "queue: empty"),
        *("inet_stream_accept", *("0 terminal", "1 terminal", "2 terminal")),
        "3 listener",
        *("inet_stream_connect 1", "0 terminal", "1 terminal", "2 terminal"),
        "3 socket",
        "3 listener refers port 41267",
    ],
    "After the connect": [
        *("listener", "port 41267", "queue: connection"),
        *("connection", "server's end, no holder", "client's end"),
        *("inet_stream_accept", *("0 terminal", "1 terminal", "2 terminal")),
        "3 listener",
        *("inet_stream_connect 1", "0 terminal", "1 terminal", "2 terminal"),
        "3 connection",
        "queue: connection refers server's end, no holder",
        "3 listener refers port 41267",
        "client's end data 3 connection",
        "3 connection data client's end",
    ],
    "After the accept": [
        *("listener", "port 41267", "queue: empty"),
        *("connection", "server's end", "client's end"),
        *("inet_stream_accept", *("0 terminal", "1 terminal", "2 terminal")),
        *("3 listener", "4 connection"),
        *("inet_stream_connect 1", "0 terminal", "1 terminal", "2 terminal"),
        "3 connection",
        "3 listener refers port 41267",
        "server's end data 4 connection",
        "4 connection data server's end",
        "client's end data 3 connection",
        "3 connection data client's end",
    ],
}


def linked(picture: Drawing) -> list[str]:
    """Return the texts of a drawing, and which rows its lines join."""
    texts = [shape for shape in picture.shapes if shape.text]
    lefts = sorted({shape.points[0][0] for shape in texts})
    lines = [shape.text for shape in texts]
    for shape in picture.shapes:
        if shape.kind in ("data", "refers"):
            ends = []
            for x, y in (shape.points[0], shape.points[-1]):
                column = lefts[x > lefts[1] - diagrams.GAP / 2]
                (row,) = (
                    text.text
                    for text in texts
                    if text.points[0][0] == column
                    and abs(text.points[0][1] - diagrams.BASE - y)
                    < diagrams.ROW / 2
                )
                ends.append(row)
            lines.append(f" {shape.kind} ".join(ends))
    return lines


@pytest.mark.parametrize("moment", CONNECTING)
def test_a_connection_waits_in_its_listeners_queue(moment: str) -> None:
    run = model.load(recorder.RECORDINGS / "inet_streams.json")
    words = Words(run).within(map(run.at, CONNECTING))
    picture = diagrams.tables(words, run.at(moment), moment)
    assert linked(picture) == CONNECTING[moment]


@pytest.mark.parametrize("name", ["pipe", "socketpair"])
def test_no_two_arrows_meet_at_one_point(name: str) -> None:
    run = model.load(recorder.RECORDINGS / f"{name}.json")
    picture = diagrams.tables(Words(run), run.at("After the fork"), "")
    heads = [
        shape.points[0] for shape in picture.shapes if shape.kind == "head"
    ]
    assert len(heads) == (4 if name == "pipe" else 8)
    for (x, y), (other_x, other_y) in combinations(heads, 2):
        assert x != other_x or abs(y - other_y) >= diagrams.HEAD


@pytest.mark.parametrize(
    ("moment", "rows"),
    [
        ("Before the fork", 2),
        ("After the fork", 3),  # the one between the ends is empty
        ("After the parent's close and the child's close", 2),
    ],
)
def test_links_have_room_to_cross(moment: str, rows: int) -> None:
    run = model.load(recorder.RECORDINGS / "pipe.json")
    picture = diagrams.tables(Words(run), run.at(moment), moment)
    heights = {
        shape.text: shape.points[0][1]
        for shape in picture.shapes
        if shape.text
    }
    between = heights["write end"] - heights["read end"]
    assert between == (rows - 1) * diagrams.ROW


def test_the_state_that_was_seen_stands_at_its_end() -> None:
    run = model.load(recorder.RECORDINGS / "tcp_states.json")
    ends = []
    for moment in "After the connect", "After the second close":
        shapes = diagrams.tables(Words(run), run.at(moment), moment).shapes
        ends += [shape.text for shape in shapes if ": " in shape.text]
    assert ends == [
        *("port N: LISTEN", "queue: connection"),
        "client's end: ESTABLISHED",
        "server's end, no holder: ESTABLISHED",
        *("client's end: TIME_WAIT", "server's end, no holder: CLOSED"),
    ]
