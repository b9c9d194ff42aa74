"""Runs a transcript in pseudo-terminals, as its reader would."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shutil
import signal
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pexpect
import psutil

from ipcdocs.transcript.syntax import SIGNALS, Kind, Line
from tests.harness.on_terminal import SHELL, OnTerminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ipcdocs.transcript.syntax import Transcript

DEADLINE = 10.0
BUSY_TIMEOUT = 1.0  # with a program that works on, before a key or a command
MARK = "# end"
PROMPT = "$ "
ROOT = Path(__file__).parents[2]


class TranscriptMismatch(Exception):  # noqa: N818 - between a page and a terminal
    """A transcript did not happen as the page shows it."""


class UnexpectedOutput(Exception):  # noqa: N818 - the reason for a difference
    """A terminal did not show what was expected of it."""


def run(
    transcript: Transcript,
    page: str,
    deadline: float = DEADLINE,
    python: Path | None = None,
) -> dict[str, str]:
    """Run a transcript and return what its samples stood for.

    :param transcript: what to type, and what to expect
    :param page: the path that the message of a difference begins with
    :param deadline: how many seconds each line may take to appear
    :param python: a folder whose ``python`` to run instead of this one
    :raises TranscriptMismatch: something else happened
    """
    with (
        # The usual folder for temporary files is, on macOS, too long a path
        # for the name of a socket.
        tempfile.TemporaryDirectory(prefix="ipc-", dir="/tmp") as folder,
        contextlib.ExitStack() as stack,
    ):
        env = environment(Path(folder), python)
        programs = transcript.programs()
        for program in programs:
            shutil.copy(program, env["HOME"])
        terminals = {
            name: stack.enter_context(Terminal(name, env, deadline))
            for name in transcript.terminals()
        }
        performance = TranscriptRun(transcript, page, terminals)
        performance.play()
        given = {program.name for program in programs}
        if left := sorted(set(os.listdir(env["HOME"])) - given):
            line = transcript.blocks[0].number
            raise TranscriptMismatch(
                f"{page}:{line}: left behind: {', '.join(left)}"
            )
        return performance.values


def environment(folder: Path, python: Path | None) -> dict[str, str]:
    """Return a reader's environment, with an empty home in a folder."""
    home = folder / "home"
    home.mkdir()
    path = [
        str(python or python_folder(folder)),
        os.environ.get("PATH", os.defpath),
    ]
    return {
        "HISTFILE": os.devnull,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join(path),
        "PS1": PROMPT,
        "PS2": "> ",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
    }


def python_folder(folder: Path) -> Path:
    """Find or make a folder in which ``python`` is this interpreter."""
    python = Path(sys.executable).with_name("python")
    if not python.exists() or not python.samefile(sys.executable):
        python = folder / "bin" / "python"
        python.parent.mkdir()
        python.symlink_to(sys.executable)
    return python.parent


class Terminal:
    """A shell in a pseudo-terminal.

    What it has shown that nobody has expected yet is *unread*.
    """

    def __init__(
        self, name: str, env: Mapping[str, str], deadline: float
    ) -> None:
        self.name = name or "Terminal"
        self.deadline = deadline
        self.unread = ""
        self.prompted = False
        self.signalled = False
        self.started = OnTerminal(
            [SHELL, "+o", "emacs"],  # the terminal echoes, not the shell
            cwd=env["HOME"],
            env={**env, "TERMINAL": name},
            # On ^C it keeps its output, as a screen does.
            modes={termios.NOFLSH: True},
            columns=200,
        )
        self.pid = self.started.process.pid
        self.shell = self.started.screen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill whatever still runs in the terminal, and reap the shell."""
        while running := session(self.pid):
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        # On macOS a process ends only when its output has been read.
        self.shell.expect(pexpect.EOF)
        self.started.end()

    def type(self, command: str) -> None:
        """Type a command at the prompt."""
        self.expect_prompt()
        self.prompted = False
        first, *more = command.split("\n")
        self._type_line(first)
        for line in more:
            self.expect("", "> ")
            self._type_line(line)

    def _type_line(self, line: str) -> None:
        self.shell.send(line + "\n")
        self.expect(re.escape(line))

    def press(self, key: str) -> None:
        """Press a control key; if it sends a signal, await its echo.

        As a reader would, send a signal once the program waits, unless it
        never does. The echo comes after the signal, and so perhaps after
        output of the program. Then a new line may begin, or not.
        """
        if key in SIGNALS:
            self.wait_while_busy()
        self.shell.send(chr(ord(key[1]) & 0x1F))
        if key in SIGNALS:
            limit = time.monotonic() + self.deadline
            while key not in self.unread:
                self._read_until(limit)
            abbreviated = self.unread.replace(key, "", 1)
            self.unread, self.signalled = "", True
            self._show(abbreviated)

    def wait_while_busy(self) -> None:
        """Wait until each process here waits for something, but not long."""
        limit = time.monotonic() + BUSY_TIMEOUT
        while is_busy(self.pid) and time.monotonic() < limit:
            time.sleep(0.001)  # there is no event for it

    def expect_prompt(self) -> None:
        """Wait for the prompt, unless it is there already."""
        if not self.prompted:
            self.expect("", PROMPT)
            self.prompted = True

    def expect(self, pattern: str, end: str = "\n") -> re.Match[str]:
        """Wait for an end; what comes before it must match a pattern.

        :raises UnexpectedOutput: it does not, or no end comes in time
        """
        limit = time.monotonic() + self.deadline
        while end not in self.unread:
            if "\n" in self.unread or self.unread == PROMPT:
                raise UnexpectedOutput("shows something else")
            self._read_until(limit)
        text, _, rest = self.unread.partition(end)
        match = re.fullmatch(pattern, text)
        if not match:
            raise UnexpectedOutput("shows something else")
        self.unread = rest
        return match

    def expect_rest(self) -> None:
        """Wait until the shell is alone, and has nothing more to show.

        :raises UnexpectedOutput: it shows more, or a program still runs
        """
        try:
            self.expect_prompt()
        except UnexpectedOutput:
            if self.unread:
                raise
            raise UnexpectedOutput(
                "still running at the end of the transcript"
            ) from None
        limit = time.monotonic() + self.deadline
        while session(self.pid) != [self.pid]:
            if time.monotonic() > limit:
                raise UnexpectedOutput("has left a process running")
            self.read(0.01)
        # A key's echo comes after all that was shown before.
        self.shell.send(MARK)
        self.expect("", MARK)

    def rest(self) -> list[str]:
        """Return the unread rows, readable, after a moment for more."""
        limit = time.monotonic() + 1
        with contextlib.suppress(UnexpectedOutput):
            while time.monotonic() < limit and self.read(0.1):
                pass
        text = self.unread.removesuffix(MARK)
        rows = text.removesuffix("\n").split("\n")
        return [readable(row) for row in rows if text]

    def _read_until(self, limit: float) -> None:
        if not self.read(limit - time.monotonic()):
            raise UnexpectedOutput(
                f"shows nothing more for {self.deadline:g} s"
            )

    def read(self, seconds: float) -> bool:
        """Take in what appears next, if anything does.

        :returns: True if anything has appeared
        :raises UnexpectedOutput: the terminal has ended
        """
        try:
            abbreviated = self.shell.read_nonblocking(4096, max(seconds, 0))
        except pexpect.TIMEOUT:
            return False
        except pexpect.EOF:
            raise UnexpectedOutput("has ended") from None
        self._show(abbreviated)
        return True

    def _show(self, text: str) -> None:
        # macOS shows ^D and moves back over it.
        text = (self.unread + text).replace("^D\b\b", "")
        text = text.replace("\r\n", "\n")
        if self.signalled and text:
            text = text.removeprefix("\n")
            self.signalled = False
        self.unread = text


def readable(row: str) -> str:
    """Show the prompt as the page does, and make the unseen visible."""
    if row == PROMPT:
        return "$"
    return re.sub(
        r"[\x00-\x1f\x7f]| (?= *$)", lambda seen: f"\\x{ord(seen[0]):02x}", row
    )


def session(leader: int) -> list[int]:
    """List the processes of a session that have not ended."""
    found = []
    for process in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if (
                os.getsid(process) == leader
                and psutil.Process(process).status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    return found


def is_busy(leader: int) -> bool:
    """Return True if a process of a session does not wait for anything."""
    for process in session(leader):
        with contextlib.suppress(psutil.Error):
            if psutil.Process(process).status() != psutil.STATUS_SLEEPING:
                return True
    return False


class TranscriptRun:
    """One run of a transcript; *values* is what its samples stand for."""

    def __init__(
        self,
        transcript: Transcript,
        page: str,
        terminals: Mapping[str, Terminal],
    ) -> None:
        self.transcript = transcript
        self.page = page
        self.terminals = terminals
        self.values: dict[str, str] = {}
        self.seen: list[tuple[str, Line]] = []

    def play(self) -> None:
        """Do or expect each line in its turn, and then the end."""
        for name, line in self.transcript.lines():
            with self.reported(name, line):
                self.step(self.terminals[name], line)
            self.seen.append((name, line))
        for name, line in dict(self.transcript.lines()).items():
            with self.reported(name, line):
                self.terminals[name].expect_rest()

    def step(self, terminal: Terminal, line: Line) -> None:
        """Do or expect what one line shows.

        A reader comes to the next command when the programs in the other
        terminals wait: so who waits for whom is no matter of chance.
        """
        if line.kind is Kind.COMMAND:
            for other in self.terminals.values():
                if other is not terminal:
                    other.wait_while_busy()
            terminal.type(self.transcript.substitute(line.text, self.values))
        elif line.kind is Kind.KEY:
            terminal.press(line.text)
        elif line.kind is Kind.PROMPT:
            terminal.expect_prompt()
        else:
            self.expect(terminal, line.text)

    def expect(self, terminal: Terminal, text: str) -> None:
        """Expect a line of output, and bind the samples that are new."""
        groups: dict[str, str] = {}
        pattern = ""
        for i, part in enumerate(self.transcript.split(text)):
            if i % 2 == 0:
                pattern += re.escape(part)
            elif part in self.values:
                pattern += re.escape(self.values[part])
            elif part in groups:
                pattern += f"(?P={groups[part]})"
            else:
                groups[part] = f"sample{i}"
                pattern += f"(?P<sample{i}>{self.transcript.varying[part]})"
        match = terminal.expect(pattern)
        self.values |= {part: match[name] for part, name in groups.items()}

    @contextlib.contextmanager
    def reported(self, name: str, line: Line) -> Iterator[None]:
        """Turn a mismatch into a difference from the page.

        :raises TranscriptMismatch: instead of UnexpectedOutput
        """
        try:
            yield
        except UnexpectedOutput as reason:
            raise TranscriptMismatch(self.report(name, line, reason)) from None

    def report(self, name: str, line: Line, reason: UnexpectedOutput) -> str:
        """Return a diff of a terminal and the page, and the place of it."""
        terminal = self.terminals[name]
        expected = self.rows(name, self.transcript.lines())
        expected += [] if expected[-1] == "$" else ["$"]
        actual = [*self.rows(name, self.seen), *terminal.rest()]
        diff = difflib.unified_diff(
            expected, actual, "page", "terminal", lineterm="", n=len(expected)
        )
        head = f"{self.page}:{line.number}: {terminal.name} {reason}"
        return "\n".join([head, *diff, *self.elsewhere(name)])

    def rows(self, name: str, lines: Iterable[tuple[str, Line]]) -> list[str]:
        """Return those of the lines that are in a terminal, as rows."""
        abbreviated = [line.shown() for where, line in lines if where == name]
        text = self.transcript.substitute("\n".join(abbreviated), self.values)
        return [readable(row) for row in text.split("\n") if abbreviated]

    def elsewhere(self, name: str) -> Iterator[str]:
        """Yield the lines of other terminals that nobody expected."""
        for other, terminal in self.terminals.items():
            if other != name and (rest := terminal.rest()) not in ([], ["$"]):
                yield f"{terminal.name} shows besides:"
                yield from rest
