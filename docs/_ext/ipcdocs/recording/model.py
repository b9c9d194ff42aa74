# SPDX-License-Identifier: 0BSD
"""What programs asked of the system, step by step: the model of a recording.

``docs/recordings/NAME.json`` holds an object with these members:

``digest``
    The digest of the other members (:func:`digest`). A file whose text is not
    what :meth:`Recording.dump` makes of its contents is refused.
``transcript``
    The digest of the transcript that was run (:func:`digest`).
``sources``
    The digest of the source of each program that it ran, by its name.
``processes``
    For each process its ``name``, and its ``program``: a name in *sources*, or
    nothing.
``objects``
    For each thing that a descriptor may stand for its kind: terminal, file,
    pipe, fifo, pair, socket, datagram, listener, connection, poll, or
    process for a pidfd.
``steps``
    What happened, in the order in which it took effect.

A step has these members; those that are empty are left out:

``process``
    The number of the process, from 0.
``line``
    The line of the process's program, from 1, if that is one of *sources*.
``call``
    What it asked for: ``read``, ``fork``, ``connect`` ... or the name of a
    signal that reached it, or ``start``, the beginning of a program, or
    ``killed``, its end by the signal in ``detail``.
``fd``, ``endpoint``
    The descriptor that was used, and the endpoint that it stood for. An
    **endpoint** is a pair: the number of an object, and 0 or 1. A pipe, or a
    FIFO, is read from at 0 and written to at 1. Of a connection the client has
    0, the server 1.
``detail``
    What else is worth saying: the peer, the program, the status.
``data``
    The bytes that were carried, each as the character of its number.
``error``
    The name of the error, if the call failed: ``ECONNREFUSED``.
``child``
    The number of the process that a ``fork`` made, or that a ``wait`` or a
    ``kill`` is about.
``table``
    How the descriptor table of the process changed: for each number the
    endpoint that it stands for now, or null.
``sent_to``, ``taken_from``
    The endpoint to or from whose queue the data went.
``causes``
    The steps, earlier ones, that made this one possible: what was read had
    been written, who was waited for had ended.
``blocked``
    True if the call began before the last of these had happened.
``tcp``
    The states of TCP that the process itself then read from Linux's table of
    sockets, before any other step: by the number of each connection both
    ends', the client's first, and by that of a listener its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

KINDS = (
    "terminal",
    "file",
    "pipe",
    "fifo",
    "pair",
    "socket",
    "datagram",
    "listener",
    "connection",
    "poll",
    "process",
)
KEEPS_BOUNDARIES = ("datagram",)  # between messages
ONE_WAY = ("pipe", "fifo")  # read from at 0, written to at 1
ORDINALS = ("first", "second", "third")
STEP = re.compile(
    r"(?:the |(?:the )?(?P<process>.+?)'s )"
    rf"(?:(?P<nth>{'|'.join(ORDINALS)}) )?(?P<call>\w+)"
)

ENDING = ("exit", "killed")  # a step that ends its process

Endpoint = tuple[int, int]
Table = dict[int, Endpoint]


class RecordingError(ValueError):
    """A recording cannot be read, or is not of the program as it is now."""


@dataclass
class Step:
    """One call of one process, or a signal."""

    process: int
    call: str
    line: int | None = None
    fd: int | None = None
    endpoint: Endpoint | None = None
    detail: str = ""
    data: str = ""
    error: str = ""
    child: int | None = None
    table: dict[int, Endpoint | None] = field(default_factory=dict)
    sent_to: Endpoint | None = None
    taken_from: Endpoint | None = None
    causes: list[int] = field(default_factory=list)
    blocked: bool = False
    tcp: dict[int, list[str]] = field(default_factory=dict)

    def tcp_states(self) -> Iterator[tuple[Endpoint, str]]:
        """Yield each end of which a state was seen, and the state."""
        for number, names in self.tcp.items():
            for side, name in enumerate(names):
                yield (number, side), name


@dataclass
class Process:
    """A process, and the program that it runs."""

    name: str
    program: str = ""


@dataclass
class Recording:
    """A run of a transcript, and what it was a run of."""

    transcript: str
    sources: dict[str, str]
    processes: list[Process]
    objects: list[str]
    steps: list[Step]

    def states(self) -> Iterator[State]:
        """Yield the state after each step."""
        state = State()
        for step in self.steps:
            state.apply(self, step)
            yield state.copy()

    def at(self, moment: str) -> State:
        """Return the state before or after some steps.

        No other step has happened but those that had to come before: what the
        processes did at the same time, and in which order, does not matter.

        :param moment: says when by the calls, and where it has to, by who made
            which of several: ``Before the fork``, ``After the parent's
            second read``, ``After the parent's close and the child's close``
        :raises RecordingError: there is no such moment
        """
        when, _, steps = moment.partition(" ")
        if when not in {"Before", "After"}:
            raise RecordingError(f"there is no moment {moment!r}")
        waiting = [self.find(step) for step in steps.split(" and ")]
        if when == "Before":
            waiting = [n for number in waiting for n in self.before(number)]
        happened: set[int] = set()
        while waiting:
            number = waiting.pop()
            if number not in happened:
                happened.add(number)
                waiting += self.before(number)
        state = State()
        for number in sorted(happened):
            state.apply(self, self.steps[number])
        return state

    def find(self, step: str) -> int:
        """Return the number of a step: ``the fork``, ``the child's close``.

        :raises RecordingError: there is no such step
        """
        match = STEP.fullmatch(step)
        found = [
            number
            for number, each in enumerate(self.steps)
            if match
            and match["call"] == each.call
            and match["process"] in (None, self.processes[each.process].name)
        ]
        nth = ORDINALS.index(match["nth"]) if match and match["nth"] else 0
        if nth >= len(found):
            raise RecordingError(f"there is no step {step!r}")
        return found[nth]

    def before(self, number: int) -> list[int]:
        """Return the steps that had to come directly before a step."""
        step = self.steps[number]
        for earlier in range(number - 1, -1, -1):
            other = self.steps[earlier]
            forked = other.call == "fork" and other.child == step.process
            if other.process == step.process or forked:
                return [earlier, *step.causes]
        return step.causes

    def dump(self) -> str:
        """Return the recording as JSON, one step a line."""
        head = {
            "transcript": self.transcript,
            "sources": self.sources,
            "processes": [asdict(process) for process in self.processes],
            "objects": self.objects,
        }
        first = (
            json.dumps(head, indent=1).removeprefix("{\n").removesuffix("\n}")
        )
        steps = ",\n".join(json.dumps(_full(step)) for step in self.steps)
        members = f'{first},\n "steps": [\n{steps}\n]}}\n'
        return f'{{\n "digest": "{digest(members)}",\n{members}'


def _full(step: Step) -> dict[str, object]:
    """Return the members of a step that say something."""
    plain = vars(Step(step.process, step.call))
    return {
        name: value
        for name, value in vars(step).items()
        if value != plain[name] or name in ("process", "call")
    }


@dataclass
class State:
    """What the processes hold, and what waits in queues.

    In the queue of an end wait data, in that of a listener the connections
    that nobody has accepted yet. TCP's state of an end is the one last seen.
    """

    tables: dict[int, Table] = field(default_factory=dict)
    lines: dict[int, int | None] = field(default_factory=dict)
    queues: dict[Endpoint, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )
    requests: dict[Endpoint, list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )
    tcp: dict[Endpoint, str] = field(default_factory=dict)

    def copy(self) -> State:
        """Return a state that is independent of this one."""
        tables = {number: {**table} for number, table in self.tables.items()}
        queues = {end: [*queue] for end, queue in self.queues.items()}
        requests = {end: [*each] for end, each in self.requests.items()}
        return State(
            tables,
            {**self.lines},
            defaultdict(list, queues),
            defaultdict(list, requests),
            {**self.tcp},
        )

    def apply(self, recording: Recording, step: Step) -> None:
        """Let a step happen."""
        table = self.tables.setdefault(step.process, {})
        for number, end in step.table.items():
            if end is None:
                table.pop(number, None)
            else:
                table[number] = end
        if step.call == "fork" and step.child is not None:
            self.tables[step.child] = dict(table)
        self.lines[step.process] = step.line
        self.tcp.update(step.tcp_states())
        self.enqueue(recording, step)
        if step.sent_to is not None:
            self.queues[step.sent_to].append(step.data)
        if step.taken_from is not None:
            kept = recording.objects[step.taken_from[0]] in KEEPS_BOUNDARIES
            self.dequeue(step.taken_from, step.data, keeps_boundaries=kept)

    def objects(self) -> set[int]:
        """Return the numbers of what is held, or waits to be accepted."""
        tables = self.tables.values()
        held = {end for table in tables for end in table.values()}
        waiting = {
            connection
            for listener, queue in self.requests.items()
            if listener in held
            for connection in queue
        }
        return {number for number, _ in held} | waiting

    def enqueue(self, recording: Recording, step: Step) -> None:
        """Put a new connection into its listener's queue, or take it out."""
        connections = [
            end[0]
            for end in step.table.values()
            if end and recording.objects[end[0]] == "connection"
        ]
        if step.call == "connect":
            for cause in step.causes:
                for end in recording.steps[cause].table.values():
                    if end and recording.objects[end[0]] == "listener":
                        self.requests[end] += connections
        if step.call == "accept" and step.endpoint:
            waiting = self.requests[step.endpoint]
            self.requests[step.endpoint] = [
                number for number in waiting if number not in connections
            ]

    def dequeue(
        self, end: Endpoint, data: str, *, keeps_boundaries: bool
    ) -> None:
        """Take a message, or so many bytes of a stream, from a queue.

        :raises ValueError: other bytes of the stream come first
        """
        queue = self.queues[end]
        if keeps_boundaries:
            queue.pop(0)
            return
        waiting = "".join(queue)
        if not waiting.startswith(data):
            raise ValueError(f"{data!r} is read, but {waiting!r} waits")
        rest = waiting.removeprefix(data)
        self.queues[end] = [rest] if rest else []


def digest(text: str) -> str:
    """Return a short name for a text."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]


def load(file: Path) -> Recording:
    """Read a recording.

    :raises RecordingError: there is none, or it is not what it should be
    """
    try:
        text = file.read_text("utf-8")
        members: dict[str, Any] = json.loads(text)
        recording = Recording(
            members["transcript"],
            members["sources"],
            [Process(**process) for process in members["processes"]],
            members["objects"],
            [_step(step) for step in members["steps"]],
        )
        check(recording, text)
    except (
        AttributeError,
        OSError,
        ValueError,
        TypeError,
        LookupError,
    ) as error:
        reason = getattr(error, "strerror", None) or error or "no recording"
        raise RecordingError(
            f"{file.name}: {reason}: run nox -s record -- {file.stem}"
        ) from error
    return recording


def _step(members: dict[str, Any]) -> Step:
    step = Step(**members)
    step.endpoint, step.sent_to, step.taken_from = map(
        _end, (step.endpoint, step.sent_to, step.taken_from)
    )
    step.table = {int(fd): _end(end) for fd, end in step.table.items()}
    step.tcp = {int(number): names for number, names in step.tcp.items()}
    return step


def _end(pair: Sequence[int] | None) -> Endpoint | None:
    return (pair[0], pair[1]) if pair else None


def check(recording: Recording, text: str) -> None:
    """Refuse a recording that contradicts itself, or is not as written.

    :param text: what the file holds
    :raises ValueError: it contradicts itself, or was changed
    """
    for kind in recording.objects:
        if kind not in KINDS:
            raise ValueError(f"an object is a {kind}")
    for number, step in enumerate(recording.steps):
        if any(earlier >= number for earlier in step.causes):
            raise ValueError(f"step {number} comes before its cause")
        if step.process not in range(len(recording.processes)):
            raise ValueError(f"step {number} is of no process")
    for _ in recording.states():
        pass
    if text != recording.dump():
        raise ValueError("it was changed after it was recorded")


def check_up_to_date(
    recording: Recording, transcript: str, programs: Path
) -> None:
    """Refuse a recording of another transcript, or of changed programs.

    :param recording: what was recorded
    :param transcript: the text of the transcript as it is now
    :param programs: the folder of the programs
    :raises RecordingError: something has changed since
    """
    changed = [
        program
        for program, source in recording.sources.items()
        if source != digest((programs / f"{program}.py").read_text("utf-8"))
    ]
    if recording.transcript != digest(transcript):
        changed.append("the transcript")
    if changed:
        raise RecordingError(
            f"{' and '.join(changed)} changed since it was recorded: "
            "run nox -s record"
        )
