"""Sends a program signals at its lines, and says what came of them amiss."""

from __future__ import annotations

import ast
import itertools
import os
import re
import shutil
import signal
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tests.harness.catalogue import (
    COMPUTING,
    EXECUTING,
    FILES,
    FORKING,
    FORKING_SERVERS,
    HANDLING_SIGNALS,
    MAKING_FILES,
    NOT_COLLECTING,
    SUPERVISING,
    source,
)
from tests.harness.process_states import source_line
from tests.harness.running import ExitReport, abbreviated, signal_name
from tests.harness.signal_injection.checkpoints import STOPPING
from tests.harness.signal_injection.inject import (
    Arrival,
    Arrivals,
    Effect,
    inject,
    reach_checkpoints,
)
from tests.harness.signal_injection.scenarios import (
    BASELINE,
    Fault,
    scenarios_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Injections = Iterable[tuple[Arrivals, int]]  # where, and which signal
    Case = tuple[int, Effect, object]  # a signal; what else tells it apart

INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
MOST = 3  # failures that one message shows
# What ^C leaves of these may depend on the line: a file, or a process that
# handles or blocks signals when others do not.
LEAVING_THINGS = {
    *MAKING_FILES,
    *SUPERVISING,
    *(p for p in FORKING if p in HANDLING_SIGNALS + EXECUTING),
}
OF_CHILD = r"\w+: child: .*\n|(?:Traceback| |\w+Error: ).*\n"


def faults_of_signals(program: str) -> tuple[list[str], set[int]]:
    """Send each signal at each line, of the parent and of a child.

    :returns: the first faults in what came of it, and all lines come to
    """
    reached = reach_checkpoints(program, scenarios_of(program))
    faults: list[str] = []
    for child in (False, True):
        here = side(reached, child=child)
        faults += first_of(
            wrong_effects(program, here),
            failures_of(program, injections_at(program, here)),
        )
    return faults, {arrivals[0].checkpoint.lines[0] for arrivals in reached}


def side(reached: list[Arrivals], *, child: bool) -> list[Arrivals]:
    """Return the arrivals of the parent, or of a child of a sound one."""
    if not child:
        return [each for each in reached if not each[0].checkpoint.child]
    of_children = (
        [a for a in each if a.scenario.in_child or a.scenario == BASELINE]
        for each in reached
        if each[0].checkpoint.child
    )
    return [arrivals for arrivals in of_children if arrivals]


def faults_of_kills(program: str, *, child: bool) -> list[str]:
    """Kill at each line; return the first faults in what came of it."""
    return first_of(failures_of(program, kills_at(program, child=child)))


def injections_at(program: str, reached: list[Arrivals]) -> Injections:
    """Yield the arrivals at which to inject a signal, and the signal.

    What nothing handles ends a process by itself, so once is enough. But ^C
    comes to all processes of a program. If one of them may go on, or leave a
    file, ^C comes at each line. If not, it comes at the first and at the last
    arrival with each number of children. What waits or is handled comes at
    each line as well, and SIGTERM also when the line is come to in another
    way.
    """
    at_each_line = program in LEAVING_THINGS
    cases: dict[Case, list[tuple[Arrivals, int]]] = {}
    for arrivals in reached:
        checkpoint, _, effects, children, _ = arrivals[0]
        for number in STOPPING:
            effect = effects[number]
            case: Case = number, effect, checkpoint.lines[0]
            if effect == Effect.RAISES:
                continue
            if effect == Effect.KILLS and not (number == INT and at_each_line):
                case = number, effect, children if number == INT else None
            elif effect != Effect.KILLS and number == TERM:
                case = number, effect, checkpoint
            cases.setdefault(case, []).append((arrivals, number))
    for case, (first, *others) in cases.items():
        yield first
        if others and case[:2] == (INT, Effect.KILLS):
            yield others[-1]


def kills_at(program: str, *, child: bool) -> Injections:
    lines: dict[int, Arrivals] = defaultdict(list)
    for arrivals in side(reach_checkpoints(program, [BASELINE]), child=child):
        lines[arrivals[0].checkpoint.lines[0]] += arrivals
    for arrivals in lines.values():
        yield arrivals, KILL


class Expected(NamedTuple):
    """What should be left of a program."""

    words: str
    endings: dict[int, str | None]  # the status, and the output if it matters
    own: tuple[int, ...] = (0,)  # how many lines it may write to stderr
    child_may_complain: bool = False  # whether a child may complain as well

    def is_met_by(self, ended: ExitReport) -> bool:
        stderr = re.findall(rf"{OF_CHILD}|.*\n|.+", ended.err)
        of_child = [line for line in stderr if re.match(OF_CHILD, line)]
        return (
            ended.status in self.endings
            and self.endings[ended.status] in {None, ended.out}
            and len(stderr) - len(of_child) in self.own
            and (self.child_may_complain or not of_child)
        )


def expected(program: str, arrival: Arrival, number: int) -> Expected:
    """Return the expected end of *program* when a signal has come."""
    expect = (
        expected_of_child if arrival.checkpoint.child else expected_of_parent
    )
    return expect(program, arrival, number)


def expected_of_parent(
    program: str, arrival: Arrival, number: int
) -> Expected:
    """Return the expected end when a signal has come to the parent.

    If it came to the parent alone, a child may find its channel closed.
    """
    name = signal_name(number)
    effect = arrival.effects.get(number, Effect.KILLS)
    status, out, _ = arrival.without_signal
    faulty = arrival.scenario != BASELINE
    endings: dict[int, str | None] = {-number: None}
    words = f"it dies of {name}"
    if effect == Effect.WAITS and (program in EXECUTING or status > 0):
        endings.setdefault(int(status), out)
        words += ", or ends as it was about to"
    if arrival.scenario.fault is Fault.INTERRUPT:
        endings[-TERM] = None
        words += ", or of the SIGTERM before"
        if program in EXECUTING:  # it kills its programs then, if they last
            endings |= {128 + KILL: None, 0: None}
            words += ", or its programs had ended well"
    if program in SUPERVISING:  # it finishes first, and may be told twice
        endings[-INT] = None
        words += ", or of the SIGINT that ends each run"
    if effect == Effect.IGNORED:
        endings = {int(status): out}
        words = "it goes on as if nothing had come"
    writes = "no more than what it had to say before" if faulty else "nothing"
    words += f", and says {writes}"
    child_may_complain = program in FORKING and (faulty or number != INT)
    if child_may_complain:
        words += "; a child may say that its parent is gone"
    return Expected(words, endings, own_lines(arrival), child_may_complain)


def own_lines(arrival: Arrival) -> tuple[int, ...]:
    """Return the numbers of lines that may be written before a signal."""
    return (0,) if arrival.scenario == BASELINE else (0, 1, 2)


def expected_of_child(program: str, arrival: Arrival, number: int) -> Expected:
    """Return the expected end when a signal has come to a child."""
    status, out, _ = arrival.without_signal
    faulty = arrival.scenario != BASELINE
    if program in EXECUTING:
        endings = {-number: None, int(status): out}
        words = "the program ends as its second program does: killed, or by "
        words += "itself, or as ever"
        if number != INT:
            endings |= {0: "0\n", 128 + number: ""}
        return Expected(words, endings, own_lines(arrival), faulty)
    if number == INT:
        words = "all die of SIGINT, and say nothing"
        endings = {-INT: None}
        if arrival.scenario.fault is Fault.CLOSE_ALL_DESCRIPTORS:
            endings[int(status)] = out
            words += ", or the parent ends as it was about to"
        return Expected(words, endings, own_lines(arrival), faulty)
    if program in FORKING_SERVERS:
        words = "the parent says in at most one line that the child failed, "
        words += "and serves on until it dies of SIGINT"
        return Expected(
            words, {-INT: None}, (0, 1, *own_lines(arrival)), faulty
        )
    words = "the parent says in one line that the child failed, status 1; "
    words += "other children may say that their peer is gone"
    if program in NOT_COLLECTING:
        words += "; or the child had done its work, and nothing is said"
        return Expected(words, {1: None, 0: None}, (0, 1), True)
    return Expected(words, {1: None}, (1,), child_may_complain=True)


def failures_of(program: str, injections: Injections) -> Iterator[str]:
    """Yield each fault in how *program* ends after an injection."""
    missed: dict[int, tuple[Arrival, int]] = {}
    hit: set[int] = set()
    for arrivals, number in injections:
        line = arrivals[0].checkpoint.lines[0]
        try:
            arrival, ended = inject(program, arrivals, number)
        except (TimeoutError, AssertionError) as error:
            yield failure(program, arrivals[0], number, str(error))
            return  # the others would take as long
        if not ended:
            missed[line] = arrival, number
            continue
        hit.add(line)
        left = os.listdir()
        if number == KILL and program in MAKING_FILES and left:
            remove(left)  # nobody else could
            left = []
        if left or not expected(program, arrival, number).is_met_by(ended):
            yield failure(program, arrival, number, as_table(ended), left)
        remove(left)
    for line in missed.keys() - hit:
        arrival, number = missed[line]
        if program in COMPUTING:
            continue  # how far it comes until it is told is chance
        kills = arrival.effects.get(number, Effect.KILLS) == Effect.KILLS
        told = arrival.scenario.fault is Fault.INTERRUPT
        if arrival.scenario != BASELINE and (kills or told):
            continue  # come to by chance; the signal kills, or is the second
        came = "in none of several more runs did it come to this line again"
        yield failure(program, arrival, number, came)


def remove(names: list[str]) -> None:
    """Remove files and folders, or the next run would find them."""
    for name in names:
        (shutil.rmtree if os.path.isdir(name) else os.unlink)(name)


def failure(
    program: str,
    arrival: Arrival,
    number: int,
    came: str,
    left: Iterable[str] = (),
) -> str:
    """Return in words where which signal came, and what came of it."""
    checkpoint, scenario, *_ = arrival
    file = FILES[program]
    who = "a child" if checkpoint.child else "the parent"
    if program not in FORKING:
        who = "the program"
    whom = f"{who} alone" if program in FORKING else who
    if number == INT:
        whom = "all processes, as by ^C" if program in FORKING else who
    lines_once = [line for line, _ in itertools.groupby(checkpoint.lines)]
    text, *callers = [source_line(file, line) for line in lines_once]
    effect = arrival.effects.get(number, Effect.KILLS)
    lines = [
        text,
        *(f"    called from {caller}" for caller in callers),
        f"  done:     {signal_name(number)} came to {whom}",
        f"            when {who} was about to run this line",
        f"            (there the signal {effect})",
    ]
    if scenario != BASELINE:
        lines.append(f"            in a run in which {scenario}")
    lines.append(f"  expected: {expected(program, arrival, number).words}")
    first, *more = came.splitlines()
    lines.append(f"  came:     {first}")
    lines += [f"            {line}" for line in more]
    if left:
        lines.append(f"  left:     {', '.join(left)}")
    return "\n".join(lines)


def as_table(ended: ExitReport) -> str:
    """Return an exit report with one member a line."""
    return (
        f"{ended.status!r}\n"
        f"stdout {abbreviated(ended.out)}\n"
        f"stderr {abbreviated(ended.err)}"
    )


def wrong_effects(program: str, reached: list[Arrivals]) -> Iterator[str]:
    """Yield the lines where a signal does what the program does not intend.

    Before the first statement of main(), ^C raises KeyboardInterrupt: that is
    Python's affair. After it, each signal kills, but where a program handles
    or blocks some: it is told by what comes of an injection if that is right.
    """
    first = first_statement(program)
    for arrivals in reached:
        checkpoint, _, effects, *_ = arrivals[0]
        for number, effect in effects.items():
            intended = {Effect.KILLS}
            if program in HANDLING_SIGNALS + EXECUTING:
                intended = set(effects.values()) - {Effect.RAISES}
            if number == INT and checkpoint.lines[0] in first:
                intended = {*intended, Effect.RAISES}
            if effect not in intended:
                where = "in a child " if checkpoint.child else ""
                yield (
                    f"{source_line(FILES[program], checkpoint.lines[0])}\n"
                    f"  a {signal_name(number)} that comes {where}before this "
                    f"line {effect}\n"
                    f"  expected: it {' or '.join(sorted(intended))}"
                )


def first_statement(program: str) -> range:
    """Return the lines of the first statement of main()."""
    main = next(
        node
        for node in ast.parse(source(program)).body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    )
    first = main.body[1 if ast.get_docstring(main) else 0]
    return range(first.lineno, (first.end_lineno or first.lineno) + 1)


def first_of(*faults: Iterable[str]) -> list[str]:
    """Return as many faults as a message shows."""
    return list(itertools.islice(itertools.chain(*faults), MOST))
