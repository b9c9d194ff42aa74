"""What processes do at this moment: for the messages of failed tests."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
DUMP_SIGNAL = signal.SIGUSR2  # lets a process write to stderr where it is
FRAME = re.compile(rb'^  File "(.+)", line (\d+) in (\S+)$', re.MULTILINE)
# What was done to each program of this test, and what it did.
STORIES: list[list[str]] = []
STATES = {
    "R": "runs",
    "S": "waits",
    "D": "waits, deaf to signals,",
    "T": "is stopped",
    "t": "is traced, and stopped",
    "Z": "has ended, but its parent has not waited for it",
}


def install_stack_dump() -> None:
    """Let this process, and its children, say where they are when asked."""
    faulthandler.register(DUMP_SIGNAL, 2, all_threads=False)


def source_line(file: str | Path, number: int) -> str:
    """Return a line of a program as its reader finds it: PIPE.PY:7: TEXT."""
    lines = Path(file).read_text("utf-8").splitlines()
    text = lines[number - 1].strip() if number <= len(lines) else ""
    return f"{Path(file).name}:{number}: {text}"


def describe_processes(
    group: int, read_errors: Callable[[], bytes]
) -> tuple[list[str], bytes]:
    """Return a line for each process of *group*: which, its state, where.

    :param read_errors: returns what they have written to standard error
    :returns: the lines, and what else was found on standard error
    """
    lines = []
    others = read_errors()
    for pid, state, command in members(group):
        parent = pid == group
        role = "the parent" if parent else name_of(pid, command)
        doing = STATES.get(state, state)
        if state == "Z" and parent:
            doing = "has ended"
        line = f"process {pid}, {role}, {doing}"
        if state in "RSD" and DUMP_SIGNAL in signals_of(pid, "Cgt"):
            os.kill(pid, DUMP_SIGNAL)
            stderr = read_errors()
            line += innermost_line(stderr)
            others += stderr.partition(b"Stack (most recent call first)")[0]
        lines.append(line)
    return lines, others


def members(
    group: int, *, session: bool = False
) -> Iterator[tuple[int, str, str]]:
    """Yield the processes of a group by number: number, state, command.

    :param session: whether *group* is the number of a session instead
    """
    if sys.platform != "linux":
        return
    for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdecimal()):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
            state, _, *groups = stat.read().rpartition(") ")[2].split()
            if int(groups[session]) == group:
                command = Path(f"/proc/{pid}/comm").read_text("utf-8")
                yield pid, state, command.strip()


def name_of(pid: int, command: str) -> str:
    """Return the name of another process than the parent."""
    with contextlib.suppress(OSError):
        if os.readlink(f"/proc/{pid}/exe") != os.readlink("/proc/self/exe"):
            return command
    return "a child"


def signals_of(pid: int, what: str) -> set[int]:
    """Return the signals that a process blocks, catches or ignores.

    :param what: "Blk", "Cgt" or "Ign"
    """
    with (
        contextlib.suppress(OSError),
        open(f"/proc/{pid}/status", encoding="utf-8") as status,
    ):
        mask = re.search(rf"^Sig{what}:\s*(\w+)$", status.read(), re.MULTILINE)
        if mask:
            return {n + 1 for n in range(64) if int(mask[1], 16) >> n & 1}
    return set()


def innermost_line(stderr: bytes) -> str:
    """Return the innermost line of a program in what a process told."""
    frames = FRAME.findall(stderr)
    ours = [f for f in frames if b"/ipc_examples/" in f[0]] or frames
    for file, number, function in ours[:1]:
        path = file.decode(errors="backslashreplace")
        if os.path.exists(path):
            line = source_line(path, int(number))
            return f" in {function.decode()}(), {line}"
    return ""
