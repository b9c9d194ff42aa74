"""Writes a recording as a text that a reviewer reads: its snapshot.

``docs/recordings/NAME.txt`` has a part for each process, with a line for each
of its steps::

    parent, pipe.py
     1  line 21   start: 0 1 2 = terminal
     2  line 40   pipe: 3 = pipe[0]; 4 = pipe[1]
     5  line 47   read 3 = pipe[0]: takes b'Bright' of b'Bright star';
                  after child 2; waited

A step is numbered among those of its process, so the second of ``child`` is
``child 2``. After an object with two ends stands which of them it is, 0 or 1,
as ``ipcdocs.recording.model`` describes it. ``4 = nothing`` is a descriptor
that was closed; ``then listener is LISTEN`` is a state of TCP that the process
saw before its next step. What a step does not have is left out. What leaving a
``with`` does has the line of the ``with``.

All that a recording holds is in it but the digests, which the build compares,
and the order between processes, which may be another the next time.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from ipcdocs.recording import model
from ipcdocs.recording.prose import SIDES, literal, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipcdocs.recording.model import Endpoint, Recording, State, Step


def snapshot(recording: Recording) -> str:
    """Return the text of a recording."""
    return "\n".join(_Snapshot(recording).parts())


class _Snapshot:
    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.processes = numbered([p.name for p in recording.processes])
        self.objects = numbered([*recording.objects])
        counts = [itertools.count(1) for _ in recording.processes]
        self.numbers = [next(counts[s.process]) for s in recording.steps]

    def parts(self) -> Iterator[str]:
        """Yield the part of each process."""
        lines: list[list[str]] = [[] for _ in self.processes]
        state = model.State()
        for number, step in enumerate(self.recording.steps):
            place = "" if step.line is None else f"line {step.line}"
            what = f"{self.call(step)}: {'; '.join(self.facts(step, state))}"
            line = f"{self.numbers[number]:2}  {place:9} {what}"
            lines[step.process].append(line.rstrip(": "))
            state.apply(self.recording, step)
        for number, process in enumerate(self.recording.processes):
            file = f"{process.program}.py" if process.program else "no program"
            head = f"{self.processes[number]}, {file}"
            yield "\n".join([head, *lines[number], ""])

    def call(self, step: Step) -> str:
        """Return a call with what it is about: ``close 4 = pipe[1]``."""
        parts = [step.call]
        if step.fd is not None:
            parts.append(str(step.fd))
        if step.endpoint is not None:
            parts.append(f"= {self.end(step.endpoint)}")
        return " ".join(parts)

    def facts(self, step: Step, before: State) -> Iterator[str]:
        """Yield the other facts of a step."""
        if step.detail:
            yield step.detail
        if step.error:
            yield f"fails with {step.error}"
        if step.child is not None:
            yield f"process {self.processes[step.child]}"
        if step.taken_from:
            waiting = "".join(before.queues[step.taken_from])
            part = "all" if step.data == waiting else literal(step.data)
            where = self.end(step.taken_from)
            yield f"takes {part} of {literal(waiting)} in {where}"
        elif step.data:
            yield literal(step.data)
        if step.sent_to:
            yield f"to {self.end(step.sent_to)}"
        yield from self.changes(step)
        if step.causes:
            yield f"after {', '.join(map(self.cause, step.causes))}"
        if step.blocked:
            yield "waited"
        for end, name in step.tcp_states():
            yield f"then {self.end(end)} is {name}"

    def changes(self, step: Step) -> Iterator[str]:
        """Yield the new meaning of each descriptor, or of several."""
        for end, several in itertools.groupby(step.table.items(), _second):
            numbers = " ".join(str(number) for number, _ in several)
            yield f"{numbers} = {self.end(end) if end else 'nothing'}"

    def end(self, end: Endpoint) -> str:
        """Return an end of an object: ``pipe[0]``, ``terminal``."""
        number, side = end
        two = side or self.recording.objects[number] in SIDES
        return (
            f"{self.objects[number]}[{side}]" if two else self.objects[number]
        )

    def cause(self, number: int) -> str:
        """Return the process and number of a step that is a cause."""
        step = self.recording.steps[number]
        return f"{self.processes[step.process]} {self.numbers[number]}"


def _second(item: tuple[int, Endpoint | None]) -> Endpoint | None:
    return item[1]
