# SPDX-License-Identifier: 0BSD
"""Says in words what a recording holds.

What is code is between double backquotes.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from ipcdocs.recording.model import ENDING, ONE_WAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipcdocs.recording.model import Endpoint, Recording, State, Step

NAMES = {
    "datagram": "datagram socket",
    "fifo": "FIFO",
    "pair": "socket pair",
    "poll": "epoll",
    "process": "pidfd",
}
SIDES = {
    "connection": ("client's end", "server's end"),
    "datagram": ("one end", "other end"),
    "fifo": ("read end", "write end"),
    "pair": ("one end", "other end"),
    "pipe": ("read end", "write end"),
}
READING = ("read", "readv", "recv", "recvfrom", "recvmsg")
WITH_DETAIL = ("dup2", "exit", "kill", "killed", "shutdown", "socket")
MANY = 9  # zeros, that are counted rather than written
CLAUSES = {
    "start": "the program begins",
    "fork": "makes {child}, which gets a copy of the table",
    "execve": "becomes another program: {detail}",
    "wait": "learns how {child} ended: {detail}",
    "sigwait": "takes the signal that has come: {detail}",
    "exit": "ends",
    "killed": "dies of the signal",
    "dup": "makes another descriptor for the same",
    "mkfifo": "makes a pipe with the name {detail}",
    "pidfd_open": "makes a descriptor for {child}",
    "kill": "sends a signal to {child}",
    "bind": "binds it to {detail}",
    "connect": "asks for {detail}",
    "listen": "will take connections",
    "accept": "takes the connection",
    "shutdown": "closes one direction",
    "unlink": "removes the name {detail}",
    "epoll_ctl": "changes what it watches: {detail}",
    "epoll_wait": "finds ready: {detail}",
    "poll": "finds ready: {detail}",
    "select": "finds ready: {detail}",
}


# No request: the socket has a default destination from now on.
DATAGRAM_CONNECT = "notes {detail} as its destination"


def numbered(names: list[str]) -> list[str]:
    """Return names of which each occurs once, the others with a number."""
    return [
        name
        if names.count(name) == 1 or name == "terminal"
        else f"{name} {names[:i].count(name) + 1}"
        for i, name in enumerate(names)
    ]


def literal(data: str) -> str:
    """Return bytes as Python writes them; many zeros as ``bytes(64)``."""
    if len(data) >= MANY and not data.strip("\0"):
        return f"bytes({len(data)})"
    return repr(data.encode("latin-1"))


def format_bytes(data: str) -> str:
    """Return bytes as Python writes them, after how many they are."""
    unit = "byte" if len(data) == 1 else "bytes"
    return f"{len(data)} {unit} ``{literal(data)}``"


def sentence(parts: Iterable[str]) -> str:
    """Return clauses as one sentence."""
    text = "; ".join(filter(None, parts))
    return f"{text[:1].upper()}{text[1:]}." if text else ""


class Words:
    """The words for one recording."""

    def __init__(self, recording: Recording) -> None:
        """Find a name for each process and each object."""
        self.recording = recording
        self.pairs = {
            end[0]
            for step in recording.steps
            for end in step.table.values()
            if end and end[1] == 1
        }
        self.kinds = [
            "datagram pair"
            if kind == "datagram" and number in self.pairs
            else NAMES.get(kind, kind)
            for number, kind in enumerate(recording.objects)
        ]
        self.objects = numbered(self.kinds)
        names = [process.name for process in recording.processes]
        self.processes = numbered(names)

    def within(self, states: Iterable[State]) -> Words:
        """Return words that number only what there is at some moments."""
        known = sorted({n for state in states for n in state.objects()})
        names = numbered([self.kinds[number] for number in known])
        words = copy.copy(self)
        words.objects = [*self.objects]
        for number, name in zip(known, names, strict=True):
            words.objects[number] = name
        return words

    def name(self, listener: Endpoint) -> str:
        """Return the name to which a listener is bound: ``port 41267``.

        Which port the system chose is known from the first client.
        """
        steps = self.recording.steps
        names = [""]
        for number, step in enumerate(steps):
            if step.call == "listen" and listener in step.table.values():
                names += [
                    other.detail
                    for other in steps
                    if (
                        other.call == "bind"
                        and other.endpoint == step.endpoint
                    )
                    or (other.call == "connect" and number in other.causes)
                ]
        name = next((n for n in names if n not in ("", "port 0")), "a port")
        return name if "port" in name.split(" ") else f"the name {name}"

    def side(self, end: Endpoint) -> str:
        """Return the name of one side of an object with two, or nothing."""
        number, side = end
        kind = self.recording.objects[number]
        if kind == "datagram" and number not in self.pairs:
            return ""
        return SIDES[kind][side] if kind in SIDES else ""

    def end(self, end: Endpoint) -> str:
        """Return the name of an end: ``pipe, read end``."""
        return ", ".join(filter(None, (self.objects[end[0]], self.side(end))))

    def queue(self, end: Endpoint) -> str:
        """Return the place where data wait until they are read at an end."""
        if self.recording.objects[end[0]] in ONE_WAY:
            return f"in the {self.objects[end[0]]}"
        return f"at the {self.end(end)}"

    def call(self, step: Step) -> str:
        """Return a call with the arguments that matter: ``read(3)``."""
        if step.call == "start" or step.call.startswith("SIG"):
            return step.call
        if step.call == "killed":
            return f"killed by {step.detail}"
        arguments = [] if step.fd is None else [str(step.fd)]
        if step.call in WITH_DETAIL:
            arguments.append(step.detail)
        return f"{step.call}({', '.join(arguments)})"

    def clause(self, step: Step) -> str:
        """Return a clause on what a call did, if its name does not say all."""
        if step.error:
            return f"fails with {step.error}"
        if step.call.startswith("SIG"):
            call = f" and interrupts ``{step.detail}``" if step.detail else ""
            return f"the signal arrives{call}"
        if step.data:
            return self._transfer(step)
        if step.call in READING:
            return "returns nothing, the end"
        child = "" if step.child is None else self.processes[step.child]
        clause = CLAUSES.get(step.call, "")
        if step.call == "connect" and self.is_datagram(step.endpoint):
            clause = DATAGRAM_CONNECT
        return clause.format(
            child=child or "itself", detail=step.detail or "nothing"
        )

    def _transfer(self, step: Step) -> str:
        data = format_bytes(step.data)
        urgent = ", out of band" if self.is_urgent(step) else ""
        if step.call in READING:
            stay = step.causes and not (step.taken_from or urgent)
            them = "it" if len(step.data) == 1 else "them"
            return (
                f"reads {data}{urgent}{f' and leaves {them}' if stay else ''}"
            )
        if step.sent_to:
            return f"puts {data} {self.queue(step.sent_to)}"
        return f"writes {data}{urgent}"

    def is_datagram(self, end: Endpoint | None) -> bool:
        """Return True if an end is that of a datagram socket."""
        return end is not None and self.recording.objects[end[0]] == "datagram"

    def is_urgent(self, step: Step) -> bool:
        """Return True if data went past the queue of a connection."""
        kind = step.endpoint and self.recording.objects[step.endpoint[0]]
        if (
            kind != "connection"
            or step.taken_from
            or step.sent_to
            or not step.data
        ):
            return False
        steps = self.recording.steps
        return all(steps[cause].sent_to is None for cause in step.causes)

    def changes(self, step: Step) -> str:
        """Return the changes of the descriptor table in words."""
        closed = [fd for fd, end in step.table.items() if end is None]
        if step.call == "close":
            closed = []
        return "; ".join(
            [f"{fd} is now {self.end(end)}" for fd, end in ends(step.table)]
            + ([f"closed: {join_words(map(str, closed))}"] if closed else [])
        )

    def step(self, number: int) -> str:
        """Return one or more sentences about a step."""
        step = self.recording.steps[number]
        where = "" if step.line is None else f", line {step.line}"
        who = f"{self.processes[step.process]}{where}: ``{self.call(step)}``"
        parts = [sentence([self.clause(step)]), sentence([self.changes(step)])]
        if step.causes:
            causes = join_words(str(cause + 1) for cause in step.causes)
            plural = "s" if len(step.causes) > 1 else ""
            verb = "waited for" if step.blocked else "follows from"
            parts.append(f"It {verb} step{plural} {causes}.")
        seen = [f"{self.end(end)} ({name})" for end, name in step.tcp_states()]
        if seen:
            parts.append(f"Seen after it: {'; '.join(seen)}.")
        return " ".join([f"{who}.", *filter(None, parts)])

    def table(self, state: State, process: int) -> dict[int, str]:
        """Return the name of the end behind each descriptor of a process.

        TCP's state of the end, if one was seen, comes with it.
        """
        table = state.tables.get(process, {})
        seen = {end: f" ({name})" for end, name in state.tcp.items()}
        return {
            fd: f"{self.end(table[fd])}{seen.get(table[fd], '')}"
            for fd in sorted(table)
        }

    def unheld(self, state: State) -> dict[str, str]:
        """Return TCP's states of connections' ends that nobody holds."""
        tables = state.tables.values()
        held = {end for table in tables for end in table.values()}
        return {
            self.end(end): name
            for end, name in state.tcp.items()
            if end not in held and self.side(end)
        }

    def waiting(self, state: State) -> dict[str, str]:
        """Return the contents of each queue that has some, by its name."""
        data = {
            self.queue(end): ", ".join(map(format_bytes, state.queues[end]))
            for end in sorted(state.queues)
            if state.queues[end]
        }
        connections = {
            f"in the queue of the {self.end(listener)}": join_words(
                self.objects[number] for number in waiting
            )
            for listener, waiting in sorted(state.requests.items())
            if waiting and listener[0] in state.objects()
        }
        return data | connections

    def state(self, state: State) -> Iterator[str]:
        """Yield a sentence for each process, each queue and each lone end."""
        for process in sorted(state.tables):
            table = self.table(state, process)
            fds = [f"{fd} is {end}" for fd, end in table.items()]
            name = self.processes[process]
            yield f"{name}: {'; '.join(fds) or 'no descriptors'}."
        for queue, data in self.waiting(state).items():
            yield sentence([f"waiting {queue}: {data}"])
        for end, name in self.unheld(state).items():
            yield f"Without a descriptor: {end} ({name})."

    def sharing(self, state: State) -> str:
        """Return a caption: who has come to share what; or nothing.

        Where states of TCP were seen, the figure is about them.
        """
        if state.tcp:
            return "TCP's states at the ends of a connection"
        held = {
            process: {end[0] for end in table.values() if self.side(end)}
            for process, table in sorted(state.tables.items())
        }
        who = [
            f"``{each.name}``" if each.name == each.program else each.name
            for number, each in enumerate(self.recording.processes)
            if held.get(number)
        ]
        numbers = sorted(set[int]().union(*held.values()))
        what = [self.objects[number] for number in numbers]
        if len(what) == 1:
            what = [f"a {self.kinds[numbers[0]]}"]
        verb = "come to share" if len(who) > 1 else "comes to hold"
        return (
            f"How {join_words(who)} {verb} {join_words(what)}" if what else ""
        )

    def activity(self, number: int, process: int) -> tuple[int | None, str]:
        """Return the line of a process at a step, and what it does there.

        While another process has its turn, it waits where it had to wait for
        its own next step.
        """
        steps = self.recording.steps
        own = [i for i, step in enumerate(steps) if step.process == process]
        following = next((i for i in own if i > number), None)
        if number not in own and following is not None:
            step = steps[following]
            if step.blocked:
                signal = step.call.startswith("SIG")
                call = step.detail if signal else self.call(step)
                return step.line, f"waits in ``{call}``"
        for step in reversed(steps[: number + 1]):
            if step.process == process:
                return step.line, "has ended" if step.call in ENDING else ""
            if step.child == process and step.call == "fork":
                return step.line, ""
        return None, "is not there yet"


def ends(table: dict[int, Endpoint | None]) -> Iterator[tuple[int, Endpoint]]:
    """Yield the descriptors that stand for something."""
    for fd, end in table.items():
        if end is not None:
            yield fd, end


def join_words(words: Iterable[str]) -> str:
    """Return words as one says them: ``3, 4 and 5``."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
