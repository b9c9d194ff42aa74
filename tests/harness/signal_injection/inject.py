"""Sends a signal to a program at a checkpoint; see this package's text."""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import posix
import signal
import socket
import sys
import tempfile
import time
import warnings
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.harness.catalogue import (
    ECHO_SERVERS,
    FEW_AT_ONCE,
    FILES,
    FORKING_SERVERS,
    RELAYS,
    SENDERS,
    SERVERS,
    SUPERVISING,
    own_arguments,
)
from tests.harness.peers import client_of, framed, peer_of, send_to
from tests.harness.process_states import STORIES, source_line
from tests.harness.running import (
    POLL,
    STDIN,
    ExitReport,
    RunningProgram,
    main_of,
    short_timeouts,
)
from tests.harness.signal_injection.checkpoints import (
    STOPPING,
    Checkpoint,
    watch_checkpoints,
)
from tests.harness.signal_injection.scenarios import (
    BASELINE,
    LAST,
    Fault,
    Scenario,
    arranged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MESSAGE, LONG = b"one\0\x1b\0", b"one" * 8000  # for those who receive
NOTES = LAST + 1  # the descriptor of a file in which a process notes things
INJECTED = b"injected\n"
IN_CHILD = b"in child\n"  # what a server outlives
CHILDREN: set[int] = set()  # of this process, that it has not waited for


class Effect(StrEnum):
    """What a signal does to a process at a checkpoint."""

    CALLS = "calls its handler"
    IGNORED = "is ignored"
    KILLS = "kills the process"
    RAISES = "raises KeyboardInterrupt"
    WAITS = "waits, as it is blocked"


class Arrival(NamedTuple):
    """A checkpoint at which a process was, and how that run ended."""

    checkpoint: Checkpoint
    scenario: Scenario
    effects: dict[int, Effect]  # of each signal, if it had come
    children: int  # of the process, that it had not waited for
    without_signal: ExitReport


Arrivals = list[Arrival]  # at the same checkpoint


def reach_checkpoints(
    program: str, scenarios: Iterable[Scenario]
) -> list[Arrivals]:
    """Run *program* in each scenario, and note what its processes come to.

    On a busy machine a timeout may pass too early, and so a checkpoint be
    reached by chance. Another arrival at it has a better reason.

    :returns: for each checkpoint, of the parent or of a child, all arrivals
    """
    found: dict[Checkpoint, Arrivals] = {}
    known: set[tuple[bool, tuple[int, ...]]] = set()
    for scenario in scenarios:
        scale = 0 if scenario == BASELINE else 4
        try:
            ended, notes = run_with_checkpoints(
                program, scenario, note_effects, scale=scale
            )
        except (TimeoutError, AssertionError) as error:
            error.add_note("no signal was sent yet")
            raise
        for line in notes:
            is_child, lines, descriptor, noted, children = json.loads(line)
            checkpoint = Checkpoint(is_child, tuple(lines), descriptor)
            effects = {n: Effect(text) for n, text in noted}
            if scenario == BASELINE or checkpoint[:2] not in known:
                found.setdefault(checkpoint, [])
            if checkpoint in found:
                found[checkpoint].append(
                    Arrival(checkpoint, scenario, effects, children, ended)
                )
        known = {checkpoint[:2] for checkpoint in found}
    return list(found.values())


def note_effects(checkpoint: Checkpoint) -> str:
    """Return a checkpoint, what each signal would do, and how many children.

    :returns: the members of the checkpoint, and the other two, as JSON
    """
    effects = [(n, effect_of(n)) for n in STOPPING]
    return json.dumps([*checkpoint, effects, len(CHILDREN)])


def inject(
    program: str, arrivals: Arrivals, number: int
) -> tuple[Arrival, ExitReport | None]:
    """Run *program*, and send it a signal at a checkpoint.

    :returns: the first of *arrivals* that could be repeated, and what is left
        of the program; None if no one could: when one process waits for
        another, some checkpoints are reached by chance
    """
    for arrival in arrivals:
        if ended := inject_at(program, arrival, number):
            return arrival, ended
    return arrivals[0], None


def inject_at(
    program: str, arrival: Arrival, number: int
) -> ExitReport | None:
    """Repeat an arrival, and send the signal; return what is left, if so."""

    def send(checkpoint: Checkpoint) -> bool:
        if checkpoint != arrival.checkpoint:
            return False
        outlived = (
            program in FORKING_SERVERS
            and checkpoint.child
            and number != signal.SIGINT
        )
        if outlived and os.pread(NOTES, 1, 0):
            return False  # a child took the place of the one that had it
        os.write(NOTES, IN_CHILD if outlived else INJECTED)
        if number == signal.SIGINT:  # ^C reaches all
            os.killpg(0, number)
        else:
            os.kill(os.getpid(), number)
        return True

    # Unless it comes to all of them, one may wait for another that it kills.
    alone = arrival.checkpoint.child or number == signal.SIGKILL
    in_vain = (alone and number != signal.SIGINT) or arrival.scenario.call
    for scale in (1, 8, 64, 0) if in_vain else (0, 0, 0):  # if it was short
        ended, notes = run_with_checkpoints(
            program, arrival.scenario, send, scale=scale
        )
        if notes:
            return ended
    return None


def run_with_checkpoints(
    program: str,
    scenario: Scenario,
    reached: Callable[[Checkpoint], object],
    *,
    scale: int,
) -> tuple[ExitReport, list[str]]:
    """Run *program*, and call *reached* at each checkpoint, in its process.

    :param scale: of its timeouts, as in short_timeouts()
    :returns: what is left of the program, and what *reached* returned, each
        time that it was not nothing, as text
    """

    def note(checkpoint: Checkpoint) -> None:
        if noted := reached(checkpoint):
            os.write(NOTES, f"{noted}\n".encode())

    with arguments_of(program) as arguments, tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), NOTES)
        wrong = scenario.fault is Fault.BAD_ARGUMENTS
        words = ["0"] * len(arguments) if wrong else arguments
        names = {
            **short_timeouts(program, scale),
            "RETRY_DELAY": 0,
            "COMMAND": ("true",),
        }
        if program in FORKING_SERVERS:
            names["CHILDREN"] = 1
        main = main_of(program, *words, **names)
        action = functools.partial(run, program, main, scenario, note)
        with RunningProgram(action, stdin=STDIN, name=program) as running:
            try:
                ended = meet(program, scenario, running)
            except (TimeoutError, AssertionError) as error:
                error.add_note(f"in a run in which {scenario}")
                raise
        STORIES.clear()  # there are too many, and all well
        os.close(NOTES)
        notes.seek(0)
        return ended, notes.read().decode().splitlines()


@contextlib.contextmanager
def arguments_of(program: str) -> Iterator[list[str]]:
    """Yield arguments for a whole run, and a peer for one who needs it."""
    if program in SENDERS:
        with peer_of(program) as (_, arguments):
            yield arguments
    else:
        yield own_arguments(program)


def meet(
    program: str, scenario: Scenario, running: RunningProgram
) -> ExitReport:
    """Be the peers of a server, and its user; return what is left of it."""
    if program in SERVERS:
        # Any line may be the one at which the program ends.
        with contextlib.suppress(EOFError):
            first_line = running.line()
            connect_once(program, scenario, running, first_line)
            # No new checkpoint is between the second and the ^C.
            connect_once(program, BASELINE, running, first_line)
            if program in FORKING_SERVERS and program not in FEW_AT_ONCE:
                wait_for_children_of(running)
            running.wait_until_blocked()
            if os.pread(NOTES, len(INJECTED), 0) != INJECTED:
                running.signal(signal.SIGINT)  # or it has outlived one already
    elif program in RELAYS:
        with contextlib.suppress(EOFError):
            send_datagrams(running)
            if os.pread(NOTES, len(INJECTED), 0) != INJECTED:
                running.signal(signal.SIGINT)
    elif program in SUPERVISING:
        with contextlib.suppress(EOFError, OSError):
            first_line = running.line()
            wait_for_line(running, "child: ")  # what is open is then known
            with client_of(program, first_line):
                wait_for_line(running, "client: ")
            if os.pread(NOTES, len(INJECTED), 0) != INJECTED:
                running.signal(signal.SIGINT)
    return running.finish()


def wait_for_line(running: RunningProgram, beginning: str) -> None:
    """Read lines until one begins so."""
    while not running.line().startswith(beginning):
        pass


def wait_for_children_of(server: RunningProgram) -> None:
    """Let the children end whose clients have gone: ^C would be too early.

    Not for long: one may have been told to end, and do so after the server.
    """
    end = time.monotonic() + 1
    path = f"/proc/{server.pid}/task/{server.pid}/children"
    with contextlib.suppress(OSError):  # it has ended; or it is not Linux
        while time.monotonic() < end:
            with open(path) as children:
                if not children.read():
                    return
            time.sleep(POLL)


def send_datagrams(relay: RunningProgram) -> None:
    """Send to a relay, until each thing has become of a datagram."""
    with client_of("lossy_relay", relay.line()) as client:
        for _ in range(12):  # one of them may find a fault
            with contextlib.suppress(ConnectionRefusedError):  # it has ended
                client.send(MESSAGE)
        words: set[str] = set()
        while len(words) < 4:
            words.add(relay.line())


def connect_once(
    program: str, scenario: Scenario, running: RunningProgram, first_line: str
) -> None:
    """Connect to a server, send, and wait until it is done with that."""
    message = MESSAGE if scenario == BASELINE else LONG
    if program in ECHO_SERVERS:
        with (
            contextlib.suppress(OSError),  # it may have closed it already
            client_of(program, first_line) as client,
        ):
            client.sendall(framed(program, message))
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        return
    with contextlib.suppress(OSError):
        send_to(program, first_line, message)
    if scenario.call.endswith(".recv") and scenario.fault is Fault.FAIL:
        running.stderr_line()
    else:
        while running.line() != "Ending connection":
            pass


def run(
    program: str,
    main: Callable[[], object],
    scenario: Scenario,
    reached: Callable[[Checkpoint], None],
) -> None:
    """Run *program* in this process, in a scenario, with checkpoints."""
    gc.disable()  # it would copy what we have in common with our parent
    warnings.simplefilter("ignore", ResourceWarning)
    os._exit = posix._exit  # no coverage to save: it cannot trace as well
    watch_children()
    with arranged(scenario):
        watch_checkpoints(str(FILES[program]), reached)
        main()


def watch_children() -> None:
    """Note which there are, and tell of a signal to one that is gone.

    That is written on standard error: another process may have the number of
    one that was waited for.
    """
    gone: set[int] = set()
    fork, kill = os.fork, os.kill

    def fork_and_note() -> int:
        pid = fork()
        gone.discard(pid)
        if pid:
            CHILDREN.add(pid)
        else:
            CHILDREN.clear()
        return pid

    def watch(wait: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(wait)
        def wait_and_note(*arguments: object) -> Any:  # noqa: ANN401
            found = wait(*arguments)
            gone.update(found[:1] if found[0] else ())
            CHILDREN.discard(found[0])
            return found

        return wait_and_note

    def kill_or_tell(pid: int, number: int) -> None:
        if pid in gone:
            frame = sys._getframe(1)
            where = source_line(frame.f_code.co_filename, frame.f_lineno)
            line = (
                f"process {pid}, which was waited for, is signalled: {where}"
            )
            os.write(2, f"{line}\n".encode())
        kill(pid, number)

    os.fork, os.kill = fork_and_note, kill_or_tell
    for name in ("wait", "wait3", "wait4", "waitpid"):
        setattr(os, name, watch(getattr(os, name)))


def effect_of(number: int) -> Effect:
    """Return the effect that a signal would have on this process now."""
    if number in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return Effect.WAITS
    match signal.getsignal(number):
        case signal.SIG_DFL:
            return Effect.KILLS
        case signal.SIG_IGN:
            return Effect.IGNORED
        case signal.default_int_handler:
            return Effect.RAISES
    return Effect.CALLS
