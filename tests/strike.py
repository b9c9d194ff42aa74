"""Runs a program, and strikes it with a signal at a place."""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import logging
import os
import posix
import re
import selectors
import signal
import struct
import tempfile
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from events import LAST, Event, events_of, prepared
from peers import peer_of, send_to
from places import STOPPING, Place, visit_places
from programs import (
    FILES,
    RECEIVING,
    SENDING,
    STDIN,
    Ended,
    Running,
    main_of,
    own_arguments,
    patience,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MESSAGE, LONG = b"one\0\x1b\0", b"one" * 400  # for those who receive
NOTES = LAST + 1  # the descriptor of a file in which a process notes places
STRUCK = b"struck\n"
RAISES = "raises KeyboardInterrupt"


class Visit(NamedTuple):
    """A place to which a process came, and what came of that run."""

    place: Place
    event: Event
    effects: dict[int, str]  # of signals, as effect() says
    undisturbed: Ended


Visits = list[Visit]  # to the same place


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
        effects = {int(number): effect(number) for number in STOPPING}
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


def struck(
    program: str, visits: Visits, number: int, *, orphans: bool
) -> tuple[Visit, Ended | None]:
    """Run *program*, and let a signal come at a place.

    :param orphans: whether it may leave something, or children, to the system
    :returns: the first of *visits* that could be made again, and what is left
        of the program; None if there was none: when one process waits for
        another, some places are a matter of chance
    """
    for visit in visits:
        if ended := struck_at(program, visit, number, orphans=orphans):
            return visit, ended
    return visits[0], None


def struck_at(
    program: str, visit: Visit, number: int, *, orphans: bool
) -> Ended | None:
    def hit(place: Place) -> bool:
        if place != visit.place:
            return False
        os.write(NOTES, STRUCK)
        if number == signal.SIGINT:  # ^C reaches all
            os.killpg(0, number)
        else:
            os.kill(os.getpid(), number)
        return True

    kill = number == signal.SIGKILL
    in_vain = visit.place.child or visit.event.call or kill
    for times in (1, 8, 64, 0) if in_vain else (0, 0, 0):  # if it was short
        ended, notes = visited(
            program, visit.event, hit, times=times, orphans=orphans
        )
        if notes and orphans:
            err = re.sub(r"left open: .*\n", "", ended.err)
            return ended._replace(err=err)
        if notes:
            return ended
    return None


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
    :param orphans: as struck() says
    """

    def note(place: Place) -> None:
        if noted := visit(place):
            os.write(NOTES, f"{noted}\n".encode())

    with arguments_of(program) as arguments, tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), NOTES)
        wrong = event.what == "is used wrongly"
        words = ["0"] * len(arguments) if wrong else arguments
        names = {**little_patience(program, times), "PAUSE": 0}
        main = main_of(program, *words, **names)
        action = functools.partial(run, program, main, event, note)
        with Running(action, stdin=STDIN) as running:
            running.strict = not orphans
            ended = play(program, event, running)
        os.close(NOTES)
        notes.seek(0)
        return ended, notes.read().decode().splitlines()


@contextlib.contextmanager
def arguments_of(program: str) -> Iterator[list[str]]:
    """Yield arguments for a whole run, and a peer for one who needs it."""
    if program in SENDING:
        with peer_of(program) as (_, arguments):
            yield arguments
    else:
        yield own_arguments(program)


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
                running.signal(signal.SIGINT)  # or it has outlived one already
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


def run(
    program: str,
    main: Callable[[], object],
    event: Event,
    visit: Callable[[Place], None],
) -> None:
    """Let *event* happen to *program* in this process; visit its places."""
    gc.disable()  # it would copy what we have in common with our parent
    warnings.simplefilter("ignore", ResourceWarning)
    os._exit = posix._exit  # no coverage to save: it cannot trace as well
    leave_forks_alone()
    let_idle_time_pass()
    with prepared(event):
        visit_places(str(FILES[program]), visit)
        main()


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


def effect(number: int) -> str:
    """Return what a signal does to this process now."""
    if signal.getsignal(number) == signal.default_int_handler:
        return RAISES
    if signal.getsignal(number) == signal.SIG_DFL:
        return "kills"
    blocked = number in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return "waits" if blocked else "calls"
