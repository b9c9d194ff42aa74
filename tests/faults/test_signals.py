"""Signals: ^C, SIGTERM, SIGHUP and SIGQUIT at any line, and SIGKILL."""

from __future__ import annotations

import ast
import inspect
import itertools
import os
import re
import signal
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.harness.processes import source_line
from tests.harness.programs import (
    EXECUTING,
    FILES,
    FORKING,
    HANDLING,
    PROGRAMS,
    Ended,
    shown,
    signal_name,
    source,
)
from tests.harness.signal_injection.checkpoints import (
    STOPPING,
    next_descriptor,
)
from tests.harness.signal_injection.inject import (
    IGNORED,
    KILLS,
    RAISES,
    WAITS,
    Visit,
    Visits,
    struck,
    visits_to,
)
from tests.harness.signal_injection.scenarios import INTERRUPTED, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Strikes = Iterable[tuple[Visits, int]]  # where, and with which signal

INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
# Where a signal is handled, it comes so often that two tests share the work.
CASES = [
    pytest.param(program, numbers, id=f"{program}-{name}")
    for program in PROGRAMS
    for name, numbers in (
        {"INT TERM": STOPPING[:2], "HUP QUIT": STOPPING[2:]}
        if program in HANDLING + EXECUTING
        else {"all": STOPPING}
    ).items()
]
MOST = 3  # failures that one message shows
OF_CHILD = r"\w+: child: .*\n|(?:Traceback| |\w+Error: ).*\n"
# What only others' peers and others' work bring about, or a closed stdin, or
# chance: a worker that is gone is noticed by reading, or earlier by writing.
NOT_STRUCK = re.compile(
    r"raise ConnectionError|for descriptor in rights:|os\.close\(descriptor\)"
    r"|raise ValueError\(\"with a timeout |# it kills all but process 1"
    r"|raise ValueError\(f\"more than one line|raise ValueError\(f\"work\("
    r"|# as a shell says of what it cannot execute|: cut to |is silent"
    r"|parser\.error\(.* string|pass  # it takes the place of"
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]


@pytest.mark.fault("^C, SIGTERM, SIGHUP or SIGQUIT at any line")
@pytest.mark.parametrize(("program", "numbers"), CASES)
def test_dies_of_a_signal_at_every_line(
    program: str, numbers: tuple[int, ...]
) -> None:
    places = visits_to(program, child=False)
    report(
        wrong_effects(program, places),
        faults_at(program, strikes_at(places, numbers)),
    )
    if program not in FORKING:
        report(not_struck(program, places))


@pytest.mark.fault("^C, SIGTERM, SIGHUP or SIGQUIT at any line of a child")
@pytest.mark.parametrize("program", FORKING)
def test_dies_of_a_signal_at_every_line_of_a_child(program: str) -> None:
    places = visits_to(program, child=True)
    report(
        wrong_effects(program, places),
        faults_at(program, strikes_at(places, STOPPING)),
        not_struck(program, places + visits_to(program, child=False)),
    )


@pytest.mark.fault("a child killed before, during and after its message")
@pytest.mark.parametrize("program", FORKING)
def test_reports_a_child_killed_at_any_line(program: str) -> None:
    report(faults_at(program, kills_at(program, child=True)))


@pytest.mark.fault("a parent killed before its child ends")
@pytest.mark.parametrize("program", FORKING)
def test_children_end_when_the_parent_is_killed_at_any_line(
    program: str,
) -> None:
    report(faults_at(program, kills_at(program, child=False)))


def strikes_at(places: list[Visits], numbers: tuple[int, ...]) -> Strikes:
    """Yield places, and the signals to strike with.

    What nothing handles ends a process by itself, so once is enough; but ^C
    comes to all processes of a program, so it comes at each line. What waits
    or is handled comes at each line as well, and SIGTERM also when the line is
    come to in another way.
    """
    seen = set()
    for visits in places:
        place, _, effects, _ = visits[0]
        for number in numbers:
            effect = effects[number]
            case: tuple[object, ...] = number, effect, place.lines[0]
            if effect == RAISES:
                continue
            if effect == KILLS and number != INT:
                case = number, effect
            elif effect != KILLS and number == TERM:
                case = number, effect, place
            if case not in seen:
                seen.add(case)
                yield visits, number


def kills_at(program: str, *, child: bool) -> Strikes:
    lines: dict[int, Visits] = defaultdict(list)
    for visits in visits_to(program, child=child, events=[Event()]):
        lines[visits[0].place.lines[0]] += visits
    for visits in lines.values():
        yield visits, KILL


class Expected(NamedTuple):
    """What should be left of a program."""

    words: str
    endings: dict[int, str | None]  # the status, and the output if it matters
    own: tuple[int, ...] = (0,)  # how many lines it may write to stderr
    childs: bool = False  # whether a child may complain as well

    def is_met_by(self, ended: Ended) -> bool:
        told = re.findall(rf"{OF_CHILD}|.*\n|.+", ended.err)
        childs = [line for line in told if re.match(OF_CHILD, line)]
        return (
            ended.status in self.endings
            and self.endings[ended.status] in {None, ended.out}
            and len(told) - len(childs) in self.own
            and (self.childs or not childs)
        )


def expected(program: str, visit: Visit, number: int) -> Expected:
    """Return what should be left of *program* when a signal has come."""
    judge = expected_of_child if visit.place.child else expected_of_parent
    return judge(program, visit, number)


def expected_of_parent(program: str, visit: Visit, number: int) -> Expected:
    """Return what should be left when a signal has come to the parent.

    If it came to the parent alone, a child may find its channel closed.
    """
    name = signal_name(number)
    effect = visit.effects.get(number, KILLS)
    status, out, _ = visit.undisturbed
    disturbed = visit.event != Event()
    endings: dict[int, str | None] = {-number: None}
    words = f"it dies of {name}"
    if effect == WAITS and (program in EXECUTING or status > 0):
        endings.setdefault(int(status), out)
        words += ", or ends as it was about to"
    if visit.event.what == INTERRUPTED:
        endings[-TERM] = None
        words += ", or of the SIGTERM before"
        if program in EXECUTING:  # it kills its programs then
            endings[128 + KILL] = None
    if effect == IGNORED:
        endings = {int(status): out}
        words = "it goes on as if nothing had come"
    said = "no more than what it had to say before" if disturbed else "nothing"
    words += f", and says {said}"
    childs = program in FORKING and (disturbed or number != INT)
    if childs:
        words += "; a child may say that its parent is gone"
    return Expected(words, endings, own_lines(visit), childs)


def own_lines(visit: Visit) -> tuple[int, ...]:
    """Return how many lines a program may have written before a signal."""
    return (0,) if visit.event == Event() else (0, 1, 2)


def expected_of_child(program: str, visit: Visit, number: int) -> Expected:
    """Return what should be left when a signal has come to a child."""
    status, out, _ = visit.undisturbed
    disturbed = visit.event != Event()
    if program in EXECUTING:
        endings = {-number: None, int(status): out}
        words = "the program ends as its second program does: killed, or by "
        words += "itself, or as ever"
        if number != INT:
            endings |= {0: "0\n", 128 + number: ""}
        return Expected(words, endings, own_lines(visit), disturbed)
    if number == INT:
        words = "all die of SIGINT, and say nothing"
        return Expected(words, {-INT: None}, own_lines(visit), disturbed)
    words = "the parent says in one line that the child failed, status 1; "
    words += "other children may say that their peer is gone"
    return Expected(words, {1: None}, (1,), childs=True)


def faults_at(program: str, strikes: Strikes) -> Iterator[str]:
    """Yield what is wrong with how *program* ends at each strike."""
    missed: dict[int, tuple[Visit, int]] = {}
    hit: set[int] = set()
    for visits, number in strikes:
        line = visits[0].place.lines[0]
        try:
            visit, ended = struck(program, visits, number)
        except (TimeoutError, AssertionError) as error:
            yield account(program, visits[0], number, str(error))
            return  # the others would take as long
        if not ended:
            missed[line] = visit, number
            continue
        hit.add(line)
        left = os.listdir()
        if left or not expected(program, visit, number).is_met_by(ended):
            yield account(program, visit, number, as_table(ended), left)
        for name in left:
            os.unlink(name)
    for line in missed.keys() - hit:
        visit, number = missed[line]
        if (
            visit.effects.get(number, KILLS) == KILLS
            and visit.event != Event()
        ):
            continue  # it was come to by chance, and the signal kills anyway
        came = "in none of several more runs did it come to this line again"
        yield account(program, visit, number, came)


def account(
    program: str,
    visit: Visit,
    number: int,
    came: str,
    left: Iterable[str] = (),
) -> str:
    """Return in words where which signal came, and what came of it."""
    place, event, *_ = visit
    file = FILES[program]
    who = "a child" if place.child else "the parent"
    if program not in FORKING:
        who = "the program"
    whom = f"{who} alone" if program in FORKING else who
    if number == INT:
        whom = "all processes, as by ^C" if program in FORKING else who
    lines_once = [line for line, _ in itertools.groupby(place.lines)]
    text, *callers = [source_line(file, line) for line in lines_once]
    lines = [
        text,
        *(f"    called from {caller}" for caller in callers),
        f"  done:     {signal_name(number)} came to {whom}",
        f"            when {who} was about to run this line",
        f"            (there the signal {visit.effects.get(number, KILLS)})",
    ]
    if event != Event():
        lines.append(f"            in a run in which {event}")
    lines.append(f"  expected: {expected(program, visit, number).words}")
    first, *more = came.splitlines()
    lines.append(f"  came:     {first}")
    lines += [f"            {line}" for line in more]
    if left:
        lines.append(f"  left:     {', '.join(left)}")
    return "\n".join(lines)


def as_table(ended: Ended) -> str:
    """Return what is left of a program, one thing a line."""
    return (
        f"{ended.status!r}\n"
        f"stdout {shown(ended.out)}\n"
        f"stderr {shown(ended.err)}"
    )


def wrong_effects(program: str, places: list[Visits]) -> Iterator[str]:
    """Yield where a signal would do what the program does not intend.

    Before the first statement of main(), ^C raises KeyboardInterrupt: that is
    Python's affair. After it, each signal kills, but where a program handles
    or blocks some: it is told by what comes of a strike if that is right.
    """
    first = first_statement(program)
    for visits in places:
        place, _, effects, _ = visits[0]
        for number, effect in effects.items():
            intended = {KILLS}
            if program in HANDLING + EXECUTING:
                intended = set(effects.values()) - {RAISES}
            if number == INT and place.lines[0] in first:
                intended = {*intended, RAISES}
            if effect not in intended:
                yield (
                    f"{source_line(FILES[program], place.lines[0])}\n"
                    f"  a {signal_name(number)} that comes "
                    f"{'in a child ' if place.child else ''}before this line "
                    f"{effect}\n"
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


def not_struck(program: str, places: list[Visits]) -> Iterator[str]:
    """Yield the lines of a program's functions at which nobody was."""
    lines: set[int] = set()
    codes = [compile(source(program), program, "exec")]
    for code in codes:
        codes += [
            constant
            for constant in code.co_consts
            if isinstance(constant, CodeType)
            and constant.co_name != "__annotate__"  # since Python 3.14
        ]
        if code.co_flags & inspect.CO_OPTIMIZED:  # of a function
            lines |= {line for *_, line in code.co_lines() if line}
            lines -= {code.co_firstlineno}
    for line in sorted(lines - {v[0].place.lines[0] for v in places}):
        text = source_line(FILES[program], line)
        if not NOT_STRUCK.search(text):
            yield (
                f"{text}\n  no signal came here, since in no run was this "
                "line come to.\n  If only others' peers bring it about, add "
                "it to NOT_STRUCK"
            )


def report(*faults: Iterator[str]) -> None:
    """Fail, with the first faults."""
    if first := list(itertools.islice(itertools.chain(*faults), MOST)):
        pytest.fail("\n\n".join(first), pytrace=False)


def test_not_struck_lines_exist() -> None:
    for pattern in NOT_STRUCK.pattern.split("|"):
        if not any(re.search(pattern, source(p)) for p in PROGRAMS):
            pytest.fail(f"no program has a line with {pattern}", pytrace=False)


def test_threads_do_not_count_each_others_descriptors() -> None:
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(next_descriptor) for _ in range(4000)]
        assert len({one.result() for one in asked}) == 1
