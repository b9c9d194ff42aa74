"""Signals: ^C and SIGTERM at any line, and SIGKILL."""

from __future__ import annotations

import contextlib
import importlib
import os
import posix
import re
import shlex
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

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
    command_line,
    patience,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STDIN = b"one\ntwo\nthree\n"  # for those who read it
OF_LOGGING = re.compile(  # which pytest imports, and which acts at forks
    r"Exception ignored in: <function _releaseLock (?s:.*?)\nSystemExit: .*\n"
)
# They let signals wait, so that no child is left behind.
UNDISTURBED = [p for p in FORKING if "pthread_sigmask" in source(p)]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]


@contextlib.contextmanager
def arguments_of(program: str) -> Iterator[list[str]]:
    """Yield arguments for a whole run, and a peer for one who needs it."""
    if program in SENDING:
        with peer_of(program) as (_, arguments):
            yield arguments
    else:
        line = command_line(program, COUNT="1").rpartition(" | ")[2]
        yield shlex.split(line)[2:]


def play(program: str, running: Running) -> Ended:
    """Give a receiver what it waits for, and a server an end."""
    if program in RECEIVING:
        # Any line may be the one at which the program ends.
        with contextlib.suppress(EOFError, OSError):
            first_line = running.line()
            # No new line is executed between the second and the ^C.
            for _ in range(2):
                send_to(program, first_line, b"one\0two\0")
                while running.line() != "Ending connection":
                    pass
            running.signal(signal.SIGINT)
    return running.finish()


every_signal = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM]
)


def run(
    program: str,
    arguments: list[str],
    visit: Callable[[int], None],
    *,
    children: bool,
) -> None:
    """Run *program*, with little patience, and visit its lines."""
    module: Any = importlib.import_module(f"ipc_examples.{program}")
    vars(module).update(patience(program, failing=children))
    sys.argv = [f"{program}.py", *arguments]
    os._exit = posix._exit  # no coverage to save: it cannot trace as well
    strike.visit_lines(str(FILES[program]), visit, children=children)
    sys.exit(module.main())


def visited(
    program: str,
    visit: Callable[[int], None],
    *,
    children: bool,
    strict: bool = False,
) -> Ended:
    """Return what is left of *program* after a visit at each line."""
    with arguments_of(program) as arguments:
        action = partial(run, program, arguments, visit, children=children)
        with Running(action, stdin=STDIN, strict=strict) as running:
            return play(program, running)


def lines_of(
    program: str, number: int, *, children: bool
) -> list[tuple[int, int]]:
    """Return each line that a whole run executes, and a status.

    With that one the program shall end if the signal comes at that line.
    """
    reader, writer = os.pipe()

    def note(line: int) -> None:
        status = 128 + number
        if number == signal.SIGKILL or (
            signal.getsignal(number) == signal.SIG_DFL
        ):
            status = -number
        elif number in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            status = 0  # it comes too late, or only later
        os.write(writer, f"{line} {status}\n".encode())

    with open(reader) as notes:
        visited(program, note, children=children)
        os.close(writer)
        return [(int(line), int(end)) for line, end in map(str.split, notes)]


def strike_at(
    program: str, number: int, target: int, *, children: bool
) -> Ended:
    """Run *program*, and let a signal come at a line."""

    def hit(line: int) -> None:
        if line == target:  # ^C reaches all, another signal one alone
            process = 0 if number == signal.SIGINT else os.getpid()
            (os.killpg if process == 0 else os.kill)(process, number)

    strict = program in UNDISTURBED and number != signal.SIGKILL
    return visited(program, hit, children=children, strict=strict)


def faults_at_lines(
    program: str, number: int, *, children: bool
) -> Iterator[str]:
    """Yield what is wrong with how *program* ends."""
    lines = lines_of(program, number, children=children)
    assert lines
    for line, expected in sorted(set(lines)):
        try:
            status, _, err = ended = strike_at(
                program, number, line, children=children
            )
        except (TimeoutError, AssertionError) as error:
            yield f"line {line}: {error}"
            continue
        err = OF_LOGGING.sub("", err)
        quiet = re.fullmatch(rf"({program}: .*\n)*", err)
        fitting = status == expected
        if program in RECEIVING:
            fitting |= status == 130
        if expected == 0:
            fitting |= status == 128 + number
        if children:  # the parent may be told, or be gone, or be done
            fitting |= status in (0, 1, 128 + number)
        if not (quiet and fitting):
            yield f"line {line}: {ended}"
        if left := os.listdir():
            yield f"line {line}: left {left}"


@pytest.mark.fault("^C or SIGTERM at any line")
@every_signal
@pytest.mark.parametrize("program", PROGRAMS)
def test_ends_cleanly_at_every_line(
    program: str, number: signal.Signals
) -> None:
    faults = [*faults_at_lines(program, number, children=False)]
    assert not faults, "\n".join(faults)


@pytest.mark.fault("^C or SIGTERM at any line of a child")
@every_signal
@pytest.mark.parametrize("program", FORKING)
def test_ends_cleanly_at_every_line_of_a_child(
    program: str, number: signal.Signals
) -> None:
    faults = [*faults_at_lines(program, number, children=True)]
    assert not faults, "\n".join(faults)


@pytest.mark.fault("a child killed before, during and after its message")
@pytest.mark.parametrize("program", FORKING)
def test_child_killed_at_every_line(program: str) -> None:
    faults = [*faults_at_lines(program, signal.SIGKILL, children=True)]
    assert not faults, "\n".join(faults)


@pytest.mark.fault("a parent killed before its child ends")
@pytest.mark.parametrize("program", FORKING)
def test_parent_killed_at_every_line(program: str) -> None:
    faults = [*faults_at_lines(program, signal.SIGKILL, children=False)]
    assert not faults, "\n".join(faults)
