"""Runs the programs for real, at the price of a fork."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import os
import pkgutil
import re
import resource
import runpy
import select
import shlex
import signal
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

from tests.harness.catalogue import FILES, FORKING, NOT_COLLECTING, ROOT
from tests.harness.coverage_at_signals import (
    coverage_here,
    install_coverage_save,
    save_coverage_of,
)
from tests.harness.fork_server import Action, fork
from tests.harness.process_states import (
    STATES,
    STORIES,
    describe_processes,
    install_stack_dump,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOBODY = 65534  # the user and group of that name
STDIN = b"one\ntwo\nthree\n"  # for those who read it
DEADLINE = 10.0  # seconds, each time something is waited for
IDLE_TRIES = 4  # in each of which a process that spins or polls would run
QUIET = 0.03  # seconds: who polls does so more often
POLL = 0.0005  # seconds between two looks at what is no event
ENOUGH = 1.0  # seconds for which a program may talk while we only listen
SPIN = 1.0  # seconds of processor time: no orphan has so much to do
# What a shell starts programs with, though pytest or nohup changed it for us.
DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM)

# Known from the first: or each program that looks up a host would import it.
importlib.import_module("encodings.idna")


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
    importlib.import_module(f"ipc_examples.{program}")
    return functools.partial(run_main, program, arguments, names)


def run_main(
    program: str, arguments: tuple[str, ...], names: dict[str, object]
) -> NoReturn:
    module: Any = importlib.import_module(f"ipc_examples.{program}")
    vars(module).update(names)
    sys.argv = [f"{program}.py", *arguments]
    sys.exit(module.main())


def anew(
    program: str, *arguments: str, **names: object
) -> Callable[[], NoReturn]:
    """Return a function that replaces this process by Python with *program*.

    It is for a program that forks many times. Where coverage is measured, it
    would be a fork of this process, which holds every test: each of its own
    forks would copy the page tables of all that.

    :param names: take the place of its own, if their repr() tells them
    """
    script = (
        f"import sys; from ipc_examples import {program} as module; "
        f"vars(module).update({names!r}); sys.exit(module.main())"
    )

    def run() -> NoReturn:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = sys.executable, "-c", script, *arguments
        os.execve(sys.executable, command, environment)  # noqa: S606

    return run


def short_timeouts(program: str, scale: int = 1) -> dict[str, object]:
    """Return the names and values that make *program* wait less.

    :param scale: how many times the shortest timeout, if it will wait in
        vain; 0 if not: then it gets more time, however busy the machine is
    """
    module: Any = importlib.import_module(f"ipc_examples.{program}")
    if hasattr(module, "RoundTrip"):  # each wait is twice the one before
        return short_doubling_waits(module, 0.02 * max(1, min(scale, 4)))
    if hasattr(module, "TRIES"):  # the first is always in vain
        return {"TIMEOUT": 0.02, "TRIES": 5 * min(scale, 4) or 20}
    if hasattr(module, "WAYS"):  # of waiting; one can wait only for seconds
        ways = {n: way for n, way in module.WAYS.items() if n != "keepalive"}
        return {"PATIENCE": 0.02, "LIMIT": 1, "INTERVAL": 0.02, "WAYS": ways}
    timeout = getattr(module, "TIMEOUT", None)
    if program not in FORKING or not scale or timeout is None:
        return {}
    seconds = 0.05 * scale
    if isinstance(timeout, float):
        return {"TIMEOUT": seconds}
    microseconds = round(seconds * 1e6)
    return {"TIMEOUT": struct.pack("ll", *divmod(microseconds, 1_000_000))}


def short_waits(program: str) -> dict[str, object]:
    """Return the names and values that shorten what *program* measures."""
    module = importlib.import_module(f"ipc_examples.{program}")
    return short_timeouts(program) if hasattr(module, "WAYS") else {}


def short_doubling_waits(module: Any, seconds: float) -> dict[str, object]:  # noqa: ANN401
    """Return the names and values that make *module* wait so long at first."""
    trip = type("RoundTrip", (module.RoundTrip,), {"timeout": seconds})
    return {"TIMEOUT": seconds, "LONGEST": 4 * seconds, "RoundTrip": trip}


class Status(int):
    """How a process ended: -N if signal N ended it."""

    def __repr__(self) -> str:
        return self.words()

    def words(self) -> str:
        """Return it as a sentence would."""
        if self >= 0:
            return f"status {int(self)}"
        return f"killed by {signal_name(-self)}"


def signal_name(number: int) -> str:
    """Return a signal's name, SIGINT for 2."""
    known = number in set(signal.Signals)
    return signal.Signals(number).name if known else f"signal {number}"


class ExitReport(NamedTuple):
    """What is left of a program."""

    status: Status
    out: str
    err: str


class Stream:
    """What arrives from one of a program's outputs."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = b""
        self.ended = False

    def close(self) -> None:
        os.close(self.descriptor)
        self.ended = True

    def fill(self) -> None:
        data = os.read(self.descriptor, 65536)
        self.pending += data
        self.ended = not data

    def read_on(self) -> None:
        """Read until nothing comes for a moment, or for too long."""
        end = time.monotonic() + ENOUGH
        while (
            not self.ended
            and time.monotonic() < end
            and is_readable(self.descriptor)
        ):
            self.fill()

    def take(self, end: int | None = None) -> str:
        end = len(self.pending) if end is None else end
        taken, self.pending = self.pending[:end], self.pending[end:]
        return taken.decode(errors="backslashreplace")


class RunningProgram:
    """A program, or any action, in a process of its own.

    That it leaves no descriptor open, and no child behind, and that no child
    runs on as its parent, is seen to in any case. A program that a signal
    ends leaves its children to the system: they must end by themselves. So
    does one that ignores SIGCHLD, of which a child may be the last to end.

    If it can be told by a pickle, it is a fork of the server
    (``fork_server.py``). Then it has none of this process's descriptors, and
    nothing of what a test has changed here, as by monkeypatch: that goes into
    *replace*.

    :param program: its name, or a function to call instead
    :param stdin: what its standard input holds, at most 64 KiB
    :param encoding: of its standard output
    :param replace: what to put in the place of its own names ("TIMEOUT")
        or of a module's ("os.fork")
    :param name: what messages shall call it, if it is a function
    """

    def __init__(
        self,
        program: str | Callable[[], object],
        *arguments: str,
        stdin: bytes = b"",
        encoding: str = "utf-8",
        replace: Mapping[str, object] | None = None,
        name: str = "",
    ) -> None:
        inlet, feed = os.pipe()
        out, childs_out = os.pipe()
        err, childs_err = os.pipe()
        os.write(feed, stdin)
        os.close(feed)
        self.out, self.err = Stream(out), Stream(err)
        action = functools.partial(
            run_standard, program, arguments, replace or {}, encoding
        )
        self.pid = self.start(action, [inlet, childs_out, childs_err])
        with contextlib.suppress(PermissionError):  # it was the first
            os.setpgid(self.pid, self.pid)
        self.name = name or getattr(program, "__name__", str(program))
        self.story = [f"{shlex.join((self.name, *arguments))} was started"]
        if replace:
            self.story[0] += f", with another {', '.join(replace)}"
        STORIES.append(self.story)

    def start(self, action: Action, theirs: list[int]) -> int:
        """Let a new process do *action*; return its id, and close *theirs*.

        Where coverage is measured, only a fork of this process is measured.
        """
        streams = self.out, self.err
        ours = [stream.descriptor for stream in streams]
        try:
            return fork(action, theirs, ours, here=bool(coverage_here()))
        except BaseException:
            for stream in streams:
                stream.close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object = None, *_: object) -> None:
        if kind:
            self.add_unread_output()
        elif status_if_ended(self.pid) is None:
            save_coverage_of(self.pid, signal.SIGKILL)
        for stream in (self.out, self.err):
            stream.close()
        # Somebody may be left, after a failed test; perhaps in another group.
        children: set[int] = set()
        with contextlib.suppress(OSError):  # it was waited for
            children = children_of(self.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.reap()
        for child in children:
            with contextlib.suppress(ChildProcessError):  # it is not left
                if not os.waitpid(child, os.WNOHANG)[0]:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)

    def add_unread_output(self) -> None:
        """Add to the story what a test that fails has not looked at."""
        for stream in (self.out, self.err):
            stream.read_on()
        if (status := status_if_ended(self.pid)) is not None:
            self.story.append(f"it had ended when the test failed: {status!r}")
        if self.out.pending or self.err.pending:
            self.story.append(self.output_so_far())

    def line(self) -> str:
        """Return the next line of standard output.

        :raises EOFError: it was closed before
        :raises TimeoutError: no line comes within the deadline
        """
        return self.next_line(self.out, "standard output")

    def stderr_line(self) -> str:
        """Return the next line of standard error.

        :raises EOFError: it was closed before
        :raises TimeoutError: no line comes within the deadline
        """
        return self.next_line(self.err, "standard error")

    def signal(self, number: int) -> None:
        """Send SIGINT to all, as ^C does; any other to the parent alone."""
        __tracebackhide__ = True
        self.wait_until_blocked()
        save_coverage_of(self.pid, number)
        everybody = number == signal.SIGINT
        whom = "all of its processes" if everybody else "the parent"
        self.story.append(f"{signal_name(number)} was sent to {whom}")
        (os.killpg if everybody else os.kill)(self.pid, number)

    def wait_until_blocked(self) -> None:
        """Wait until the parent waits in a system call, or has ended.

        :raises TimeoutError: it does neither within the deadline
        """
        __tracebackhide__ = True
        try:
            wait_until_blocked(self.pid)
        except TimeoutError:
            raise TimeoutError(self.describe_processes("it to wait")) from None

    def interrupt(self) -> ExitReport:
        """Press ^C once nothing is left to do, and wait for the end."""
        __tracebackhide__ = True
        self.wait_until_blocked()
        assert_idle(self.pid)
        self.signal(signal.SIGINT)
        return self.finish()

    def finish(self) -> ExitReport:
        """Wait until the program and all its children have ended.

        :raises TimeoutError: one of them does not within the deadline
        :raises LeftBehindError: a child was not waited for, or spins
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + DEADLINE
        while not (self.out.ended and self.err.ended):
            self.wait(deadline, "its end")
        wait_status = os.waitpid(self.pid, 0)[1]
        status = Status(os.waitstatus_to_exitcode(wait_status))
        ended = ExitReport(status, self.out.take(), self.err.take())
        self.story.append(f"it ended: {in_words(ended)}")
        orphans = self.reap()
        if orphans and status >= 0 and self.name not in NOT_COLLECTING:
            raise LeftBehindError(
                f"{self.name} did not wait for its children {[*orphans]}"
            )
        if spun := [pid for pid in orphans if orphans[pid] > SPIN]:
            raise LeftBehindError(
                f"{self.name} was ended by a signal, and its children {spun} "
                f"used more than {SPIN} s of processor time"
            )
        return ended

    def next_line(self, stream: Stream, what: str) -> str:
        __tracebackhide__ = True
        deadline = time.monotonic() + DEADLINE
        while b"\n" not in stream.pending and not stream.ended:
            self.wait(deadline, f"a line of its {what}")
        if b"\n" not in stream.pending:
            raise EOFError(
                f"{self.name} closed its {what} instead of writing a line; "
                f"{self.output_so_far()}"
            )
        line = stream.take(stream.pending.index(b"\n") + 1)[:-1]
        self.story.append(f"it wrote to {what}: {line:.200}")
        return line

    def wait(self, deadline: float, what: str) -> None:
        """Wait for some output, or the end of it.

        :param deadline: until when, in seconds of the monotonic clock
        :param what: what to call it if it does not come
        :raises TimeoutError: it does not come
        """
        __tracebackhide__ = True
        streams = {
            stream.descriptor: stream
            for stream in (self.out, self.err)
            if not stream.ended
        }
        rest = max(0.0, deadline - time.monotonic())
        ready = select.select(streams, [], [], rest)[0]
        if not (rest and ready):  # it may write for ever
            raise TimeoutError(self.describe_processes(what))
        for descriptor in ready:
            streams[descriptor].fill()

    def describe_processes(self, what: str) -> str:
        """Return that *what* was awaited in vain, and why that may be."""

        def read_errors() -> bytes:
            self.err.read_on()
            found, self.err.pending = self.err.pending, b""
            return found

        lines, self.err.pending = describe_processes(self.pid, read_errors)
        lines.insert(0, f"{self.name}: waited {DEADLINE:g} s for {what}")
        return "\n".join([*lines, self.output_so_far()])

    def output_so_far(self) -> str:
        out, err = self.out.pending, self.err.pending
        unread = f"stdout {abbreviated(out)}, stderr {abbreviated(err)}"
        return f"not yet read: {unread}"

    def reap(self) -> dict[int, float]:
        """Wait for those that are left of the process group.

        :returns: for each of them, how many seconds it kept a processor busy
        """
        seconds: dict[int, float] = {}
        try:
            while True:
                pid, _, usage = os.wait4(-self.pid, 0)
                seconds[pid] = usage.ru_utime + usage.ru_stime
        except ChildProcessError:
            return seconds


def is_readable(descriptor: int) -> bool:
    """Return True if something can be read, now or in a moment."""
    return bool(select.select([descriptor], [], [], 0.2)[0])


def outcome_of(
    command: list[str],
    *,
    name: str,
    **options: Any,  # noqa: ANN401
) -> ExitReport:
    """Run a command to its end, as subprocess.run() does with *options*.

    :raises TimeoutError: it does not end within the deadline
    """
    __tracebackhide__ = True
    story = [f"{shlex.join(command)} was started"]
    STORIES.append(story)
    try:
        ended = subprocess.run(
            command, check=False, timeout=DEADLINE, text=True, **options
        )
    except subprocess.TimeoutExpired as late:
        out, err = (abbreviated(it or "") for it in (late.stdout, late.stderr))
        raise TimeoutError(
            f"{name}: waited {DEADLINE:g} s for its end; so far stdout {out}, "
            f"stderr {err}. It ran as a command: where it waits, another "
            f"test's failure may tell, or a run by hand"
        ) from None
    status = Status(ended.returncode)
    outcome = ExitReport(status, ended.stdout or "", ended.stderr or "")
    story.append(f"it ended: {in_words(outcome)}")
    return outcome


class LeftBehindError(AssertionError):
    """A program has ended, and left something that it should not."""


def abbreviated(output: bytes | str) -> str:
    """Return output as a message shows it: its beginning and end, if long.

    More than one line of it is shown line by line.
    """
    if isinstance(output, bytes):
        output = output.decode(errors="backslashreplace")
    lines = output.splitlines(keepends=True) or [""]
    texts = [
        repr(line if len(line) <= 200 else f"{line[:90]} ... {line[-90:]}")
        for line in lines
    ]
    if len(texts) > 20:
        texts[10:-10] = [f"... {len(texts) - 20} lines more ..."]
    return "\n    ".join(["", *texts] if len(texts) > 1 else texts)


def in_words(ended: tuple[object, ...]) -> str:
    """Return an exit report, or an expected one, in words."""
    if len(ended) == len(ExitReport._fields):
        status, out, err = ended
        return f"{as_status(status)}, stdout {show(out)}, stderr {show(err)}"
    return ", ".join([as_status(ended[0]), *map(show, ended[1:])])


def as_status(status: object) -> str:
    return repr(Status(status) if isinstance(status, int) else status)


def show(text: object) -> str:
    return abbreviated(text) if isinstance(text, str) else repr(text)


def error_line(
    program: str,
    *arguments: str,
    stdin: bytes = b"",
    replace: Mapping[str, object] | None = None,
) -> str:
    """Return the one line in which *program* tells why it gives up."""
    __tracebackhide__ = True
    with RunningProgram(
        program, *arguments, stdin=stdin, replace=replace
    ) as running:
        ended = running.finish()
    assert_exit_report(ended, rf"{program}: .+\n", out="")
    return ended.err


def reason(number: int) -> str:
    """Return a regular expression for how Python tells an errno."""
    return rf"\[Errno {number}\] {re.escape(os.strerror(number))}"


def assert_refuses(
    program: str,
    *arguments: str,
    why: str,
    replace: Mapping[str, object] | None = None,
) -> None:
    """See that *program* gives up, and of what it says so.

    :param why: a regular expression for the whole reason
    """
    __tracebackhide__ = True
    subject = " port ".join(arguments).encode("utf-8", "backslashreplace")
    with RunningProgram(program, *arguments, replace=replace) as running:
        ended = running.finish()
    start = re.escape(f"{program}: {subject.decode()}: ")
    assert_exit_report(ended, rf"{start}{why}\n", out="")


def assert_exit_report(
    ended: ExitReport, stderr: str, *, status: int = 1, out: str | None = None
) -> None:
    """See how a program ended, and what it wrote to standard error.

    :param stderr: a regular expression for all of it
    :param out: what it wrote to standard output, if that matters
    :raises AssertionError: it ended otherwise
    """
    __tracebackhide__ = True
    if fault := exit_report_error(ended, stderr, status=status, out=out):
        raise AssertionError(
            f"a program ended otherwise than it should\n{fault}"
        )


def exit_report_error(
    ended: ExitReport, stderr: str, *, status: int = 1, out: str | None = None
) -> str:
    """Return the error that assert_exit_report() would raise, or nothing."""
    if (
        ended.status == status
        and out in {None, ended.out}
        and re.fullmatch(stderr, ended.err)
    ):
        return ""
    output = "any stdout" if out is None else f"stdout {abbreviated(out)}"
    return (
        f"came:     {in_words(ended)}\n"
        f"expected: {Status(status)!r}, {output}, stderr like {stderr}"
    )


def outliving_child(fork: Callable[[], int]) -> Callable[[], int]:
    """Return a fork from which the parent goes on when the child has ended."""
    return functools.partial(fork_and_wait, fork)


def fork_and_wait(fork: Callable[[], int]) -> int:
    if pid := fork():
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def act_in_child(action: Callable[[], object]) -> Callable[[], int]:
    """Return a fork after which the child begins with *action*."""
    return functools.partial(fork_and_act, os.fork, action)


def fork_and_act(fork: Callable[[], int], action: Callable[[], object]) -> int:
    pid = fork()
    if pid == 0:
        action()
    return pid


def as_unprivileged_user(
    program: str, *arguments: str
) -> Callable[[], object]:
    """Return a run of *program* by a user who may do little."""
    main = main_of(program, *arguments)  # while we may read the file
    return functools.partial(call_unprivileged, main)


def call_unprivileged(function: Callable[[], object]) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    function()


def in_removed_directory(
    program: str, *arguments: str
) -> Callable[[], object]:
    """Return a run of *program* where its working directory is no more."""
    return functools.partial(remove_directory_and_run, program, *arguments)


def remove_directory_and_run(program: str, *arguments: str) -> None:
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
    run_file(program, *arguments)


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_until_blocked(pid: int) -> None:
    """Wait until a process waits in a system call, or has ended.

    Python runs a handler between two of its instructions. A signal that comes
    after the last one before a call that waits is noticed after the call.

    :raises TimeoutError: it does neither within the deadline
    """
    __tracebackhide__ = True
    deadline = time.monotonic() + DEADLINE
    while sys.platform == "linux":
        with open(f"/proc/{pid}/stat") as stat:
            state = stat.read().rpartition(") ")[2][0]
        if state in "SZ":  # sleeping, zombie
            return
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"process {pid} was to wait for something within "
                f"{DEADLINE:g} s, but {STATES.get(state, state)}"
            )
        time.sleep(POLL)  # there is no event for it


def status_if_ended(pid: int) -> Status | None:
    """Return the status of a child without taking it from who waits for it.

    :returns: None if it has not ended, was waited for, or is not ours
    """
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        if ended := os.waitid(os.P_PID, pid, options):
            exited = ended.si_code == os.CLD_EXITED
            return Status(ended.si_status if exited else -ended.si_status)
    return None


def assert_idle(pid: int) -> None:
    """See that a process waits, and does not run even once for a while.

    A child of its own may end meanwhile, so it is given other chances, and any
    number of them as long as its children become others.

    :raises AssertionError: it runs, or has ended
    """
    __tracebackhide__ = True
    times, tries = 0, 0
    while tries < IDLE_TRIES:
        wait_until_blocked(pid)
        if (status := status_if_ended(pid)) is not None:
            raise AssertionError(
                f"process {pid} was to wait, but has ended: {status}"
            )
        before, children = times_run(pid), children_of(pid)
        time.sleep(QUIET)
        if not (times := times_run(pid) - before):
            return
        tries += children_of(pid) == children
    raise AssertionError(
        f"process {pid} was to wait, but got a processor {times} times"
    )


def children_of(pid: int) -> set[int]:
    """Return the process ids of children that have not been waited for.

    :returns: none where only Linux could tell
    :raises OSError: if the process itself was waited for
    """
    if sys.platform != "linux":
        return set()
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return {int(child) for child in children.read().split()}


def times_run(pid: int) -> int:
    """Return the number of times that a process was given a processor."""
    if sys.platform != "linux":
        return 0
    with open(f"/proc/{pid}/schedstat") as schedstat:
        return int(schedstat.read().split()[2])


def run_standard(
    program: str | Callable[[], object],
    arguments: tuple[str, ...],
    replace: Mapping[str, object],
    encoding: str,
) -> int:
    """Make this process a standard one; do what RunningProgram is given.

    :returns: the exit status
    """
    make_standard(encoding)
    return perform(action_of(program, arguments, replace))


def make_standard(encoding: str) -> None:
    """Make this process as a shell makes one, and Python in it."""
    os.setpgid(0, 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", 1, "utf-8", "backslashreplace", closefd=False
    )
    sys.unraisablehook = sys.__unraisablehook__
    atexit._clear()  # what the tests' own process has to do is not for us
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in DEADLY:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, limit))  # ^\ leaves no file
    install_stack_dump()
    install_coverage_save()


def action_of(
    program: str | Callable[[], object],
    arguments: tuple[str, ...],
    replace: Mapping[str, object],
) -> Callable[[], object]:
    """Return the function that the new process has to call."""
    own = [name for name in replace if "." not in name]
    for name in replace.keys() - own:
        owner, _, member = name.rpartition(".")
        put(pkgutil.resolve_name(owner), member, replace[name])
    if not isinstance(program, str):
        return program
    if not own:
        return functools.partial(run_file, program, *arguments)
    module: Any = importlib.import_module(f"ipc_examples.{program}")
    for name in own:
        put(module, name, replace[name])
    return main_of(program, *arguments)


def put(owner: object, name: str, value: object) -> None:
    """Put *value* in the place of a member of *owner*.

    :raises AttributeError: if it has none of that name
    """
    getattr(owner, name)
    setattr(owner, name, value)


def perform(action: Callable[[], object]) -> int:
    """Do it; return the exit status."""
    parent, before = os.getpid(), descriptors()
    status = 0
    try:
        action()
    except SystemExit as ending:
        if isinstance(ending.code, str):
            print(ending.code, file=sys.stderr)
            status = 1
        else:
            status = ending.code or 0
    finally:
        atexit._run_exitfuncs()
    if os.getpid() != parent:
        print("a child ran on as its parent", file=sys.stderr)
    elif left := descriptors() - before:
        print(f"left open: {left}", file=sys.stderr)
    return status


def descriptors() -> set[str]:
    """Return the open descriptors, and the one that it takes to ask."""
    return set(os.listdir("/dev/fd"))
