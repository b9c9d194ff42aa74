"""Runs programs under strace, and reads what it saw."""

from __future__ import annotations

import ast
import math
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Which of them a program makes depends on the libc and on the machine.
NAMES = {
    "accept4": "accept",
    "clone": "fork",
    "clone3": "fork",
    "dup3": "dup2",
    "epoll_create1": "epoll_create",
    "epoll_pwait": "epoll_wait",
    "exit_group": "exit",
    "mknod": "mkfifo",
    "mknodat": "mkfifo",
    "newfstatat": "stat",
    "pipe2": "pipe",
    "ppoll": "poll",
    "pselect6": "select",
    "unlinkat": "unlink",
    "vfork": "fork",
    "rt_sigtimedwait": "sigwait",
    "wait4": "wait",
}
WITHOUT_ADDRESS = (
    ("recvfrom", "recv", ", NULL, NULL"),
    ("sendto", "send", ", NULL, 0"),
)
CALLS = (
    "accept",
    "accept4",
    "bind",
    "clone",
    "clone3",
    "close",
    "connect",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "execve",
    "exit_group",
    "fcntl",
    "fork",
    "getsockname",
    "kill",
    "listen",
    "mknod",
    "mknodat",
    "newfstatat",
    "openat",
    "pidfd_open",
    "pipe",
    "pipe2",
    "poll",
    "ppoll",
    "pselect6",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "restart_syscall",
    "rt_sigtimedwait",
    "select",
    "sendmsg",
    "sendto",
    "shutdown",
    "socket",
    "socketpair",
    "stat",
    "unlink",
    "unlinkat",
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
DEATH = re.compile(r"(?P<start>\d+\.\d+) \+\+\+ killed by (?P<signal>\w+)\b.*")
STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"')
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

    @cached_property
    def descriptors(self) -> list[int]:
        """Its descriptors; a message alone has some behind the data."""
        shown = self.arguments
        if not self.name.endswith("msg"):
            shown = shown.partition('"')[0]
        return [int(number) for number in DESCRIPTOR.findall(shown)]

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
    line, quiet, last = None, 0, None
    for row in text.splitlines():
        call = as_call(row)
        if call is None:
            continue
        if last:
            # strace's own figure leaves out the time that it takes itself.
            last.end = call.start
            # Untraced, a signal that is ignored interrupts nothing.
            if not (call.name == "SIGCHLD" and last.rest.startswith("EINTR")):
                yield last
            last = None
        announced = re.search(r'"@(\w+):?(\d*)"', call.arguments)
        if call.name == "stat" and announced:
            quiet += {"quiet": 1, "loud": -1}.get(announced[1], 0)
            line = int(announced[2]) if announced[2] else line
        elif call.name != "stat" and not quiet:
            call.line = line
            if ":[" in call.arguments:  # long data is rarely so
                call.arguments = NAMED.sub(r"\1\2", call.arguments)
            last = call
            if call.name == "execve" and call.result == 0:
                line = None  # another program, of which no line is known
    if last:
        yield last


def as_call(row: str) -> Call | None:
    """Return the call that a row of strace's output shows, if it is one."""
    if match := SIGNAL.fullmatch(row):
        return Call(float(match["start"]), match["signal"])
    if match := DEATH.fullmatch(row):
        return Call(float(match["start"]), "killed", match["signal"])
    if match := LINE.fullmatch(row):
        return Call(
            float(match["start"]),
            name_of(match["call"], match["arguments"]),
            match["arguments"],
            None if match["result"] == "?" else int(match["result"]),
            match["rest"].strip(),
        )
    return None


def name_of(call: str, arguments: str) -> str:
    """Return the name that a call has in programs.

    Where the system has no ``send`` and ``recv`` of its own, the library calls
    ``sendto`` and ``recvfrom`` without an address.
    """
    for with_address, without, end in WITHOUT_ADDRESS:
        if call == with_address and arguments.endswith(end):
            return without
    return NAMES.get(call, call)


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


def command() -> list[str]:
    """Return the command that traces a program, without where to write.

    :raises Unrecordable: if there is no strace, or it may not trace
    """
    strace = shutil.which("strace")
    if not strace:
        raise Unrecordable("strace is not installed")
    tried = subprocess.run(
        [strace, "-o", os.devnull, "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        raise Unrecordable(tried.stderr.splitlines()[0])
    options = ["-ff", "-yy", "-ttt", "-s", "65536"]
    return [strace, *options, "-e", f"trace=?{',?'.join(CALLS)}"]
