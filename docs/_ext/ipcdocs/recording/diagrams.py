# SPDX-License-Identifier: 0BSD
"""Draws a recording: what happened, or what holds at one moment."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from ipcdocs.recording.canvas import CHARACTER, Drawing
from ipcdocs.recording.model import ENDING, ONE_WAY
from ipcdocs.recording.prose import (
    READING,
    WITH_DETAIL,
    Words,
    join_words,
    literal,
)

if TYPE_CHECKING:
    from ipcdocs.recording.canvas import Point
    from ipcdocs.recording.model import Endpoint, State, Step, Table

# Lengths are in the pixels of `canvas`.
ROW = 20
LANE = 28  # from the line of a process to the next one
MARGIN = 12
COLUMNS = 40  # characters of text
OPENING = (
    "accept",
    "dup",
    "epoll_create",
    "openat",
    "pipe",
    "socket",
    "socketpair",
)
BASE = 4  # from the middle of a row down to the base line
PADDING = 6
GAP = 48  # between tables and what they lead to
HEAD = 7  # the width of an arrow's head
BRACKET = 8  # from a listener's queue to what waits in it
QUEUE = 1  # the second row of a listener, which has one end alone

Row = tuple[str, "Endpoint | None"]
Boxes = dict[str, list[Row]]  # by their titles


def sequence(words: Words) -> Drawing:
    """Draw what happened: a line a process, a row a step.

    The line of a process is dotted while it waits. An arrow leads to a step
    from the one that made it possible, dashed if no data came with it.
    """
    return _Sequence(words).drawing


class _Sequence:
    def __init__(self, words: Words) -> None:
        self.words = words
        self.recording = recording = words.recording
        self.top = ROW * len(recording.processes)
        self.left = MARGIN + LANE * len(recording.processes)
        self.drawing = Drawing(
            f"What {join_words(self.words.processes)} did, step by step",
            self.left + COLUMNS * CHARACTER,
            self.top + ROW * len(recording.steps) + MARGIN,
        )
        for number in range(len(recording.steps)):
            self.row(number)
        for process in range(len(recording.processes)):
            self.life(process)
        for number, step in enumerate(recording.steps):
            self.links(number, step)
        for number, step in enumerate(recording.steps):
            self.step(number, step)

    def at(self, process: int, number: float) -> Point:
        """Return the middle of a row, on the line of a process."""
        return MARGIN + LANE * process, self.top + ROW * (number + 0.5)

    def row(self, number: int) -> None:
        """Draw what can be made to stand out."""
        at = (0, self.top + ROW * number)
        self.drawing.box("row", at, (self.drawing.width, ROW), step=number)

    def life(self, process: int) -> None:
        """Draw the line of a process, and its name above."""
        steps = self.recording.steps
        own = [
            number
            for number, step in enumerate(steps)
            if process == step.process
            or (step.call == "fork" and process == step.child)
        ]
        x, y = self.at(process, own[0])
        base = ROW * (process + 1) - 6
        name = self.words.processes[process]
        self.drawing.text("title", (x - MARGIN / 2, base), name)
        self.drawing.line("faint", (x, base + 4), (x, y))
        for number, following in pairwise(own):
            kind = "waits" if steps[following].blocked else "life"
            here, there = self.at(process, number), self.at(process, following)
            self.drawing.line(kind, here, there)
        if steps[own[-1]].call in ENDING:
            x, y = self.at(process, own[-1])
            self.drawing.line("life", (x - 6, y + 6), (x + 6, y + 6))

    def links(self, number: int, step: Step) -> None:
        """Draw what led from one process to another."""
        here = self.at(step.process, number)
        if step.call == "fork" and step.child is not None:
            self.drawing.arrow("cause", here, self.at(step.child, number))
        for cause in step.causes:
            other = self.recording.steps[cause]
            if other.process != step.process:
                kind = "data" if step.data and other.data else "cause"
                self.drawing.arrow(kind, self.at(other.process, cause), here)

    def step(self, number: int, step: Step) -> None:
        """Draw a step, and say beside it what it was."""
        x, y = self.at(step.process, number)
        self.drawing.line("faint", (x, y), (self.left - 8, y))
        self.drawing.dot("dot", (x, y))
        line = "" if step.line is None else str(step.line)
        text = f"{line:>3} {self.words.call(step)}"
        if brief := self.brief(step):
            text += f" {brief}"
        if len(text) > COLUMNS:
            text = f"{text[: COLUMNS - 1]}…"
        self.drawing.text("label", (self.left, y + BASE), text)

    def brief(self, step: Step) -> str:
        """Return in few characters how a step ended."""
        child = "" if step.child is None else self.words.processes[step.child]
        if step.error:
            return step.error
        if step.data or step.call in READING:
            return literal(step.data)
        if step.call in OPENING:
            return f"= {', '.join(map(str, step.table))}"
        detail = "" if step.call in WITH_DETAIL else step.detail
        return ": ".join(filter(None, (child, detail)))


def tables(words: Words, state: State, title: str) -> Drawing:
    """Draw the descriptor tables of one moment, and what they lead to."""
    return _Tables(words, state, title).drawing


class _Tables:
    def __init__(self, words: Words, state: State, title: str) -> None:
        self.words = words
        self.recording = words.recording
        self.state = state
        self.drawing = Drawing(title)
        self.places: dict[Endpoint, float] = {}
        self.links: dict[Endpoint, int] = defaultdict(int)
        tables = {
            self.words.processes[process]: self.table(state.tables[process])
            for process in sorted(state.tables)
        }
        objects = {
            self.words.objects[number]: self.object(number)
            for number in self.objects()
        }
        self.left = width(tables)
        self.right = self.left + GAP
        self.drawing.width = self.right + width(objects) + 1
        self.drawing.height = max(height(tables), height(objects)) + 2
        self.column(self.right, width(objects), objects)
        self.queues()
        self.column(1, self.left - 1, tables)

    def objects(self) -> list[int]:
        """Return the objects that have two sides, or a queue."""
        return [
            number
            for number in sorted(self.state.objects())
            if self.words.side((number, 0)) or self.is_listener((number, 0))
        ]

    def is_listener(self, end: Endpoint) -> bool:
        """Return True if an end is a listener, which carries no data."""
        return self.recording.objects[end[0]] == "listener"

    def holder(self, end: Endpoint) -> int:
        """Return the first process that holds an end, or can accept it."""
        tables = self.state.tables
        wanted = {end} | {
            listener
            for listener, waiting in self.state.requests.items()
            if end[1] == 1 and end[0] in waiting
        }
        holders = [p for p in tables if wanted & {*tables[p].values()}]
        return min(holders, default=len(self.recording.processes))

    def table(self, table: Table) -> list[Row]:
        """Return the rows of a descriptor table."""
        return [
            (f"{fd} {self.words.objects[table[fd][0]]}", table[fd])
            for fd in sorted(table)
        ]

    def object(self, number: int) -> list[Row]:
        """Return the rows of a listener, or of an object with two ends.

        The ends are in the order of the processes that hold them.
        """
        if self.is_listener((number, 0)):
            waiting = self.state.requests[number, 0]
            names = [self.words.objects[each] for each in waiting]
            name = self.words.name((number, 0))
            return [
                (f"{name}{self.seen((number, 0))}", (number, 0)),
                (f"queue: {join_words(names or ['empty'])}", (number, QUEUE)),
            ]
        tables = self.state.tables.values()
        held = {end for table in tables for end in table.values()}
        rows: list[Row] = []
        for end in sorted([(number, 0), (number, 1)], key=self.holder):
            holder = "" if end in held else ", no holder"
            text = f"{self.words.side(end)}{holder}{self.seen(end)}"
            rows.append((text, end))
            if count := sum(map(len, self.state.queues[end])):
                unit = "byte waits" if count == 1 else "bytes wait"
                rows.append((f"  {count} {unit}", None))
            elif not rows[1:] and self.are_shared(number):
                rows.append(("", None))  # room where the links cross
        return rows

    def seen(self, end: Endpoint) -> str:
        """Return TCP's state of an end, to stand after it, if one was seen."""
        return f": {self.state.tcp[end]}" if end in self.state.tcp else ""

    def are_shared(self, number: int) -> bool:
        """Return True if several descriptors lead to each of two ends."""
        return all(self.holds(end) > 1 for end in ((number, 0), (number, 1)))

    def holds(self, end: Endpoint) -> int:
        """Return the number of descriptors that lead to an end."""
        tables = self.state.tables.values()
        return sum([*table.values()].count(end) for table in tables)

    def column(self, x: float, width: float, boxes: Boxes) -> None:
        """Draw boxes one below the other, in the middle."""
        y = (self.drawing.height - height(boxes)) / 2
        for title, rows in boxes.items():
            self.frame(x, y, width, [title, *(text for text, _ in rows)])
            for row, (_, end) in enumerate(rows, 1):
                middle = y + ROW * (row + 0.5)
                if end and x == self.right:
                    self.places[end] = middle
                elif end in self.places:
                    self.link(end, middle)
            y += ROW * (len(rows) + 1) + MARGIN

    def frame(self, x: float, y: float, width: float, rows: list[str]) -> None:
        """Draw rows, of which the first is the title."""
        self.drawing.box("box", (x, y), (width, ROW * len(rows)))
        for row, text in enumerate(rows):
            if not text:
                continue
            top = y + ROW * row
            kind = "label" if row else "title"
            at = (x + PADDING, top + ROW / 2 + BASE)
            self.drawing.text(kind, at, text)
            if row:
                self.drawing.line("faint", (x, top), (x + width, top))

    def queues(self) -> None:
        """Lead from each queue of a listener to what waits in it."""
        right = self.drawing.width - 1
        for listener, waiting in self.state.requests.items():
            here = self.places.get((listener[0], QUEUE))
            if here is None:
                continue  # nobody holds the listener
            for number in waiting:
                there = self.places[number, 1]
                self.drawing.width = right + 2 + BRACKET
                self.drawing.line(
                    "refers",
                    (right, here),
                    (right + BRACKET, here),
                    (right + BRACKET, there),
                    (right, there),
                )

    def link(self, end: Endpoint, y: float) -> None:
        """Draw in which direction data can go by a descriptor.

        Links to the same end come side by side. No data go by a listener.
        """
        several = self.holds(end)
        apart = min(HEAD, ROW / several)
        shift = apart * (self.links[end] - (several - 1) / 2)
        self.links[end] += 1
        here, there = (self.left, y), (self.right, self.places[end] + shift)
        if self.is_listener(end):
            self.drawing.line("refers", here, there)
            return
        reads, writes = True, True
        if self.recording.objects[end[0]] in ONE_WAY:
            reads, writes = end[1] == 0, end[1] == 1
        if reads:
            self.drawing.arrow("data", there, here)
        if writes:
            self.drawing.arrow("data", here, there)


def width(boxes: Boxes) -> float:
    """Return the width of boxes in pixels: their longest text and margins."""
    texts = [*boxes, *(text for rows in boxes.values() for text, _ in rows)]
    return max(map(len, texts), default=0) * CHARACTER + 2 * PADDING


def height(boxes: Boxes) -> float:
    """Return the height of boxes one below the other, in pixels."""
    rows = sum(len(rows) + 1 for rows in boxes.values())
    return ROW * rows + MARGIN * (len(boxes) - 1)
