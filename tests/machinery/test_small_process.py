"""What can be told is done in a fork of a small process, like any other."""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import pytest

from ipc_examples import pipe
from tests.harness import fork_server, running
from tests.harness.catalogue import ROOT
from tests.harness.fork_server import (
    SERVERS,
    ForkServer,
    ForkServerError,
    fork_orphan,
    pickled_order,
    stop_server,
)
from tests.harness.process_states import STORIES, signals_of
from tests.harness.running import (
    ExitReport,
    RunningProgram,
    act_in_child,
    children_of,
    error_line,
    kill_self,
    wait_until_blocked,
)
from tests.harness.small_process import SmallProcessError, in_small_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux", reason="no process adopts another's child"
    ),
]
IS_SMALL = "import sys; print('pytest' not in sys.modules)"
PARENT = "import os; print(os.getppid())"
DESCRIPTORS = """
import contextlib, os
for name in os.listdir("/dev/fd"):
    with contextlib.suppress(FileNotFoundError):  # it was that of the list
        print(os.readlink(f"/dev/fd/{name}"))
"""


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or all processes would be forks of this one."""
    monkeypatch.setattr(running, "coverage_here", lambda: None)


def in_server(script: str, **names: object) -> Callable[[], object]:
    """Return a run of a script that can be told."""
    return partial(exec, script, names)


def here(script: str) -> Callable[[], object]:
    """Return a run of it that cannot be told."""
    return lambda: exec(script, {})  # noqa: S102


both = pytest.mark.parametrize("way", [in_server, here])


def finish(action: Callable[[], object]) -> ExitReport:
    with RunningProgram(action, name="it") as program:
        return program.finish()


def server() -> ForkServer:
    """Return the server of this process, which runs."""
    finish(in_server(""))
    return SERVERS[os.getpid()]


def open_descriptors(pid: int | str = "self") -> list[str]:
    return sorted(os.listdir(f"/proc/{pid}/fd"))


def test_what_can_be_told_is_done_in_a_small_process() -> None:
    assert finish(in_server(IS_SMALL)) == (0, "True\n", "")


def test_a_program_is_run_in_a_small_process() -> None:
    replace = {"main": in_server(IS_SMALL)}
    with RunningProgram("pipe", replace=replace) as program:
        assert program.finish() == (0, "True\n", "")


def test_what_cannot_be_told_is_done_in_a_fork_of_this_process() -> None:
    assert finish(here(IS_SMALL)) == (0, "False\n", "")


def of_a_test() -> None:
    """It has a name, but the server knows no test."""


@pytest.mark.parametrize(
    ("function", "is_told"),
    [
        (os.fork, True),
        (kill_self, True),
        (pipe.main, True),
        (of_a_test, False),
        (pytest.fail, False),
    ],
)
def test_what_the_server_has_not_imported_is_not_told(
    function: Callable[..., object], *, is_told: bool
) -> None:
    order = pickled_order(partial(print, function))
    assert (order is not None) is is_told


def test_what_is_measured_is_a_fork_of_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "coverage_here", object)
    assert finish(in_server(IS_SMALL)).out == "False\n"


@both
def test_it_is_our_child(way: Callable[[str], Callable[[], object]]) -> None:
    assert finish(way(PARENT)) == (0, f"{os.getpid()}\n", "")


@both
def test_it_is_where_we_are(
    way: Callable[[str], Callable[[], object]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("ADDED", "ä")
    monkeypatch.delenv("PATH")
    monkeypatch.setattr("tempfile.tempdir", None)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 50, limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, few)
    try:
        ended = finish(
            way("""
import os, resource, tempfile
print(os.getcwd(), tempfile.gettempdir(), sep="\\n")
print(resource.getrlimit(resource.RLIMIT_NOFILE))
print(sorted(os.environ.items()))
""")
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    environment = sorted(os.environ.items())
    lines = tmp_path, tmp_path, few, environment, ""
    assert ended == (0, "\n".join(map(str, lines)), "")


@contextlib.contextmanager
def blocking(number: int) -> Iterator[None]:
    """Block a signal in this process for a while."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@both
def test_it_has_the_signals_of_a_program(
    way: Callable[[str], Callable[[], object]],
) -> None:
    action = way("import signal; signal.pause()")
    with blocking(signal.SIGTERM), RunningProgram(action) as program:
        program.wait_until_blocked()
        blocked, ignored, caught = (
            signals_of(program.pid, what) for what in ("Blk", "Ign", "Cgt")
        )
    assert blocked == set()
    assert signal.SIGINT in caught
    assert (ignored | caught).isdisjoint(running.DEADLY)


def test_it_has_only_standard_descriptors() -> None:
    status, out, err = finish(in_server(DESCRIPTORS))
    assert (status, err) == (0, "")
    kinds = [line.partition(":")[0] for line in out.splitlines()]
    # Some versions of libffi, which ctypes loads, keep their own file open.
    assert [k for k in kinds if "libffi" not in k] == ["pipe"] * 3


def test_it_imports_nothing_from_the_current_directory() -> None:
    script = "import sys; print('' in sys.path)"
    assert finish(in_server(script)) == (0, "False\n", "")


def test_no_fork_of_ours_has_a_descriptor_of_the_server() -> None:
    number = server().channel.fileno()
    channel = os.readlink(f"/dev/fd/{number}")
    status, out, err = finish(here(DESCRIPTORS))
    assert (status, err) == (0, "")
    assert channel not in out.splitlines()


def test_a_fork_of_ours_has_no_server() -> None:
    """Its child would become ours."""

    def run_another() -> None:
        ended = finish(in_server(f"{IS_SMALL}; {PARENT}"))
        print(ended.out.split() == ["False", str(os.getpid())])

    assert finish(run_another) == (0, "True\n", "")


@both
def test_a_warning_is_an_error(
    way: Callable[[str], Callable[[], object]],
) -> None:
    status, _, err = finish(way("import warnings; warnings.warn('careful')"))
    assert status == 1
    assert err.endswith("UserWarning: careful\n")


@both
def test_what_fails_leaves_a_traceback(
    way: Callable[[str], Callable[[], object]],
) -> None:
    status, out, err = finish(way("raise LookupError('a mistake')"))
    assert (status, out) == (1, "")
    assert err.endswith("LookupError: a mistake\n")


def test_an_order_may_be_longer_than_any_buffer() -> None:
    text = "x" * 5_000_000
    action = in_server("print(len(text))", text=text)
    assert finish(action).out == f"{len(text)}\n"


def test_descriptors_are_closed_on_both_sides() -> None:
    pid = server().process.pid
    before = open_descriptors(), open_descriptors(pid)
    finish(in_server(""))
    finish(in_server("1 / 0"))
    assert (open_descriptors(), open_descriptors(pid)) == before


def test_an_order_that_nobody_understands_is_told_by_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pid = server().process.pid
    before = open_descriptors(), open_descriptors(pid)
    monkeypatch.setattr(fork_server, "pickled_order", lambda _: b"nonsense")
    status, out, err = finish(in_server(""))
    assert (status, out) == (1, "")
    assert "UnpicklingError" in err
    assert (open_descriptors(), open_descriptors(pid)) == before


def test_the_server_does_not_end_by_control_c() -> None:
    os.kill(server().process.pid, signal.SIGINT)
    assert finish(in_server("print(1)")) == (0, "1\n", "")


@pytest.mark.usefixtures("empty_directory")
def test_the_server_needs_nothing_of_the_test_in_which_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop_server()
    monkeypatch.setenv("ADDED", "by a test")
    pid = server().process.pid
    assert os.readlink(f"/proc/{pid}/cwd") == str(ROOT)
    with open(f"/proc/{pid}/environ", "rb") as environment:
        members = environment.read().split(b"\0")
    assert b"ADDED=by a test" not in members
    assert os.fsencode(f"TMPDIR={os.environ['TMPDIR']}") not in members


def test_the_server_s_death_is_told() -> None:
    pid = server().process.pid
    before = open_descriptors()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ForkServerError, match=r"server ended, status -9"):
        finish(in_server(""))
    assert finish(in_server(IS_SMALL)).out == "True\n"  # another one does it
    assert open_descriptors() == before


def test_that_the_server_cannot_start_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fork_server, "ROOT", tmp_path)
    assert_cannot_start(ForkServerError, "No module named 'tests'")


def test_that_there_is_no_python_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    assert_cannot_start(FileNotFoundError, "missing")


def assert_cannot_start(error: type[Exception], words: str) -> None:
    """See that a new server does not start, and leaves nothing open."""
    stop_server()
    before = open_descriptors()
    with pytest.raises(error, match=words):
        finish(in_server(""))
    assert open_descriptors() == before


def test_that_there_is_no_room_for_a_process_is_told() -> None:
    forks = iter([os.fork])

    def fork_once() -> int:
        for fork in forks:
            return fork()
        raise BlockingIOError("no room")

    def serve() -> None:
        os.fork = fork_once
        ours, theirs = socket.socketpair()
        with ours, theirs:
            fork_orphan(theirs, [])

    status, out, err = finish(serve)
    assert (status, out) == (1, "")
    assert "BlockingIOError: no room" in err
    assert err.endswith("ChildProcessError: there was no second fork\n")


def test_after_a_test_s_time_is_over_another_server_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first may still answer."""
    late = server().process.pid
    before = open_descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(ForkServer, "number", fail)
        with pytest.raises(TimeoutError):
            finish(in_server(""))
    assert server().process.pid != late
    assert open_descriptors() == before


def fail(*_: object) -> NoReturn:
    raise TimeoutError


USE = """
import os, signal, sys
from tests.harness.fork_server import SERVERS, fork, use_server
use_server()
os.waitpid(fork(int, [0, 1, 2], []), 0)
print(SERVERS[os.getpid()].process.pid, flush=True)
"""


@pytest.mark.parametrize(
    "end",
    ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)", "sys.exit()"],
)
def test_the_server_ends_with_the_process_that_started_it(end: str) -> None:
    command = [sys.executable, "-c", f"{USE}{end}"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, check=False
    )
    status = os.waitpid(int(done.stdout), 0)[1]  # we have adopted it
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_server_is_stopped_and_waited_for() -> None:
    pid = server().process.pid
    assert stop_server() == "the fork server ended, status 0, stderr:\n"
    assert pid not in children_of(os.getpid())
    assert stop_server() == ""


def test_a_call_in_a_small_process_returns_its_result() -> None:
    assert in_small_process(divmod, 7, 2) == (3, 1)
    assert in_small_process(int, "11", base=2) == 3


def test_a_call_that_cannot_be_told_returns_its_result_as_well() -> None:
    is_small = "'pytest' not in __import__('sys').modules"
    STORIES.append(["before"])
    assert in_small_process(eval, is_small) is True
    assert in_small_process(lambda: eval(is_small)) is False  # noqa: S307
    assert STORIES == [["before"]]


def test_a_small_process_blocks_no_signal() -> None:
    """Though its server started when one was blocked."""
    stop_server()
    with blocking(signal.SIGTERM):
        blocked = in_small_process(
            signal.pthread_sigmask, signal.SIG_BLOCK, []
        )
    assert blocked == set()


def test_a_small_process_ends_by_control_c() -> None:
    """Though its server does not."""
    handler = in_small_process(signal.getsignal, signal.SIGINT)
    assert handler == signal.default_int_handler


def test_a_small_process_adopts_orphans() -> None:
    in_small_process(exec, FORK_TWICE)


FORK_TWICE = """
import os
if (child := os.fork()) == 0:
    os.fork()
    os._exit(0)
os.waitpid(child, 0)
os.wait()  # for the orphan
"""


def test_an_exception_in_a_small_process_is_told() -> None:
    with pytest.raises(SmallProcessError, match=r"Traceback(.|\n)*ZeroDivis"):
        in_small_process(divmod, 1, 0)


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (exec, ["import posix; posix._exit(3)"], "exec ended: status 3"),
        (kill_self, [], "kill_self ended: killed by SIGKILL"),
    ],
)
def test_that_a_small_process_ended_is_told(
    function: Callable[..., object], arguments: list[object], words: str
) -> None:
    with pytest.raises(SmallProcessError, match=f"^the process of {words}$"):
        in_small_process(function, *arguments)


def test_a_result_that_cannot_be_told_is_a_fault(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SmallProcessError, match="open ended: status 1"):
        in_small_process(open, os.devnull)
    assert "cannot pickle" in capfd.readouterr().err


def test_the_stories_of_a_small_process_are_told_here() -> None:
    replace = {"os.fork": act_in_child(kill_self)}
    STORIES.append(["before"])
    line = in_small_process(error_line, "pipe", replace=replace)
    assert "-9" in line
    assert [story[0] for story in STORIES] == [
        "before",
        "pipe was started, with another os.fork",
    ]


def test_a_small_process_tidies_up_when_the_test_s_time_is_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server()
    before = open_descriptors(), children_of(os.getpid())

    def wait_and_fail(_: object) -> NoReturn:
        (process,) = children_of(os.getpid()) - before[1]
        wait_until_blocked(process)
        raise TimeoutError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pickle, "load", wait_and_fail)
    with pytest.raises(TimeoutError):
        in_small_process(exec, WAIT_AND_TIDY_UP)
    assert os.listdir() == ["tidied up"]
    assert (open_descriptors(), children_of(os.getpid())) == before


WAIT_AND_TIDY_UP = """
import os, signal
try:
    signal.pause()
finally:
    os.mkdir("tidied up")
"""
