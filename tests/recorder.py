"""Records what the programs of a transcript ask of the system.

``python tests/recorder.py [NAME ...]`` runs the transcripts that have the
option ``record``, or those that are named, with every ``python`` under strace,
and writes ``docs/recordings/NAME.json``. ``docs/_ext/recording.py`` describes
that file.
"""

from __future__ import annotations

import ast
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pages
import terminals
import transcript
from interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recording import Recording

PROGRAMS = terminals.ROOT / "ipc_examples"
RECORDINGS = pages.DOCS / "recordings"
ANNOUNCE = Path(__file__).with_name("announce.py")
NAMES = {
    "accept4": "accept",
    "clone": "fork",
    "clone3": "fork",
    "dup3": "dup2",
    "epoll_create1": "epoll_create",
    "exit_group": "exit",
    "newfstatat": "stat",
    "pipe2": "pipe",
    "pselect6": "select",
    "vfork": "fork",
    "wait4": "wait",
}
CALLS = (
    "accept4",
    "bind",
    "clone",
    "clone3",
    "close",
    "connect",
    "dup2",
    "dup3",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "execve",
    "exit_group",
    "fork",
    "getsockname",
    "kill",
    "listen",
    "newfstatat",
    "openat",
    "pipe2",
    "poll",
    "pselect6",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "select",
    "sendmsg",
    "sendto",
    "shutdown",
    "socket",
    "socketpair",
    "stat",
    "unlink",
    "vfork",
    "wait4",
    "waitid",
    "write",
    "writev",
)
LINE = re.compile(
    r"(?P<start>\d+\.\d+) (?P<call>\w+)\((?P<arguments>.*)\)\s+= "
    r"(?P<result>-?\d+|\?)(?P<rest>.*)"
)
SIGNAL = re.compile(r"(?P<start>\d+\.\d+) --- (?P<signal>SIG\w+) .*---")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
DESCRIPTOR = re.compile(r"(\d+)<")
NAMED = re.compile(r'(\d+<[\w-]+:\[)[^]]*"[^]]*(\])')  # by strace, not by us


class Unrecordable(Exception):  # noqa: N818 - the reason, not the error
    """There is no strace here, or it may not trace."""


@dataclass
class Call:
    """A call as strace shows it, or a signal; times are in seconds."""

    start: float
    name: str
    arguments: str = ""
    result: int | None = None
    rest: str = ""
    line: int | None = None
    end: float = math.inf

    @property
    def broken_off(self) -> bool:
        """Whether a signal interrupted it, and it was made once more."""
        return "(" in self.rest and "ERESTART" in self.rest

    @property
    def descriptors(self) -> list[int]:
        return [int(number) for number in DESCRIPTOR.findall(self.arguments)]

    @property
    def strings(self) -> list[bytes]:
        return [self.unquoted(text) for text in STRING.findall(self.arguments)]

    @staticmethod
    def unquoted(text: str) -> bytes:
        quoted: bytes = ast.literal_eval(f'b"{text}"')
        return quoted


@dataclass
class Traced:
    """What strace saw of one process."""

    pid: int
    terminal: str
    calls: list[Call] = field(default_factory=list)


def parse(text: str) -> Iterator[Call]:
    """Yield the calls of a process, each with its line of the program."""
    line, quiet, last = None, False, None
    for row in text.splitlines():
        call = as_call(row)
        if call is None:
            continue
        if last:
            # strace's own figure leaves out the time that it takes itself.
            last.end = call.start
            yield last
            last = None
        announced = re.search(r'"@(\w+):?(\d*)"', call.arguments)
        if call.name == "stat" and announced:
            quiet = announced[1] == "quiet"
            line = int(announced[2]) if announced[2] else line
        elif call.name != "stat" and not quiet:
            call.line = line
            last = call
    if last:
        yield last


def as_call(row: str) -> Call | None:
    """Return what a row of strace's output shows, if that is a call."""
    if match := SIGNAL.fullmatch(row):
        return Call(float(match["start"]), match["signal"])
    if match := LINE.fullmatch(row):
        return Call(
            float(match["start"]),
            NAMES.get(match["call"], match["call"]),
            NAMED.sub(r"\1\2", match["arguments"]),
            None if match["result"] == "?" else int(match["result"]),
            match["rest"].strip(),
        )
    return None


def trace(
    parsed: transcript.Transcript, page: str
) -> tuple[list[Traced], dict[str, str]]:
    """Run a transcript under strace.

    Returns its processes, the first to begin first, and its samples.

    :raises Unrecordable: if there is no strace, or it may not trace
    :raises terminals.Difference: if something else happens
    """
    strace = shutil.which("strace")
    if not strace:
        raise Unrecordable("strace is not installed")
    check(strace)
    with tempfile.TemporaryDirectory(prefix="ipc-", dir="/tmp") as folder:
        bin_, out = Path(folder, "bin"), Path(folder, "out")
        bin_.mkdir()
        out.mkdir()
        python = bin_ / "python"
        traced = [strace, "-ff", "-yy", "-ttt", "-s", "65536"]
        traced += ["-e", f"trace=?{',?'.join(CALLS)}"]
        python.write_text(
            f'#!/bin/sh\nexec {shlex.join(traced)} -o "{out}/$TERMINAL."'
            f' {shlex.join([sys.executable, str(ANNOUNCE)])} "$@"\n'
        )
        python.chmod(0o755)
        values = terminals.run(parsed, page, python=bin_)
        found = []
        for file in out.iterdir():
            terminal, _, pid = file.name.partition("..")
            calls = list(parse(file.read_text("utf-8")))
            found.append(Traced(int(pid), terminal, calls))
    samples = {value: sample for sample, value in values.items()}
    return in_order(found), samples


def in_order(traced: list[Traced]) -> list[Traced]:
    """Sort processes by the time at which they were started or forked."""
    forks = {
        call.result: call.start
        for each in traced
        for call in each.calls
        if call.name == "fork"
    }
    return sorted(
        traced, key=lambda each: forks.get(each.pid, each.calls[0].start)
    )


def record(page: str, block: pages.Block) -> Recording:
    """Return a recording of a transcript."""
    parsed = transcript.parse(block.text, block.line)
    traced, samples = trace(parsed, page)
    interpreter = Interpreter(traced)
    interpreter.run()
    return interpreter.recording(block.text, PROGRAMS, samples)


def recorded() -> dict[str, tuple[str, pages.Block]]:
    """Return each transcript that is recorded, by the recording's name."""
    return {
        name: (f"docs/{page}", block)
        for page, block in pages.blocks()
        if block.name == "{transcript}"
        and (name := transcript.parse(block.text, block.line).record)
    }


def check(strace: str) -> None:
    """Find out whether strace may trace."""
    tried = subprocess.run(
        [strace, "-o", os.devnull, "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        raise Unrecordable(tried.stderr.splitlines()[0])


def main() -> int:
    """Record; return the exit status."""
    found = recorded()
    for name in sys.argv[1:] or found:
        try:
            made = record(*found[name])
        except KeyError:
            print(f"record: no page has :record: {name}", file=sys.stderr)
            return 1
        except (Unrecordable, terminals.Difference) as error:
            print(f"record: {name}: {error}", file=sys.stderr)
            return 1
        file = RECORDINGS / f"{name}.json"
        file.write_text(made.dump(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
