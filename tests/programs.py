"""Finds the programs, and runs them for real at the price of a fork."""

from __future__ import annotations

import ast
import contextlib
import ctypes
import functools
import importlib
import os
import re
import runpy
import select
import shlex
import signal
import struct
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parent.parent
FILES = {file.stem: file for file in ROOT.glob("ipc_examples/[!_]*.py")}
PROGRAMS = sorted(FILES)
NOBODY = 65534  # the user and group of that name
STDIN = b"one\ntwo\nthree\n"  # for those who read it
DEADLINE = 10.0  # seconds, each time something is waited for

# A grandchild without a parent becomes our child: so we learn of it.
if sys.platform == "linux":
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def named(*endings: str, start: str = "") -> list[str]:
    """Return the programs whose names begin and end so."""
    return [p for p in PROGRAMS if p.startswith(start) and p.endswith(endings)]


def source(program: str) -> str:
    return FILES[program].read_text("utf-8")


@functools.cache
def calls_of(program: str) -> frozenset[str]:
    """Return what *program* calls: "print", "os.fork", "listener.bind"."""
    return frozenset(
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(source(program)))
        if isinstance(node, ast.Call)
    )


def making(*names: str) -> list[str]:
    """Return the programs that make one of these calls, on any object."""
    return [
        p
        for p in PROGRAMS
        if any(call.split(".")[-1] in names for call in calls_of(p))
    ]


FORKING = making("fork")
# Some talk to themselves, or to their children.
BINDING = making("bind", "create_server")
REACHING = making("connect", "create_connection", "sendto")
RECEIVING = [p for p in BINDING if p not in REACHING]  # wait for a peer
SENDING = [p for p in REACHING if p not in BINDING]  # need one that waits
FINISHING = [p for p in PROGRAMS if p not in RECEIVING + SENDING]


def command_line(program: str, **values: str) -> str:
    """Return how to run *program*, as its docstring says.

    A value takes the place of the word NAME or [NAME]; any other [NAME] is
    left out.
    """
    line = re.search(
        rf"^    (.*\bpython {program}\.py\b.*)$", source(program), re.MULTILINE
    )
    assert line, f"{program}'s docstring does not say how to run it"
    command = line[1]
    for name, value in values.items():
        command = re.sub(rf"\[{name}\]|\b{name}\b", value, command)
    return re.sub(r" \[[A-Z]+\]", "", command)


def own_arguments(program: str) -> list[str]:
    """Return arguments for a program that needs no peer, or waits for one."""
    line = command_line(program, COUNT="1").rpartition(" | ")[2]
    return shlex.split(line)[2:]


def run_file(program: str, *arguments: str) -> None:
    """Run *program* in this process, as Python runs a file."""
    file = FILES[program]
    sys.argv = [file.name, *arguments]
    runpy.run_path(str(file), run_name="__main__")


def main_of(
    program: str, *arguments: str, **names: object
) -> Callable[[], NoReturn]:
    """Import *program* now; return what runs it in this process.

    :param names: take the place of its own
    """
    module: Any = importlib.import_module(f"ipc_examples.{program}")

    def run() -> NoReturn:
        vars(module).update(names)
        sys.argv = [f"{program}.py", *arguments]
        sys.exit(module.main())

    return run


def patience(program: str, *, failing: bool = True) -> dict[str, object]:
    """Return what makes *program* wait less.

    :param failing: whether it will wait in vain; if not, it gets more time,
        however busy the machine is
    """
    module: Any = importlib.import_module(f"ipc_examples.{program}")
    if hasattr(module, "TRIES"):  # the first is always in vain
        return {"PATIENCE": 0.02, "TRIES": 5 if failing else 20}
    if program not in FORKING or not failing:
        return {}
    less = {"PATIENCE": 0.05, "TEN_SECONDS": struct.pack("ll", 0, 50_000)}
    return {name: less[name] for name in less if hasattr(module, name)}


class Ended(NamedTuple):
    """What is left of a program."""

    status: int  # -N if signal N ended it
    out: str
    err: str


class Stream:
    """What arrives from one of a program's outputs."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = b""
        self.ended = False

    def fill(self) -> None:
        data = os.read(self.descriptor, 65536)
        self.pending += data
        self.ended = not data

    def take(self, end: int | None = None) -> str:
        end = len(self.pending) if end is None else end
        taken, self.pending = self.pending[:end], self.pending[end:]
        return taken.decode()


class Running:
    """A program, or any action, in a process of its own.

    :param program: its name, or a function to call instead
    :param stdin: what its standard input holds, at most 64 KiB
    :param encoding: of its standard output
    :param replace: what to put in the place of its own names ("PATIENCE")
        or of a module's ("os.fork")
    :param strict: whether it is an error if the program leaves a descriptor
        open, or a child behind, or if a child runs on as its parent
    """

    def __init__(
        self,
        program: str | Callable[[], object],
        *arguments: str,
        stdin: bytes = b"",
        encoding: str = "utf-8",
        replace: Mapping[str, object] | None = None,
        strict: bool = True,
    ) -> None:
        self.strict = strict
        inlet, feed = os.pipe()
        out, childs_out = os.pipe()
        err, childs_err = os.pipe()
        os.write(feed, stdin)
        os.close(feed)
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(out)
                os.close(err)
                make_standard((inlet, childs_out, childs_err), encoding)
                action = action_of(program, arguments, replace or {})
                status = perform(action, strict=strict)
                print(end="", flush=True)
            except BaseException:  # noqa: BLE001 - nobody else would tell
                traceback.print_exc()
            finally:
                os._exit(status)
        with contextlib.suppress(PermissionError):  # it was the first
            os.setpgid(self.pid, self.pid)
        for descriptor in (inlet, childs_out, childs_err):
            os.close(descriptor)
        self.out, self.err = Stream(out), Stream(err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.out, self.err):
            os.close(stream.descriptor)
        # Somebody may be left, after a failed test.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.reap()

    def line(self) -> str:
        """Return the next line of standard output."""
        return self.next_line(self.out)

    def complaint(self) -> str:
        """Return the next line of standard error."""
        return self.next_line(self.err)

    def signal(self, number: int) -> None:
        """Send SIGINT to all, as ^C does; any other to the parent alone."""
        wait_until_blocked(self.pid)
        (os.killpg if number == signal.SIGINT else os.kill)(self.pid, number)

    def interrupt(self) -> Ended:
        """Press ^C once nothing is left to do, and wait for the end."""
        assert_idle(self.pid)
        self.signal(signal.SIGINT)
        return self.finish()

    def finish(self) -> Ended:
        """Wait until the program and all its children have ended."""
        deadline = time.monotonic() + DEADLINE
        while not (self.out.ended and self.err.ended):
            self.wait(deadline)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        orphans = self.reap()
        assert not (self.strict and orphans), f"did not wait for {orphans}"
        return Ended(status, self.out.take(), self.err.take())

    def next_line(self, stream: Stream) -> str:
        deadline = time.monotonic() + DEADLINE
        while b"\n" not in stream.pending and not stream.ended:
            self.wait(deadline)
        if b"\n" not in stream.pending:
            raise EOFError(f"ended instead; {self.so_far()}")
        return stream.take(stream.pending.index(b"\n") + 1)[:-1]

    def wait(self, deadline: float) -> None:
        """Wait for some output, or the end of it."""
        streams = {
            stream.descriptor: stream
            for stream in (self.out, self.err)
            if not stream.ended
        }
        rest = max(0.0, deadline - time.monotonic())
        ready = select.select(streams, [], [], rest)[0]
        if not ready:
            raise TimeoutError(f"still runs; {self.so_far()}")
        for descriptor in ready:
            streams[descriptor].fill()

    def so_far(self) -> str:
        return f"stdout {self.out.pending!r}, stderr {self.err.pending!r}"

    def reap(self) -> list[int]:
        """Wait for those that are left of the process group."""
        pids: list[int] = []
        try:
            while True:
                pids.append(os.waitpid(-self.pid, 0)[0])
        except ChildProcessError:
            return pids


def refusal(
    program: str,
    *arguments: str,
    stdin: bytes = b"",
    replace: Mapping[str, object] | None = None,
) -> str:
    """Return the one line in which *program* tells why it gives up."""
    with Running(program, *arguments, stdin=stdin, replace=replace) as running:
        status, out, err = running.finish()
    assert (status, out) == (1, "")
    assert re.fullmatch(rf"{program}: .+\n", err)
    return err


def but_in_child(action: Callable[[], object]) -> Callable[[], int]:
    """Return a fork after which the child begins with *action*."""
    fork = os.fork

    def fork_and_act() -> int:
        pid = fork()
        if pid == 0:
            action()
        return pid

    return fork_and_act


def as_nobody(program: str, *arguments: str) -> Callable[[], object]:
    """Return a run of *program* by a user who may do little."""
    main = main_of(program, *arguments)  # while we may read the file

    def run() -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        main()

    return run


def in_removed_directory(
    program: str, *arguments: str
) -> Callable[[], object]:
    """Return a run of *program* where its working directory is no more."""

    def run() -> None:
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")
        run_file(program, *arguments)

    return run


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_until_blocked(pid: int) -> None:
    """Wait until a process waits in a system call, or has ended.

    Python runs a handler between two of its instructions. A signal that comes
    after the last one before a call that waits is noticed after the call.
    """
    deadline = time.monotonic() + DEADLINE
    while sys.platform == "linux":
        with open(f"/proc/{pid}/stat") as stat:
            state = stat.read().rpartition(") ")[2][0]
        if state in "SZ":  # sleeping, zombie
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"state {state}")
        os.sched_yield()


def assert_idle(pid: int) -> None:
    """See that a process waits, and does not run even once for a while."""
    wait_until_blocked(pid)
    before = times_run(pid)
    for _ in range(5):  # each takes the system half a millisecond at least
        os.waitpid(os.posix_spawnp("true", ["true"], os.environ), 0)
    assert times_run(pid) == before, "it does not idle"


def times_run(pid: int) -> int:
    """Return how often a process was given a processor."""
    if sys.platform != "linux":
        return 0
    with open(f"/proc/{pid}/schedstat") as schedstat:
        return int(schedstat.read().split()[2])


def make_standard(descriptors: tuple[int, int, int], encoding: str) -> None:
    """Make this process as a shell makes one, and Python in it."""
    os.setpgid(0, 0)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", 1, "utf-8", "backslashreplace", closefd=False
    )
    sys.unraisablehook = sys.__unraisablehook__
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGALRM):  # pytest has the latter
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def action_of(
    program: str | Callable[[], object],
    arguments: tuple[str, ...],
    replace: Mapping[str, object],
) -> Callable[[], object]:
    """Return what the new process has to do."""
    patch = pytest.MonkeyPatch()
    own = [name for name in replace if "." not in name]
    for name in replace.keys() - own:
        patch.setattr(name, replace[name])
    if not isinstance(program, str):
        return program
    if not own:
        return functools.partial(run_file, program, *arguments)
    module: Any = importlib.import_module(f"ipc_examples.{program}")
    for name in own:
        patch.setattr(module, name, replace[name])
    return main_of(program, *arguments)


def perform(action: Callable[[], object], *, strict: bool) -> int:
    """Do it; return the exit status."""
    if not strict:
        warnings.simplefilter("ignore", ResourceWarning)
    parent, before = os.getpid(), descriptors()
    status = 0
    try:
        action()
    except SystemExit as ending:
        status = int(ending.code or 0)
    if strict and os.getpid() != parent:
        print("a child ran on as its parent", file=sys.stderr)
    elif strict and (left := descriptors() - before):
        print(f"left open: {left}", file=sys.stderr)
    return status


def descriptors() -> set[str]:
    """Return the open descriptors, and the one that it takes to ask."""
    return set(os.listdir("/dev/fd"))
