r"""A terminal's own signals: ^C, ^\ and hanging up.

Others are sent by test_signals.py. Here a real pseudo-terminal sends them, to
whom it chooses, while a program waits.
"""

from __future__ import annotations

import os
import pty
import re
import resource
import select
import shlex
import shutil
import signal
import sys
from typing import Self

import pytest

from tests.harness.catalogue import (
    EXECUTING,
    FILES,
    PROGRAMS,
    SERVERS,
    STANDALONE,
    own_arguments,
    source,
)
from tests.harness.fault_groups import FaultGroup
from tests.harness.process_states import STATES, STORIES, members
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    Status,
    abbreviated,
    main_of,
    short_waits,
    wait_until_blocked,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
READING = [p for p in PROGRAMS if re.search(r"\bstdin\b|\bopen\(0", source(p))]
WAITING = sorted({*SERVERS, *READING, *EXECUTING})
WITH_A_FILE = [p for p in SERVERS if "socket.AF_UNIX" in source(p)]
AHEAD = {"skeleton": 2}  # lines that it takes before it answers the first
ECHOES = {b"", b"^C", b"^\\"}  # it may be lost when the program dies
BASH = shutil.which("bash") or ""

fault = pytest.mark.fault
needs_bash = pytest.mark.skipif(not BASH, reason="needs bash")


class Terminal:
    """A program in a pseudo-terminal of its own, which it controls."""

    def __init__(self, *command: str) -> None:
        self.screen = b""
        self.alive, held = os.pipe()  # at its end when all have ended
        self.pid, self.keyboard = pty.fork()
        if self.pid == 0:
            try:
                os.set_inheritable(held, True)
                as_at_login()
                os.execv(command[0], command)  # noqa: S606
            finally:
                os._exit(127)
        os.close(held)
        self.story = [f"{shlex.join(command)} was started in a terminal"]
        STORIES.append(self.story)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in {self.alive, self.keyboard} - {-1}:
            os.close(descriptor)
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def press(self, keys: str) -> None:
        self.story.append(f"typed: {keys!r}")
        os.write(self.keyboard, keys.encode())

    def expect(self, pattern: bytes) -> None:
        """Wait until the screen shows something, and forget what came before.

        :raises TimeoutError: if it does not
        """
        __tracebackhide__ = True
        while not (match := re.search(pattern, self.screen)):
            if not self.await_input(self.keyboard) or not self.read():
                raise TimeoutError(f"never shown: {pattern!r}")
        self.screen = self.screen[match.end() :]

    def read(self) -> bool:
        """Take in what appears; tell whether more may come."""
        try:
            seen = os.read(self.keyboard, 4096)
        except OSError:  # nobody has the other end open any more
            return False
        self.screen += seen
        self.story.append(f"shown: {abbreviated(seen)}")
        return bool(seen)

    def hang_up(self) -> None:
        """Close the terminal."""
        os.close(self.keyboard)
        self.keyboard = -1
        self.story.append("the terminal was closed")

    def finish(self) -> Status:
        """Wait until all its processes have ended; return the first's status.

        :raises TimeoutError: one of them has not in time
        """
        __tracebackhide__ = True
        more = self.keyboard >= 0
        while more and self.await_input(self.keyboard):
            more = self.read()
        if more or not self.await_input(self.alive):
            raise TimeoutError(self.describe_processes())
        pid, self.pid = self.pid, 0
        return Status(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    def await_input(self, descriptor: int) -> bool:
        return bool(select.select([descriptor], [], [], DEADLINE)[0])

    def describe_processes(self) -> str:
        lines = [
            f"process {pid}, {name}, {STATES.get(state, state)}"
            for pid, state, name in members(self.pid, session=True)
        ]
        lines.insert(0, f"waited {DEADLINE:g} s for the end of all processes")
        return "\n".join(lines)


def as_at_login() -> None:
    """Undo, in a new process, what the tests do to signals."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def command_of(program: str) -> list[str]:
    """Return a command by which *program* waits until it is ended."""
    arguments = own_arguments(program)
    if program in EXECUTING:
        arguments = ["cat"] * len(arguments)
    return [sys.executable, str(FILES[program]), *arguments]


def await_waiting(program: str, terminal: Terminal) -> None:
    """Wait until *program* has begun, and waits."""
    if program not in SERVERS:
        lines = "one\n" * (AHEAD.get(program, 0) + 1)
        terminal.press(lines)
        terminal.expect(lines.replace("\n", "\r\n").encode())  # their echo
    terminal.expect(rb"\r\n")
    await_all_waiting(terminal)


def await_all_waiting(terminal: Terminal) -> None:
    """Wait until each process in a terminal waits in a system call.

    A signal that comes a moment before such a call does not end it: Python's
    handlers run after it.
    """
    for pid, *_ in members(terminal.pid, session=True):
        wait_until_blocked(pid)


@fault(FaultGroup.TERMINAL, "^C in a shell's loop")
@needs_bash
@pytest.mark.parametrize("program", WAITING)
def test_one_control_c_ends_a_loop(program: str) -> None:
    """A program that exits instead of dying lets the loop go on."""
    command = shlex.join(command_of(program))
    loop = f"for i in 1 2 3; do {command}; done; echo The loop is done"
    with Terminal(BASH, "-c", loop) as terminal:
        await_waiting(program, terminal)
        terminal.press("\x03")
        assert terminal.finish() == -signal.SIGINT
        assert terminal.screen in ECHOES
        assert_left_nothing()


@pytest.mark.parametrize("program", sorted({*STANDALONE} - {*WAITING}))
def test_no_other_program_waits_for_input(program: str) -> None:
    inlet, feed = os.pipe()

    def start() -> None:
        os.dup2(inlet, 0)  # where nothing ever comes
        main_of(program, *own_arguments(program), **short_waits(program))()

    with RunningProgram(start, name=program) as running:
        assert running.finish().status == 0
    os.close(inlet)
    os.close(feed)


def assert_left_nothing() -> None:
    """See that a program has left no file, neither its socket nor a dump."""
    __tracebackhide__ = True
    if left := os.listdir():
        for name in left:
            os.unlink(name)
        pytest.fail(f"left behind: {', '.join(left)}")


@fault(FaultGroup.TERMINAL, "its terminal is closed")
@pytest.mark.parametrize("program", WITH_A_FILE)
def test_closing_its_terminal_leaves_no_file(program: str) -> None:
    with Terminal(*command_of(program)) as terminal:
        terminal.expect(rb"socket\r\n")
        await_all_waiting(terminal)
        terminal.hang_up()
        assert terminal.finish() == -signal.SIGHUP
        assert_left_nothing()


@fault(FaultGroup.TERMINAL, "its terminal is closed")
@needs_bash
@pytest.mark.parametrize("keys", ["", "\x1a"], ids=["at work", "after ^Z"])
@pytest.mark.parametrize("program", WITH_A_FILE)
def test_closing_its_shells_terminal_leaves_no_file(
    program: str, keys: str
) -> None:
    with Terminal(BASH, "--norc") as terminal:
        terminal.press(f"{shlex.join(command_of(program))}\n")
        terminal.expect(rb"socket\r\n")
        await_all_waiting(terminal)
        if keys:
            terminal.press(keys)
            terminal.expect(rb"Stopped")
        terminal.hang_up()
        terminal.finish()
        assert_left_nothing()


@fault(FaultGroup.TERMINAL, "^C or ^\\ while it waits")
@pytest.mark.parametrize("keys", ["\x03", "\x1c"], ids=["^C", "^backslash"])
@pytest.mark.parametrize("program", WAITING)
def test_keys_end_all_its_processes(program: str, keys: str) -> None:
    number = signal.SIGINT if keys == "\x03" else signal.SIGQUIT
    with Terminal(*command_of(program)) as terminal:
        await_waiting(program, terminal)
        terminal.press(keys)
        assert terminal.finish() == -number
        assert terminal.screen in ECHOES
        assert_left_nothing()
