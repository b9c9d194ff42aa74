from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ipc_examples import inet_stream_prefork
from tests.harness.fault_groups import FaultGroup
from tests.harness.forking_servers import (
    assert_echoed,
    failing_once,
    quiet,
    room_for_descriptors,
    wait_until_served,
)
from tests.harness.obstacles import no_free_descriptor, stopped
from tests.harness.peers import (
    address_in,
    client_of,
    open_socket,
    resolver,
)
from tests.harness.process_1 import process_1
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    assert_exit_report,
    assert_idle,
    children_of,
    main_of,
    reason,
    wait_until_blocked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "inet_stream_prefork"
CONSTANTS = {
    "CHILDREN": 4,
    "LONGEST": 20.0,
    "LAST_CALL": 1.0,
    "RETRY_DELAY": 1.0,
}
# A child that cannot accept, or ends, or is told to end: all are below.
NOT_REACHED = (
    "children.discard(ended[0])",
    "if status := os.wait",
    "raise ChildProcessError",
    "ours.close()  # it has come",
    "end = time.monotonic() + LAST_CALL",
    "with contextlib.suppress(BlockingIOError):  # the queue",
    "while time.monotonic() < end",
    "echo(listener.accept()[0])",  # the second, and the first is
    "os._exit(0)",
    "os._exit(1)",
    "signal.signal(signal.SIGTERM, signal.SIG_DFL)",
    "signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED)",
    "signal.raise_signal(signal.SIGTERM)",
    "sys.exit(128",
    "except Exception as error:",
    'complain(f"child:',
)
ENDED = f"{NAME}: a child ended with status "
IDLE = 1000  # clients
TERMINATED = (-signal.SIGTERM, "", "")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="asks /proc for a process's children"
)


@contextlib.contextmanager
def serving(**replace: object) -> Iterator[tuple[RunningProgram, str]]:
    """Yield a server; see that it then serves, and stops when asked to."""
    with RunningProgram(NAME, replace=replace) as running:
        first = running.line()
        yield running, first
        with client_of(NAME, first) as client:
            assert_echoed(client, b"last")
        assert terminate(running) == TERMINATED


def terminate(running: RunningProgram) -> tuple[object, ...]:
    """Send SIGTERM, once there are children; return what is left."""
    wait_for_children(running, 1)
    running.signal(signal.SIGTERM)
    return running.finish()


def wait_for_children(running: RunningProgram, count: int) -> set[int]:
    """Wait until there are *count* children, or more, that wait."""
    deadline = time.monotonic() + DEADLINE
    while len(found := children_of(running.pid)) < count:
        assert time.monotonic() < deadline, f"{len(found)} children"
        os.sched_yield()
    for child in found:
        wait_until_blocked(child)
    return found


class TestChildren:
    def test_there_are_so_many_from_the_beginning(self) -> None:
        with serving() as (running, first):
            before = wait_for_children(running, 4)
            for _ in range(10):
                with client_of(NAME, first) as client:
                    assert_echoed(client, b"one")
            assert children_of(running.pid) == before
            assert_idle(running.pid)

    def test_each_serves_one_and_the_fifth_client_waits(self) -> None:
        with serving() as (running, first), contextlib.ExitStack() as stack:
            wait_for_children(running, 4)
            clients = [
                stack.enter_context(client_of(NAME, first)) for _ in range(4)
            ]
            for client in clients:
                assert_echoed(client, b"one")
            with client_of(NAME, first) as fifth:
                fifth.sendall(b"five")
                assert_idle(running.pid)
                clients[0].close()
                assert fifth.recv(4) == b"five"

    @pytest.mark.fault(FaultGroup.CHILDREN, "children killed at any moment")
    def test_a_killed_child_is_replaced(self) -> None:
        with serving(CHILDREN=1, RETRY_DELAY=0.01) as (running, first):
            (before,) = wait_for_children(running, 1)
            with client_of(NAME, first) as client:
                assert_echoed(client, b"one")
                os.kill(before, signal.SIGKILL)
                assert client.recv(1) == b""
            assert running.stderr_line() == f"{ENDED}-9"
            with client_of(NAME, first) as client:
                assert_echoed(client, b"two")
            assert children_of(running.pid) != {before}

    @pytest.mark.fault(FaultGroup.CHILDREN, "children killed at any moment")
    def test_all_children_may_be_killed(self) -> None:
        with serving(RETRY_DELAY=0.01) as (running, first):
            for _ in range(3):
                for child in wait_for_children(running, 4):
                    os.kill(child, signal.SIGKILL)
                for _ in range(4):
                    assert running.stderr_line() == f"{ENDED}-9"
                with client_of(NAME, first) as client:
                    assert_echoed(client, b"one")

    def test_a_child_is_replaced_after_a_pause(self) -> None:
        """Or a lasting cause would keep the machine busy."""

        def sleep(seconds: float) -> None:
            os.write(1, f"sleeps {seconds}\n".encode())

        with RunningProgram(NAME, replace={"time.sleep": sleep}) as running:
            running.line()
            child = min(wait_for_children(running, 4))
            os.kill(child, signal.SIGKILL)
            assert running.stderr_line() == f"{ENDED}-9"
            assert running.line() == "sleeps 1.0"
            wait_for_children(running, 4)
            assert terminate(running) == TERMINATED

    @pytest.mark.fault(FaultGroup.CHILDREN, "a mistake in a child's code")
    def test_a_mistake_in_a_child_is_told(self) -> None:
        def echo(connection: socket.socket) -> None:
            with connection:
                raise LookupError("a mistake")

        replace = {"echo": echo, "RETRY_DELAY": 0.01}
        with RunningProgram(NAME, replace=replace) as running:
            first = running.line()
            for _ in range(2):
                with client_of(NAME, first) as client:
                    assert client.recv(1) == b""
                line = f"{NAME}: child: LookupError('a mistake')"
                assert running.stderr_line() == line
                assert running.stderr_line() == f"{ENDED}1"
            wait_for_children(running, 4)
            assert terminate(running) == TERMINATED

    @pytest.mark.fault(FaultGroup.CHILDREN, "no room for another process")
    def test_without_room_for_a_process_it_tries_again(self) -> None:
        with serving(
            **{"os.fork": failing_once(os.fork), "RETRY_DELAY": 0.01}
        ) as (running, _):
            again = f"{NAME}: [Errno {errno.EAGAIN}] it fails"
            assert running.stderr_line() == again
            wait_for_children(running, 4)

    @pytest.mark.fault(
        FaultGroup.CHILDREN, "a parent killed before its child ends"
    )
    def test_children_finish_when_the_parent_is_killed(self) -> None:
        with RunningProgram(NAME) as running:
            with client_of(NAME, running.line()) as client:
                assert_echoed(client, b"one")
                wait_for_children(running, 4)
                os.kill(running.pid, signal.SIGKILL)
                os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
                assert_echoed(client, b"two")
            assert running.finish() == (-signal.SIGKILL, "", "")

    def test_one_of_four_is_replaced_by_one(self) -> None:
        with serving(RETRY_DELAY=0.01) as (running, _):
            before = wait_for_children(running, 4)
            os.kill(gone := min(before), signal.SIGKILL)
            assert running.stderr_line() == f"{ENDED}-9"
            while len(after := children_of(running.pid) - {gone}) < 4:
                os.sched_yield()
            wait_until_blocked(running.pid)
            assert len(children_of(running.pid)) == 4
            assert len(before & after) == 3


class TestSigterm:
    def test_a_client_may_finish(self) -> None:
        with (
            RunningProgram(NAME) as running,
            client_of(NAME, running.line()) as client,
        ):
            assert_echoed(client, b"one")
            wait_for_children(running, 4)
            running.signal(signal.SIGTERM)
            for _ in range(3):
                assert_echoed(client, b"two")
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
            assert running.finish() == TERMINATED

    def test_it_may_come_to_all_processes(self) -> None:
        """As a service manager sends it."""
        with (
            RunningProgram(NAME) as running,
            client_of(NAME, running.line()) as client,
        ):
            assert_echoed(client, b"one")
            wait_for_children(running, 4)
            os.killpg(running.pid, signal.SIGTERM)
            for _ in range(3):
                assert_echoed(client, b"two")
                os.killpg(running.pid, signal.SIGTERM)
            client.close()
            assert running.finish() == TERMINATED

    def test_those_in_the_queue_are_served(self) -> None:
        with (
            RunningProgram(NAME) as running,
            contextlib.ExitStack() as stack,
        ):
            first = running.line()
            wait_for_children(running, 4)
            with stopped(running):
                clients = [
                    stack.enter_context(client_of(NAME, first))
                    for _ in range(50)
                ]
                os.kill(running.pid, signal.SIGTERM)
            for client in clients:
                assert_echoed(client, b"one")
                client.close()
            assert running.finish() == TERMINATED

    def test_the_queue_is_served_for_a_limited_time(self) -> None:
        """Or a busy server would never stop."""
        with RunningProgram(
            NAME, replace={"LAST_CALL": 0.0, "CHILDREN": 1}
        ) as running:
            first = running.line()
            with client_of(NAME, first) as client:
                assert_echoed(client, b"one")
                with client_of(NAME, first) as late:
                    running.signal(signal.SIGTERM)
                    wait_until_blocked(running.pid)
                    client.close()
                    with pytest.raises(ConnectionResetError):
                        late.recv(1)
            assert running.finish() == TERMINATED

    def test_nobody_is_accepted_any_more(self) -> None:
        with RunningProgram(NAME) as running:
            first = running.line()
            assert terminate(running) == TERMINATED
        with pytest.raises(ConnectionRefusedError), client_of(NAME, first):
            pass

    def test_a_silent_client_cannot_put_it_off(self) -> None:
        with (
            RunningProgram(NAME, replace={"LONGEST": 0.3}) as running,
            client_of(NAME, running.line()) as client,
        ):
            assert_echoed(client, b"one")
            wait_for_children(running, 4)
            running.signal(signal.SIGTERM)
            ended = running.finish()
        assert_exit_report(
            ended, f"{NAME}: timed out\n", status=-signal.SIGTERM
        )

    @pytest.mark.fault(
        FaultGroup.SIGNALS, "SIGTERM as process 1 of a container"
    )
    def test_process_1_of_a_container_ends_as_well(self) -> None:
        """There SIGTERM does nothing by default; the status tells of it."""
        with process_1(NAME) as (unshare, pid, first):
            with client_of(NAME, first) as client:
                assert_echoed(client, b"one")
                os.kill(pid, signal.SIGTERM)
                assert_echoed(client, b"two")
            assert unshare.communicate(timeout=DEADLINE) == ("", "")
        assert unshare.returncode == 128 + signal.SIGTERM

    def test_both_signals_may_be_ignored_at_the_start(self) -> None:
        def ignore_both_and_serve() -> None:
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            vars(inet_stream_prefork).update(CHILDREN=1, RETRY_DELAY=0.01)
            inet_stream_prefork.main()

        with RunningProgram(ignore_both_and_serve, name=NAME) as running:
            first = running.line()
            (child,) = wait_for_children(running, 1)
            os.kill(child, signal.SIGKILL)
            assert running.stderr_line() == f"{ENDED}-9"
            with client_of(NAME, first) as client:
                assert_echoed(client, b"one")
            assert terminate(running) == TERMINATED


class TestTheEnd:
    def test_as_process_1_it_exits(self) -> None:
        """No default action ends that one."""
        names = {"signal.raise_signal": lambda _: None, "CHILDREN": 1}
        with RunningProgram(NAME, replace=names) as running:
            running.line()
            wait_for_children(running, 1)
            running.signal(signal.SIGTERM)
            assert running.finish().status == 128 + signal.SIGTERM

    def test_a_signal_before_the_first_child_is_not_missed(self) -> None:
        def be_told_and_serve() -> None:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            signal.raise_signal(signal.SIGTERM)
            inet_stream_prefork.main()

        with RunningProgram(be_told_and_serve, name=NAME) as running:
            running.line()
            assert running.finish() == TERMINATED

    def test_one_that_comes_just_before_the_wait_is_not_missed(self) -> None:
        """A handler would run after the wait, which a child would end."""

        def wait(signals: set[int]) -> int:
            if not told:
                told.append(True)
                signal.raise_signal(signal.SIGTERM)
            return sigwait(signals)

        told: list[bool] = []
        sigwait = signal.sigwait
        replace = {"signal.sigwait": wait}
        with RunningProgram(NAME, replace=replace) as running:
            running.line()
            assert running.finish() == TERMINATED

    @pytest.mark.parametrize("room", [0, 2])
    def test_it_is_heard_while_no_process_can_be_made(self, room: int) -> None:
        """Without so many children as it wants it never waits for signals."""

        def fork_if_there_is_room() -> int:
            if not places:
                raise OSError(errno.EAGAIN, "no room")
            places.pop()
            return fork()

        places = [True] * room
        fork = os.fork
        replace = {"os.fork": fork_if_there_is_room, "RETRY_DELAY": 0.01}
        with RunningProgram(NAME, replace=replace) as running:
            line = f"{NAME}: [Errno {errno.EAGAIN}] no room"
            assert running.stderr_line() == line
            running.signal(signal.SIGTERM)
            ended = running.finish()
        assert ended.status == -signal.SIGTERM
        assert {*ended.err.splitlines()} <= {line}


class TestLimits:
    @pytest.mark.slow
    @pytest.mark.fault(FaultGroup.STREAM_PEERS, "1,000 idle clients")
    def test_idle_clients_are_served_in_turn(self) -> None:
        with (
            room_for_descriptors(2 * IDLE),
            RunningProgram(
                NAME, replace={"LONGEST": 0.001, "complain": quiet}
            ) as running,
            contextlib.ExitStack() as stack,
        ):
            first = running.line()
            for number in range(1, IDLE + 1):
                idle = stack.enter_context(client_of(NAME, first))
                if number % 100 == 0:  # or the queue would be full
                    assert idle.recv(1) == b""
            wait_until_served(lambda: client_of(NAME, first))
            assert len(children_of(running.pid)) == 4
            assert terminate(running) == TERMINATED


class TestMisfortunes:
    @pytest.mark.fault(
        FaultGroup.HOSTS, "a host of whose addresses the first cannot be had"
    )
    def test_takes_the_first_address_of_a_name_or_none(
        self, record_property: Callable[[str, object], None]
    ) -> None:
        record_property("instead", "inet_stream_fork")
        replace = resolver("192.0.2.1", "127.0.0.1")  # no machine has the one
        with RunningProgram(NAME, "sea", replace=replace) as running:
            ended = running.finish()
        why = rf"{reason(errno.EADDRNOTAVAIL)}.*"
        assert_exit_report(ended, rf"{NAME}: sea: {why}\n", out="")

    @pytest.mark.fault(FaultGroup.DESCRIPTORS, "no free descriptor for accept")
    def test_waits_for_a_free_descriptor(self) -> None:
        """A child that cannot accept ends; another one takes its place."""
        with RunningProgram(
            NAME, replace={"CHILDREN": 1, "RETRY_DELAY": 0.01}
        ) as running:
            first = running.line()
            (child,) = wait_for_children(running, 1)
            with (
                contextlib.suppress(ProcessLookupError),  # it has ended
                no_free_descriptor(child),
                open_socket(NAME) as client,
            ):
                client.connect(address_in(first))
                failed = f"{NAME}: child: OSError({errno.EMFILE}, "
                assert running.stderr_line().startswith(failed)
                assert running.stderr_line() == f"{ENDED}1"
                assert_echoed(client, b"two")
            assert terminate(running) == TERMINATED

    @pytest.mark.fault(FaultGroup.DESCRIPTORS, "no free descriptor at start")
    @pytest.mark.parametrize(
        ("free", "subject"), [(0, "127.0.0.1"), (1, "lifeline")]
    )
    def test_without_a_descriptor_it_says_so(
        self, free: int, subject: str
    ) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)

        def run() -> None:
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (lowest + free, limit[1])
            )
            try:
                main()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limit)

        main = main_of(NAME)
        with RunningProgram(run, name=NAME) as running:
            ended = running.finish()
        stderr = rf"{NAME}: {subject}: .*Too many open files.*\n"
        assert_exit_report(ended, stderr)
