"""Signals: ^C and SIGTERM at any line, and SIGKILL."""

from __future__ import annotations

import inspect
import os
import re
import signal
from collections import defaultdict
from types import CodeType
from typing import TYPE_CHECKING

import pytest
from events import Event
from programs import FORKING, PROGRAMS, Ended, source
from strike import RAISES, Visit, Visits, struck, visits_to
from unguarded import UNDISTURBED, unguarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from places import Place

    Strikes = Iterator[tuple[Visits, int]]  # where, and with which signal

INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
OF_CHILD = r"\w+: (child|worker): "
EXECUTING = [p for p in FORKING if "os.exec" in source(p)]
# Until its handler is installed, ^C is told by a traceback: nothing else
# may come before.
INSTALLING = re.compile(
    r"parent = os.getpid\(\)|def stop\(|for number in |signal\.signal\("
)
# What only others' peers and others' work bring about, or a closed stdin.
NOT_STRUCK = re.compile(
    r"raise ConnectionError|for descriptor in rights:|os\.close\(descriptor\)"
    r"|answer cut to|except Exception:|traceback\.|parser\.error\(.* string"
    r"|# or an end of the pipe|os\.open\(os\.devnull"
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]


@pytest.mark.fault("^C or SIGTERM at any line")
@pytest.mark.parametrize("program", PROGRAMS)
def test_ends_cleanly_at_every_line(program: str) -> None:
    places = visits_to(program, child=False)
    assert_none(faults_at(program, strikes_at(program, places)))
    assert program in FORKING or not not_struck(program, places)


@pytest.mark.fault("^C or SIGTERM at any line of a child")
@pytest.mark.parametrize("program", FORKING)
def test_ends_cleanly_at_every_line_of_a_child(program: str) -> None:
    places = visits_to(program, child=True)
    assert_none(faults_at(program, strikes_at(program, places)))
    assert not not_struck(program, places + visits_to(program, child=False))


@pytest.mark.fault("a child killed before, during and after its message")
@pytest.mark.parametrize("program", FORKING)
def test_child_killed_at_every_line(program: str) -> None:
    assert_none(faults_at(program, kills_at(program, child=True)))


@pytest.mark.fault("a parent killed before its child ends")
@pytest.mark.parametrize("program", FORKING)
def test_parent_killed_at_every_line(program: str) -> None:
    assert_none(faults_at(program, kills_at(program, child=False)))


def strikes_at(program: str, places: list[Visits]) -> Strikes:
    """Yield each place, and the signals to strike with.

    That is both at each line. When it is come to in another way, it is the one
    that reaches the process alone. What nothing handles ends a process by
    itself, so once is enough.
    """
    seen = set()
    killed = False
    for visits in places:
        visit = visits[0]
        line = visit.place.lines[0]
        kills = visit.effects[TERM] == "kills"
        if (line not in seen or kills) and not too_early(program, visit):
            yield visits, INT
        if not killed if kills else True:
            yield visits, TERM
        killed |= kills
        seen.add(line)


def too_early(program: str, visit: Visit) -> bool:
    """Tell whether nothing was done yet but to install handlers."""
    line = source(program).splitlines()[visit.place.lines[0] - 1]
    return visit.effects[INT] == RAISES and bool(INSTALLING.search(line))


def kills_at(program: str, *, child: bool) -> Strikes:
    lines: dict[int, Visits] = defaultdict(list)
    for visits in visits_to(program, child=child, events=[Event()]):
        lines[visits[0].place.lines[0]] += visits
    for visits in lines.values():
        yield visits, KILL


def faults_at(program: str, strikes: Strikes) -> Iterator[str]:
    """Yield what is wrong with how *program* ends at each strike."""
    missed: set[int] = set()
    hit: set[int] = set()
    for visits, number in strikes:
        place = visits[0].place
        lenient = number == KILL or may_leave(program, place, number)
        try:
            visit, ended = struck(program, visits, number, orphans=lenient)
        except (TimeoutError, AssertionError) as error:
            yield f"{signal.Signals(number).name}, {place}: {error}"
            continue
        (hit if ended else missed).add(place.lines[0])
        where = f"{signal.Signals(number).name}, {place}, {visit.event}"
        judge = child_ended_well if place.child else ended_well
        if ended and not judge(program, visit, number, ended):
            yield f"{where}: {ended}"
        if left := os.listdir():
            yield f"{where}: left {left}"
    if missed - hit:
        yield f"never struck at lines {missed - hit}"


def may_leave(program: str, place: Place, number: int) -> bool:
    """Tell whether a signal may leave something to the system."""
    if place.child:  # ^C finds the parent at any line
        return number == INT and program not in UNDISTURBED
    return not unguarded(program).isdisjoint(place.lines)


def ended_well(program: str, visit: Visit, number: int, ended: Ended) -> bool:
    """Tell whether the struck process ended as it should."""
    status = 128 + number
    if number == KILL or visit.effects[number] == "kills":
        status = -number
    elif visit.effects[number] == "waits" and program not in UNDISTURBED:
        status = visit.undisturbed.status
    told = rf"{program}: .*\n" if visit.event != Event() else "(?!)"
    if program in FORKING:  # a child may notice that its parent is gone
        told = rf"{told}|{OF_CHILD}.*\n"
    return ended.status == status and bool(
        re.fullmatch(f"({told})*", ended.err)
    )


def child_ended_well(
    program: str, visit: Visit, number: int, ended: Ended
) -> bool:
    """Tell whether the parent of a struck process ended as it should."""
    told = ended.err.splitlines()
    if not all(line.startswith(f"{program}: ") for line in told):
        return False
    if number == INT:
        return ended.status == 128 + INT
    if program in EXECUTING:  # the second program's status and output
        return (ended.status, ended.out) in (
            (0, "0\n"),
            (128 + number, ""),
            (visit.undisturbed.status or -1, ""),
        )
    if program == "fork" and number != KILL:  # the answer is a status
        return ended.status == 0 and f"had {128 + number}," in ended.out
    own = [line for line in told if not re.match(OF_CHILD, line)]
    return ended.status == 1 and len(own) == 1


def not_struck(program: str, places: list[Visits]) -> list[str]:
    """Return the lines of a program's functions at which nobody was."""
    lines: set[int] = set()
    codes = [compile(source(program), program, "exec")]
    for code in codes:
        codes += [c for c in code.co_consts if isinstance(c, CodeType)]
        if code.co_flags & inspect.CO_OPTIMIZED:  # of a function
            lines |= {line for *_, line in code.co_lines() if line}
            lines -= {code.co_firstlineno}
    lines -= {visits[0].place.lines[0] for visits in places}
    text = source(program).splitlines()
    left = [text[line - 1].strip() for line in sorted(lines)]
    return [line for line in left if not NOT_STRUCK.search(line)]


def assert_none(faults: Iterator[str]) -> None:
    assert "\n".join(faults) == ""
