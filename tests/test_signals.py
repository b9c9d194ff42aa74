"""^C and SIGTERM at every line that a program executes."""

from __future__ import annotations

import contextlib
import os
import re
import runpy
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import pytest
import strike
from peers import peer_of, send_to
from programs import (
    FILES,
    PROGRAMS,
    RECEIVING,
    ROOT,
    SENDING,
    Ended,
    Running,
    command_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIN = b"one\ntwo\nthree\n"  # for those who read it

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


def lines_of(program: str, number: int) -> list[tuple[int, int]]:
    """Return each line that a whole run executes, and a status.

    With that one the program shall end if the signal comes at that line.
    """
    reader, writer = os.pipe()
    file = str(FILES[program])

    def note(line: int) -> None:
        status = 128 + number
        if signal.getsignal(number) == signal.SIG_DFL:
            status = -number
        elif number in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            status = 0  # it comes too late
        os.write(writer, f"{line} {status}\n".encode())

    def run() -> None:
        sys.argv = [file, *arguments]
        strike.visit_lines(file, note)
        runpy.run_path(file, run_name="__main__")

    with open(reader) as notes:
        with (
            arguments_of(program) as arguments,
            Running(run, stdin=STDIN, strict=False) as running,
        ):
            os.close(writer)
            play(program, running)
        return [(int(line), int(end)) for line, end in map(str.split, notes)]


def strike_at(program: str, number: int, line: int) -> Ended:
    """Run *program*, in a new interpreter as its user would, and strike."""
    script = str(ROOT / "tests" / "strike.py")
    file = str(FILES[program])
    with arguments_of(program) as arguments:
        command = [sys.executable, "-I", script, str(number), str(line), file]

        def run() -> None:
            os.execv(sys.executable, [*command, *arguments])  # noqa: S606

        with Running(run, stdin=STDIN, strict=False) as struck:
            return play(program, struck)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", PROGRAMS)
def test_ends_cleanly_at_every_line(
    program: str, number: signal.Signals
) -> None:
    faults = []
    lines = lines_of(program, number)
    assert lines
    for line, expected in lines:
        try:
            status, _, err = ended = strike_at(program, number, line)
        except TimeoutError as error:
            faults.append(f"line {line}: {error}")
        else:
            quiet = re.fullmatch(rf"({program}: .*\n)*", err)
            after_control_c = program in RECEIVING and status == 130
            if not (quiet and (status == expected or after_control_c)):
                faults.append(f"line {line}: {ended}")
        if left := os.listdir():
            faults.append(f"line {line}: left {left}")
    assert not faults, "\n".join(faults)
