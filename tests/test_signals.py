"""Signals: ^C and SIGTERM at any line, and SIGKILL."""

from __future__ import annotations

import ast
import builtins
import contextlib
import errno
import functools
import gc
import importlib
import inspect
import logging
import os
import posix
import re
import selectors
import shlex
import signal
import socket
import struct
import sys
import tempfile
import warnings
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import strike
from peers import peer_of, send_to
from programs import (
    FILES,
    FORKING,
    PROGRAMS,
    RECEIVING,
    SENDING,
    Ended,
    Running,
    calls_of,
    command_line,
    die,
    patience,
    source,
)
from strike import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
STDIN = b"one\ntwo\nthree\n"  # for those who read it
MESSAGE, LONG = b"one\0\x1b\0", b"one" * 400  # for those who receive
NOTES = 300  # the descriptor of a file in which a process notes places
OF_CHILD = r"\w+: (child|worker): "
STRUCK = b"struck\n"
RAISES = "raises KeyboardInterrupt"
EXECUTING = [p for p in FORKING if "os.exec" in source(p)]
# They let signals wait, so that nothing is left behind.
UNDISTURBED = [p for p in FORKING if "SIG_UNBLOCK" in source(p)]
# Calls that a signal may interrupt; all but one may fail.
CALLS = {
    *("accept", "bind", "connect", "create_connection", "create_server"),
    *("execvp", "fork", "getaddrinfo", "listen", "open", "pipe", "print"),
    *("read", "recv", "recvfrom", "recvmsg", "select", "send", "sendall"),
    *("sendmsg", "sendto", "socketpair", "waitpid", "write"),
}
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


class Event(NamedTuple):
    """What happens to one of a program's processes when it makes a call."""

    call: str = ""
    what: str = ""
    to_child: bool = False


class Visit(NamedTuple):
    """A place to which a process came, and what came of that run."""

    place: Place
    event: Event
    effects: dict[int, str]  # of signals, as effect() says
    undisturbed: Ended


Visits = list[Visit]  # to the same place


def events_of(program: str, *, child: bool) -> Iterator[Event]:
    """Yield what a whole run, and every line of it, takes."""
    yield Event()
    yield Event(what="is used wrongly")
    if program in FORKING:
        yield Event("os.fork", "loses all descriptors", to_child=True)
        yield Event("os.fork", "is killed", to_child=True)
    for call in sorted(calls_of(program)):
        if call.rpartition(".")[2] not in CALLS or not hasattr(
            *owner_of(call)
        ):
            continue
        yield Event(call, "is interrupted", child)
        if call != "os.waitpid" and not (call == "os.fork" and child):
            yield Event(call, "fails", child)
        if "BlockingIOError" in source(program):
            yield Event(call, "has to wait", child)


def owner_of(call: str) -> tuple[Any, str]:
    """Return where a program finds what it calls, and its name there."""
    owner, _, name = call.rpartition(".")
    if not owner:
        return builtins, name
    if owner in sys.modules:
        return sys.modules[owner], name
    if name == "select":
        return selectors.DefaultSelector, name
    return socket.socket, name


@contextlib.contextmanager
def prepared(event: Event) -> Iterator[None]:
    """Let *event* happen when this process, or a child, makes its call."""
    owner, name = owner_of(event.call or "print")
    call = getattr(owner, name)
    parent, due = os.getpid(), [event.what] if event.call else []

    @functools.wraps(call)
    def call_after(*arguments: object, **named: object) -> object:
        after_fork = name == "fork" and event.to_child
        result = call(*arguments, **named) if after_fork else None
        if due and (os.getpid() != parent) is event.to_child:
            act(due.pop())
        return result if after_fork else call(*arguments, **named)

    setattr(owner, name, call_after)
    try:
        yield
    finally:
        due.clear()  # or it would happen to the test, which prints as well


def act(what: str) -> None:
    if what == "fails":
        raise OSError(errno.EIO, "It fails")
    if what == "has to wait":
        raise BlockingIOError(errno.EAGAIN, "It has to wait")
    if what == "is interrupted":
        os.kill(os.getpid(), INT)
    elif what == "loses all descriptors":
        os.closerange(3, NOTES)
    elif what == "is killed":  # when it has done its work
        os._exit = lambda _: die()  # type: ignore[assignment,return-value]


def leave_forks_alone() -> None:
    """Undo what pytest brings: logging's own functions at forks.

    What a signal's handler raises in them is lost. So they get code that does
    nothing, without even the instruction at which Python minds signals.
    """
    code = (lambda: None).__code__
    for name in {"_acquireLock", "_releaseLock"} & vars(logging).keys():
        vars(logging)[name].__code__ = code.replace(co_code=code.co_code[2:])


def let_idle_time_pass() -> None:
    """Let nobody wait for an event when there is none to wait for."""
    select = selectors.DefaultSelector.select

    def select_at_once(
        self: selectors.DefaultSelector, timeout: float | None = None
    ) -> object:
        return select(self, timeout if self.get_map() else 0)

    selectors.DefaultSelector.select = select_at_once  # type: ignore[method-assign,assignment]


def little_patience(program: str, times: int) -> dict[str, Any]:
    """Return what makes *program* wait less; 0 *times*: never in vain."""
    less: dict[str, Any] = {**patience(program, failing=times > 0)}
    if "TRIES" in less:
        less["TRIES"] *= min(times, 4) or 1
    elif "PATIENCE" in less:
        less["PATIENCE"] *= times
    if "TEN_SECONDS" in less:
        _, microseconds = struct.unpack("ll", less["TEN_SECONDS"])
        less["TEN_SECONDS"] = struct.pack("ll", 0, times * microseconds)
    return less


def run(
    program: str,
    arguments: list[str],
    event: Event,
    visit: Callable[[Place], None],
    *,
    times: int,
) -> None:
    """Run *program*, with little patience, and visit its places."""
    module: Any = importlib.import_module(f"ipc_examples.{program}")
    vars(module).update(little_patience(program, times), PAUSE=0)
    if event.what == "is used wrongly":
        arguments = ["0"] * len(arguments)
    sys.argv = [f"{program}.py", *arguments]
    gc.disable()  # it would copy what we have in common with our parent
    warnings.simplefilter("ignore", ResourceWarning)
    os._exit = posix._exit  # no coverage to save: it cannot trace as well
    leave_forks_alone()
    let_idle_time_pass()
    with prepared(event):
        strike.visit_places(str(FILES[program]), visit)
        sys.exit(module.main())


@contextlib.contextmanager
def arguments_of(program: str) -> Iterator[list[str]]:
    """Yield arguments for a whole run, and a peer for one who needs it."""
    if program in SENDING:
        with peer_of(program) as (_, arguments):
            yield arguments
    else:
        line = command_line(program, COUNT="1").rpartition(" | ")[2]
        yield shlex.split(line)[2:]


def play(program: str, event: Event, running: Running) -> Ended:
    """Give a receiver what it waits for, and a server an end."""
    if program in RECEIVING:
        # Any line may be the one at which the program ends.
        with contextlib.suppress(EOFError):
            first_line = running.line()
            serve(program, event, running, first_line)
            # No new place is come to between the second and the ^C.
            serve(program, Event(), running, first_line)
            if os.pread(NOTES, len(STRUCK), 0) != STRUCK:
                running.signal(INT)  # or it has outlived one already
    return running.finish()


def serve(
    program: str, event: Event, running: Running, first_line: str
) -> None:
    """Wait until a server is done with one connection."""
    with contextlib.suppress(OSError):  # it may have closed it already
        send_to(program, first_line, MESSAGE if event == Event() else LONG)
    if event.call.endswith(".recv") and event.what == "fails":
        running.complaint()
    else:
        while running.line() != "Ending connection":
            pass


def visited(
    program: str,
    event: Event,
    visit: Callable[[Place], object],
    *,
    times: int,
    orphans: bool,
) -> tuple[Ended, list[str]]:
    """Return what is left of *program* after a visit at each place.

    :param visit: what it returns, is noted and returned as well
    :param times: how much patience it has, if it may wait in vain
    :param orphans: whether it may leave children to themselves
    """

    def note(place: Place) -> None:
        if noted := visit(place):
            os.write(NOTES, f"{noted}\n".encode())

    importlib.import_module(f"ipc_examples.{program}")  # once for all
    with arguments_of(program) as arguments, tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), NOTES)
        action = functools.partial(
            run, program, arguments, event, note, times=times
        )
        with Running(action, stdin=STDIN) as running:
            running.strict = not orphans
            ended = play(program, event, running)
        os.close(NOTES)
        notes.seek(0)
        return ended, notes.read().decode().splitlines()


def effect(number: int) -> str:
    """Return what a signal does to this process now."""
    if signal.getsignal(number) == signal.default_int_handler:
        return RAISES
    if signal.getsignal(number) == signal.SIG_DFL:
        return "kills"
    blocked = number in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return "waits" if blocked else "calls"


def visits_to(
    program: str, *, child: bool, events: Iterable[Event] = ()
) -> list[Visits]:
    """Return all visits to each place that *program* comes to.

    On a busy machine a program may lose patience, and come to a place by
    chance. Another visit to it has a better reason.
    """
    found: dict[Place, Visits] = {}
    lines: set[tuple[int, ...]] = set()

    def visit(place: Place) -> object:
        effects = {int(number): effect(number) for number in (INT, TERM)}
        return (*place, effects) if place.child is child else None

    for event in events or events_of(program, child=child):
        times = 0 if event == Event() else 4
        ended, notes = visited(
            program, event, visit, times=times, orphans=True
        )
        for line in notes:
            *place, effects = ast.literal_eval(line)
            place = Place(*place)
            if event == Event() or place.lines not in lines:
                found.setdefault(place, [])
            if place in found:
                found[place].append(Visit(place, event, effects, ended))
        lines = {place.lines for place in found}
    return list(found.values())


def struck(program: str, visit: Visit, number: int) -> Ended | None:
    """Run *program*, and let a signal come at a place.

    :returns: None if it did not come there again: when one process waits for
        another, some places are a matter of chance
    """

    def hit(place: Place) -> bool:
        if place != visit.place:
            return False
        os.write(NOTES, STRUCK)
        if number == INT:  # ^C reaches all
            os.killpg(0, number)
        else:
            os.kill(os.getpid(), number)
        return True

    lenient = number == KILL or may_leave(program, visit, number)
    vain = visit.place.child or bool(visit.event.call) or number == KILL
    for times in (1, 8, 64, 0) if vain else (0, 0, 0):  # if it was short
        ended, notes = visited(
            program, visit.event, hit, times=times, orphans=lenient
        )
        if notes and lenient:
            err = re.sub(r"left open: .*\n", "", ended.err)
            return ended._replace(err=err)
        if notes:
            return ended
    return None


@functools.cache
def unguarded(program: str) -> set[int]:
    """Return at which lines a signal may leave something to the system.

    Where something is open, or a child is there, that is not yet in the care
    of a ``with`` or ``try``; and where it is just being closed.
    """
    lines: set[int] = set()
    if program in UNDISTURBED:
        return lines
    for node in ast.walk(ast.parse(source(program))):
        if isinstance(node, ast.With | ast.Try):
            lines |= {*range(node.lineno, node.body[0].lineno)}
        if isinstance(node, ast.Try):
            for last in node.finalbody:
                lines |= {*range(last.lineno, (last.end_lineno or 0) + 1)}
        if isinstance(node, ast.FunctionDef):
            text = ast.unparse(node)
            if "os.close(" in text or ".detach()" in text:  # bare numbers
                lines |= {*range(node.lineno, (node.end_lineno or 0) + 1)}
            lines |= {*after_fork(node)}
    return lines


def after_fork(function: ast.FunctionDef) -> Iterator[int]:
    """Yield the lines from a fork to the ``try`` or wait that comes next.

    Between them may be what the child does, and a handler.
    """
    forked = False
    for statement in statements_of(function):
        text = ast.unparse(statement)
        if forked:
            guard = isinstance(statement, ast.Try) or "os.waitpid(" in text
            last = statement.lineno if guard else statement.end_lineno or 0
            yield from range(statement.lineno, last + 1)
            forked = isinstance(statement, ast.If) or "signal.signal(" in text
            forked &= not guard
        elif isinstance(statement, ast.Assign) and "os.fork()" in text:
            forked = True


def statements_of(block: ast.FunctionDef | ast.With) -> Iterator[ast.stmt]:
    for statement in block.body:
        yield statement
        if isinstance(statement, ast.With):
            yield from statements_of(statement)


def may_leave(program: str, visit: Visit, number: int) -> bool:
    """Tell whether a signal may leave something to the system."""
    if visit.place.child:  # ^C finds the parent at any line
        return number == INT and program not in UNDISTURBED
    return not unguarded(program).isdisjoint(visit.place.lines)


def faults_at(
    program: str, strikes: Iterator[tuple[Visits, int]]
) -> Iterator[str]:
    """Yield what is wrong with how *program* ends at each strike."""
    missed: set[int] = set()
    hit: set[int] = set()
    for visits, number in strikes:
        place = visits[0].place
        try:
            visit, ended = struck_once(program, visits, number)
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


def struck_once(
    program: str, visits: Visits, number: int
) -> tuple[Visit, Ended | None]:
    """Strike at the first of *visits* at which the program comes there."""
    for visit in visits:
        if ended := struck(program, visit, number):
            return visit, ended
    return visits[0], None


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


def assert_none(faults: Iterator[str]) -> None:
    assert "\n".join(faults) == ""


def strikes_at(
    program: str, places: list[Visits]
) -> Iterator[tuple[Visits, int]]:
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


def kills_at(program: str, *, child: bool) -> Iterator[tuple[Visits, int]]:
    places = visits_to(program, child=child, events=[Event()])
    for visits in {p[0].place.lines[0]: p for p in places}.values():
        yield visits, KILL
