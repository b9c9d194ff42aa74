from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import signal
import socket
import time
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from ipc_examples import one_loop
from tests.harness.fault_groups import FaultGroup
from tests.harness.obstacles import RESET
from tests.harness.peers import client_of, report_of
from tests.harness.process_1 import process_1
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    Status,
    assert_exit_report,
    assert_idle,
    children_of,
    main_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "one_loop"
CONSTANTS: dict[str, Any] = {"COMMAND": ("sleep", "1"), "INTERVAL": 60.0}
# What only time, another peer or a lack of room brings about.
NOT_REACHED = (
    "# it may have left its group",
    "os.killpg(child.pid",
    "except OSError as error:",
    "except (OSError, AttributeError) as error:",
    "sys.exit(128 + stopped_by)",
    "selector.unregister(listener)",
    "listen = time.monotonic() + 1",
    "return None",
    'log(f"client: {error}")',
    'log(f"child: {error}")',
)
DUE = "clock: a child is due"
LONG = ("sleep", "1000")
NO_KILL: dict[str, Any] = {"os.killpg": lambda *_: None}


@contextlib.contextmanager
def serving(
    *command: str,
    ended: int = 1,
    **names: object,
) -> Iterator[tuple[RunningProgram, str]]:
    """Yield a server whose first child has ended, and its first line."""
    replace = {"COMMAND": command or ("true",), **names}
    with RunningProgram(NAME, replace=replace) as running:
        first = running.line()
        assert running.line() == DUE
        for _ in range(ended):
            assert running.line() == "child: status 0"
        yield running, first


def end(
    running: RunningProgram, number: signal.Signals = signal.SIGTERM
) -> None:
    """See that a signal ends a server which has nothing to wait for."""
    running.signal(number)
    out = f"signal: {number.name}\n"
    assert running.finish() == (-number, out, "")


def clock(late: Path) -> dict[str, Any]:
    """Return one that stands still, and strikes once: when *late* exists.

    The interval is how often the server then looks at it.
    """
    return {"time.monotonic": lambda: 60.0 * late.exists(), "INTERVAL": 0.02}


class TestEvents:
    def test_tells_clients_how_the_command_fares(self) -> None:
        with serving() as (running, first):
            for _ in range(2):
                assert report_of(NAME, first) == b"1 ended, 0 failed\n"
                assert running.line() == "client: 1 ended, 0 failed"
            end(running)

    def test_tells_that_the_command_failed(self) -> None:
        with serving("sh", "-c", "exit 7", ended=0) as (running, first):
            assert running.line() == "child: status 7"
            assert report_of(NAME, first) == b"1 ended, 1 failed\n"
            assert running.line() == "client: 1 ended, 1 failed"
            end(running)

    def test_tells_it_though_it_began_with_sigchld_ignored(self) -> None:
        """Then the system would tell it nothing of its children."""

        def ignore_and_run() -> None:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            main_of(NAME, COMMAND=("false",))()

        with RunningProgram(ignore_and_run, name=NAME) as running:
            running.line()
            assert running.line() == DUE
            assert running.line() == "child: status 1"
            end(running)

    def test_answers_while_a_child_runs(self) -> None:
        with serving(*LONG, ended=0) as (_, first):
            assert report_of(NAME, first) == b"0 ended, 0 failed\n"

    @pytest.mark.parametrize(
        "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
    )
    def test_dies_of_a_signal(self, number: signal.Signals) -> None:
        with serving() as (running, _):
            end(running, number)

    def test_starts_a_child_at_each_interval(self) -> None:
        with serving(INTERVAL=0.02, **NO_KILL) as (running, _):
            for _ in range(3):
                assert running.line() == DUE
                assert running.line() == "child: status 0"

    def test_waits_and_does_nothing_meanwhile(self) -> None:
        with serving() as (running, _):
            assert_idle(running.pid)
            end(running)


@pytest.mark.fault(FaultGroup.CHILDREN, "a child that does not end in time")
class TestLateChild:
    def test_is_killed_when_the_next_is_due(self) -> None:
        with serving(*LONG, ended=0, INTERVAL=0.1) as (running, _):
            assert running.line() == "child: status -9"
            assert running.line() == DUE

    def test_is_killed_with_all_that_it_has_started(
        self, tmp_path: Path
    ) -> None:
        command = ("sh", "-c", "sleep 1000 & echo $!; wait")
        late = tmp_path / "late"
        with serving(*command, ended=0, **clock(late)) as (running, _):
            sleeping = int(running.line())
            late.touch()
            assert running.line() == "child: status -9"
            _, status = os.waitpid(sleeping, 0)  # it was left to us
            assert os.WTERMSIG(status) == signal.SIGKILL
            end(running)

    def test_that_has_left_its_group_ends_by_itself(
        self, tmp_path: Path
    ) -> None:
        def kill_nobody(*_: int) -> NoReturn:
            print("nobody was killed", flush=True)
            raise ProcessLookupError

        late, gate = tmp_path / "late", tmp_path / "gate"
        os.mkfifo(gate)
        names = {"os.killpg": kill_nobody, **clock(late)}
        with serving("cat", str(gate), ended=0, **names) as (running, _):
            late.touch()
            assert running.line() == "nobody was killed"
            gate.write_text("")
            assert running.line() == "child: status 0"
            end(running)

    def test_does_not_keep_a_stopped_server(self, tmp_path: Path) -> None:
        late = tmp_path / "late"
        with serving(*LONG, ended=0, **clock(late)) as (running, _):
            running.signal(signal.SIGTERM)
            assert running.line() == "signal: SIGTERM"
            late.touch()
            rest = "child: status -9\n"
            assert running.finish() == (-signal.SIGTERM, rest, "")


class TestStop:
    @pytest.mark.fault(FaultGroup.SIGNALS, "SIGTERM while a child works")
    @pytest.mark.parametrize(
        "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
    )
    def test_lets_the_child_finish(
        self, number: signal.Signals, tmp_path: Path
    ) -> None:
        """Not even ^C reaches it: it has a process group of its own."""
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        command = ("sh", "-c", f"read line <{gate}; echo finished")
        with serving(*command, ended=0) as (running, first):
            running.signal(number)
            assert running.line() == f"signal: {number.name}"
            assert report_of(NAME, first)  # it serves on meanwhile
            assert running.line() == "client: 0 ended, 0 failed"
            gate.write_text("\n")
            out = "finished\nchild: status 0\n"
            assert running.finish() == (-number, out, "")

    def test_dies_of_the_first_signal_of_several(self, tmp_path: Path) -> None:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        with serving("cat", str(gate), ended=0) as (running, _):
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                running.signal(number)
                assert running.line() == f"signal: {number.name}"
            gate.write_text("")
            rest = "child: status 0\n"
            assert running.finish() == (-signal.SIGTERM, rest, "")

    def test_dies_of_the_first_signal_of_several_at_once(self) -> None:
        set_wakeup_fd = signal.set_wakeup_fd

        def set_and_send(descriptor: int) -> int:
            if descriptor != -1:
                os.write(descriptor, bytes([signal.SIGTERM, signal.SIGHUP]))
            return set_wakeup_fd(descriptor)

        replace = {"signal.set_wakeup_fd": set_and_send}
        with RunningProgram(NAME, replace=replace) as running:
            running.line()
            rest = "signal: SIGTERM\n"
            assert running.finish() == (-signal.SIGTERM, rest, "")

    @pytest.mark.fault(FaultGroup.SIGNALS, "SIGHUP ignored, as by nohup")
    def test_a_signal_that_is_ignored_does_not_stop_it(self) -> None:
        def run_under_nohup() -> None:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            with socket.create_server(("127.0.0.1", 0)) as listener:
                one_loop.run(listener)

        replace = {"ipc_examples.one_loop.COMMAND": ("true",)}
        with RunningProgram(run_under_nohup, replace=replace) as running:
            for _ in range(2):
                running.line()
            running.signal(signal.SIGHUP)
            assert_idle(running.pid)
            running.signal(signal.SIGTERM)
            assert running.finish() == (0, "signal: SIGTERM\n", "")

    def test_as_process_1_it_exits(self) -> None:
        """No default action ends that one."""
        replace = {
            "COMMAND": ("true",),
            "signal.raise_signal": lambda _: None,
        }
        with RunningProgram(NAME, replace=replace) as running:
            for _ in range(3):
                running.line()
            running.signal(signal.SIGTERM)
            ended = running.finish()
        assert_exit_report(ended, "", status=128 + signal.SIGTERM)

    @pytest.mark.fault(
        FaultGroup.SIGNALS, "SIGTERM as process 1 of a container"
    )
    def test_a_container_can_be_stopped(self) -> None:
        with process_1(NAME) as (unshare, pid, _):
            assert unshare.stdout
            assert unshare.stdout.readline() == f"{DUE}\n"
            os.kill(pid, signal.SIGTERM)
            out, err = unshare.communicate(timeout=DEADLINE)
        assert (out, err) == ("signal: SIGTERM\nchild: status 0\n", "")
        assert unshare.returncode == 128 + signal.SIGTERM


@pytest.mark.fault(FaultGroup.STREAM_PEERS, "peers that mean no good")
class TestPeers:
    def test_nonsense_is_not_even_read(self) -> None:
        with serving() as (running, first):
            with client_of(NAME, first) as client:
                client.sendall(b"\0\xff\x1b[2J" * 1000)
                assert running.line().startswith("client: ")
            assert report_of(NAME, first)
            assert running.line().startswith("client: ")
            end(running)

    def test_a_reset_is_nothing_to_tell(self) -> None:
        with serving() as (running, first):
            running.wait_until_blocked()
            os.kill(running.pid, signal.SIGSTOP)
            with client_of(NAME, first) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            os.kill(running.pid, signal.SIGCONT)
            assert running.line().startswith("client: ")
            assert report_of(NAME, first)
            assert running.line().startswith("client: ")
            end(running)

    def test_1000_idle_clients_cost_nothing(self) -> None:
        """None keeps a descriptor, so the 1001st is served at once."""
        with serving() as (running, first), contextlib.ExitStack() as stack:
            before = len(os.listdir(f"/proc/{running.pid}/fd"))
            for _ in range(1000):
                with contextlib.suppress(OSError):
                    stack.enter_context(client_of(NAME, first))
                assert running.line().startswith("client: ")
            assert report_of(NAME, first)
            assert running.line().startswith("client: ")
            running.wait_until_blocked()
            assert len(os.listdir(f"/proc/{running.pid}/fd")) == before
            end(running)


class TestMisfortunes:
    @pytest.mark.fault(FaultGroup.CHILDREN, "no room for another process")
    def test_goes_on_when_no_child_can_be_started(self) -> None:
        with RunningProgram(
            NAME, replace={"COMMAND": ("/no/such",), "INTERVAL": 0.05}
        ) as running:
            running.line()
            for _ in range(2):
                assert running.line() == DUE
                assert re.fullmatch(r"child: .*'/no/such'", running.line())

    @pytest.mark.parametrize(
        "error",
        [OSError(errno.ENOSYS, "an old kernel"), AttributeError("not Linux")],
    )
    def test_starts_no_child_where_none_can_be_watched(
        self, error: Exception
    ) -> None:
        def refuse(_: int) -> NoReturn:
            raise error

        replace = {"COMMAND": LONG, "INTERVAL": 0.05, "os.pidfd_open": refuse}
        with RunningProgram(NAME, replace=replace) as running:
            first = running.line()
            for _ in range(2):
                assert running.line() == DUE
                assert running.line() == f"child: {error}"
            assert not children_of(running.pid)
            assert report_of(NAME, first) == b"0 ended, 0 failed\n"

    @pytest.mark.fault(FaultGroup.DESCRIPTORS, "no free descriptor for accept")
    @pytest.mark.parametrize("number", [errno.EMFILE, errno.EAGAIN])
    def test_listens_again_a_second_later(self, number: int) -> None:
        accept, numbers = socket.socket.accept, count()

        def accept_or_fail(listener: socket.socket) -> object:
            if next(numbers) == 0:
                raise OSError(number, "no room")
            return accept(listener)

        names: dict[str, Any] = {"socket.socket.accept": accept_or_fail}
        with (
            serving(**names) as (running, first),
            client_of(NAME, first) as client,
        ):
            assert running.line() == f"client: [Errno {number}] no room"
            start = time.monotonic()
            assert client.recv(100) == b"1 ended, 0 failed\n"
            assert time.monotonic() - start > 0.5
            assert running.line() == "client: 1 ended, 0 failed"
            assert_idle(running.pid)
            end(running)

    @pytest.mark.fault(
        FaultGroup.STANDARD_STREAMS,
        "output that nobody reads any more, in the middle",
    )
    def test_serves_on_when_nobody_reads_its_log(self) -> None:
        with serving() as (running, first):
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, running.out.descriptor)
            os.close(nothing)
            for _ in range(2):
                assert report_of(NAME, first) == b"1 ended, 0 failed\n"
            running.signal(signal.SIGTERM)
            status = Status(
                os.waitstatus_to_exitcode(os.waitpid(running.pid, 0)[1])
            )
        assert status == -signal.SIGTERM

    def test_says_why_it_cannot_listen(self) -> None:
        with RunningProgram(NAME, "192.0.2.1") as running:
            ended = running.finish()
        assert_exit_report(ended, rf"{NAME}: 192\.0\.2\.1: .*\n", out="")

    @pytest.mark.fault(FaultGroup.SIGNALS, "a clock that is set")
    def test_does_not_mind_a_clock_that_is_set(self) -> None:
        def step() -> float:
            raise AssertionError

        names: dict[str, Any] = {"time.time": step}
        with serving(**names) as (running, _):
            assert_idle(running.pid)
            end(running)

    @pytest.mark.fault(FaultGroup.CHILDREN, "a child killed at any moment")
    def test_a_child_killed_is_one_that_failed(self) -> None:
        with serving(*LONG, ended=0) as (running, first):
            running.wait_until_blocked()
            (child,) = children_of(running.pid)
            os.kill(child, signal.SIGKILL)
            assert running.line() == "child: status -9"
            assert report_of(NAME, first) == b"1 ended, 1 failed\n"

    @pytest.mark.fault(FaultGroup.SIGNALS, "a storm of SIGCHLD")
    def test_a_storm_of_other_signals_wakes_nobody(self) -> None:
        """Those that have no handler in Python write no byte."""
        with serving() as (running, first):
            for _ in range(10_000):
                os.kill(running.pid, signal.SIGCHLD)
            assert_idle(running.pid)
            assert report_of(NAME, first)
            assert running.line().startswith("client: ")
            end(running)

    def test_ipv6(self) -> None:
        replace = {"COMMAND": ("true",)}
        with RunningProgram(NAME, "::1", replace=replace) as running:
            first = running.line()
            if "has port" not in first:
                pytest.skip("no IPv6")
            with client_of(NAME, first, "::1") as client:
                assert client.recv(100)


class TestSetUp:
    def test_the_listener_does_not_block(self) -> None:
        def look(listener: socket.socket) -> int:
            print(listener.getblocking(), flush=True)
            return signal.SIGTERM

        with RunningProgram(NAME, replace={"run": look}) as running:
            running.line()
            assert running.finish() == (-signal.SIGTERM, "False\n", "")

    def test_the_wakeup_descriptor_is_given_back(self) -> None:
        def run_until_the_child_says_so() -> None:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setblocking(False)
                print(one_loop.run(listener) == signal.SIGTERM)
            print(signal.set_wakeup_fd(-1))

        command = ("sh", "-c", "kill -TERM $PPID")
        with RunningProgram(
            run_until_the_child_says_so,
            replace={"ipc_examples.one_loop.COMMAND": command},
        ) as running:
            status, out, err = running.finish()
        assert (status, err) == (0, "")
        assert out.endswith("True\n-1\n")


class TestClock:
    def test_a_child_is_not_due_too_early(self) -> None:
        start = time.monotonic()
        with serving(INTERVAL=0.2, **NO_KILL) as (running, _):
            assert running.line() == DUE
        assert time.monotonic() - start >= 0.2

    def test_no_wait_is_longer_than_an_interval(self) -> None:
        """And the first is none, since a child is due."""
        select, calls = selectors.DefaultSelector.select, count()

        def look_and_select(
            selector: selectors.DefaultSelector, timeout: float
        ) -> object:
            if next(calls) == 0:
                assert timeout <= 0
            else:
                assert 0 < timeout <= CONSTANTS["INTERVAL"]
            return select(selector, timeout)

        names: dict[str, Any] = {
            "selectors.DefaultSelector.select": look_and_select
        }
        with serving(**names) as (running, _):
            end(running)

    def test_one_child_makes_up_for_all_that_were_due(self) -> None:
        """As when ^Z has stopped the program for ten intervals."""
        real, calls = time.monotonic, count()
        names: dict[str, Any] = {
            "time.monotonic": lambda: real() + 600 * min(next(calls), 1)
        }
        with serving(**names) as (running, _):
            assert_idle(running.pid)
            end(running)

    def test_no_child_is_started_once_a_signal_has_come(
        self, tmp_path: Path
    ) -> None:
        """Even if one is due at the same time."""
        real, late = time.monotonic, tmp_path / "late"
        names: dict[str, Any] = {
            "time.monotonic": lambda: real() + 600 * late.exists()
        }
        with serving(**names) as (running, _):
            running.wait_until_blocked()
            late.touch()
            end(running)
