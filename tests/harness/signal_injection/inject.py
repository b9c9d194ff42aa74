"""Runs a program, and lets a signal come to it at a chosen line.

A *place* is a line of the program, come to in one way: by the parent or by a
child, called from these lines, with so many descriptors open. A run of the
program in which one *event* happens (nothing, a call that fails, a child that
loses its descriptors, ...) visits many places. Each *visit* notes what a
signal would do there. To *strike* is to run the program once more, with the
same event, and to let the process send itself the signal, or all processes,
when it comes to that place.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import os
import posix
import signal
import socket
import sys
import tempfile
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.harness.peers import client_of, peer_of, send_to
from tests.harness.processes import STORIES, source_line
from tests.harness.programs import (
    ECHOING,
    FILES,
    SENDING,
    SERVING,
    STDIN,
    Ended,
    Running,
    main_of,
    own_arguments,
    patience,
)
from tests.harness.signal_injection.checkpoints import (
    STOPPING,
    Place,
    visit_places,
)
from tests.harness.signal_injection.scenarios import (
    FAILS,
    LAST,
    WRONGLY_USED,
    Event,
    events_of,
    prepared,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MESSAGE, LONG = b"one\0\x1b\0", b"one" * 8000  # for those who receive
NOTES = LAST + 1  # the descriptor of a file in which a process notes places
STRUCK = b"struck\n"
# What a signal does to a process.
KILLS, CALLS = "kills the process", "calls its handler"
WAITS = "waits, as it is blocked"
RAISES, IGNORED = "raises KeyboardInterrupt", "is ignored"


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
        ended, notes = visited(program, event, visit, times=times)
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
    program: str, visits: Visits, number: int
) -> tuple[Visit, Ended | None]:
    """Run *program*, and let a signal come at a place.

    :returns: the first of *visits* that could be made again, and what is left
        of the program; None if there was none: when one process waits for
        another, some places are a matter of chance
    """
    for visit in visits:
        if ended := struck_at(program, visit, number):
            return visit, ended
    return visits[0], None


def struck_at(program: str, visit: Visit, number: int) -> Ended | None:
    def hit(place: Place) -> bool:
        if place != visit.place:
            return False
        os.write(NOTES, STRUCK)
        if number == signal.SIGINT:  # ^C reaches all
            os.killpg(0, number)
        else:
            os.kill(os.getpid(), number)
        return True

    # Unless it comes to all of them, one may wait for another that it kills.
    alone = visit.place.child or number == signal.SIGKILL
    in_vain = (alone and number != signal.SIGINT) or visit.event.call
    for times in (1, 8, 64, 0) if in_vain else (0, 0, 0):  # if it was short
        ended, notes = visited(program, visit.event, hit, times=times)
        if notes:
            return ended
    return None


def visited(
    program: str,
    event: Event,
    visit: Callable[[Place], object],
    *,
    times: int,
) -> tuple[Ended, list[str]]:
    """Return what is left of *program* after a visit at each place.

    :param visit: what it returns, is noted and returned as well
    :param times: how much patience it has, if it may wait in vain
    """

    def note(place: Place) -> None:
        if noted := visit(place):
            os.write(NOTES, f"{noted}\n".encode())

    with arguments_of(program) as arguments, tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), NOTES)
        wrong = event.what == WRONGLY_USED
        words = ["0"] * len(arguments) if wrong else arguments
        names = {
            **patience(program, times),
            "RETRY_DELAY": 0,
        }
        main = main_of(program, *words, **names)
        action = functools.partial(run, program, main, event, note)
        with Running(action, stdin=STDIN, name=program) as running:
            try:
                ended = play(program, event, running)
            except (TimeoutError, AssertionError) as error:
                error.add_note(f"in a run in which {event}")
                raise
        STORIES.clear()  # there are too many, and all well
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
    if program in SERVING:
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
    message = MESSAGE if event == Event() else LONG
    if program in ECHOING:
        with (
            contextlib.suppress(OSError),  # it may have closed it already
            client_of(program, first_line) as client,
        ):
            client.sendall(message)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        return
    with contextlib.suppress(OSError):
        send_to(program, first_line, message)
    if event.call.endswith(".recv") and event.what == FAILS:
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
    watch_process_ids()
    with prepared(event):
        visit_places(str(FILES[program]), visit)
        main()


def watch_process_ids() -> None:
    """Tell on standard error of a signal to a process that is waited for.

    Another process may have its number by now.
    """
    gone: set[int] = set()
    fork, kill = os.fork, os.kill

    def fork_and_note() -> int:
        pid = fork()
        gone.discard(pid)
        return pid

    def watch(wait: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(wait)
        def wait_and_note(*arguments: object) -> Any:  # noqa: ANN401
            found = wait(*arguments)
            gone.update(found[:1] if found[0] else ())
            return found

        return wait_and_note

    def kill_or_tell(pid: int, number: int) -> None:
        if pid in gone:
            frame = sys._getframe(1)
            where = source_line(frame.f_code.co_filename, frame.f_lineno)
            told = (
                f"process {pid}, which was waited for, is signalled: {where}"
            )
            os.write(2, f"{told}\n".encode())
        kill(pid, number)

    os.fork, os.kill = fork_and_note, kill_or_tell
    for name in ("wait", "wait3", "wait4", "waitpid"):
        setattr(os, name, watch(getattr(os, name)))


def effect(number: int) -> str:
    """Return what a signal does to this process now."""
    if number in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return WAITS
    handler = signal.getsignal(number)
    if handler == signal.SIG_DFL:
        return KILLS
    if handler == signal.SIG_IGN:
        return IGNORED
    return RAISES if handler == signal.default_int_handler else CALLS
