from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ipc_examples import inet_stream_fork
from tests.harness.fault_groups import FaultGroup
from tests.harness.forking_servers import (
    assert_echoed,
    failing_once,
    room_for_descriptors,
    wait_until_served,
)
from tests.harness.peers import client_of
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    anew,
    assert_exit_report,
    assert_idle,
    children_of,
    main_of,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

NAME = "inet_stream_fork"
CONSTANTS = {"CHILDREN": 256, "LONGEST": 60.0, "RETRY_DELAY": 1.0}
ENDED = f"{NAME}: a child ended with status "
IDLE = 300  # clients, each of whom costs a fork


@contextlib.contextmanager
def serving(**replace: object) -> Iterator[tuple[RunningProgram, str]]:
    """Yield a server; see that it then serves, and dies as usual."""
    with RunningProgram(NAME, replace=replace) as running:
        first = running.line()
        yield running, first
        assert_serves(first)
        wait_until_childless(running.pid)
        assert running.interrupt() == (-signal.SIGINT, "", "")


def assert_serves(first: str) -> None:
    with client_of(NAME, first) as client:
        assert_echoed(client, b"last")


def wait_until_childless(pid: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while children_of(pid):
        assert time.monotonic() < deadline, "a child is left, or a zombie"
        os.sched_yield()


pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="asks /proc for a process's children"
)


class TestChildren:
    def test_each_client_has_a_child_that_ends_with_it(self) -> None:
        with (
            serving() as (running, first),
            client_of(NAME, first) as one,
            client_of(NAME, first) as other,
        ):
            assert_echoed(one, b"one")
            assert_echoed(other, b"two")
            assert len(children_of(running.pid)) == 2

    def test_a_client_that_has_ended_leaves_no_zombie(self) -> None:
        with serving() as (running, first):
            for _ in range(20):
                assert_serves(first)
            wait_until_childless(running.pid)
            assert_idle(running.pid)

    @pytest.mark.fault(FaultGroup.CHILDREN, "children killed at any moment")
    def test_a_killed_child_is_told_of_and_costs_its_client_alone(
        self,
    ) -> None:
        with (
            serving() as (running, first),
            client_of(NAME, first) as one,
        ):
            assert_echoed(one, b"one")
            (child,) = children_of(running.pid)
            with client_of(NAME, first) as other:
                assert_echoed(other, b"two")
                os.kill(child, signal.SIGKILL)
                assert one.recv(1) == b""
                assert running.stderr_line() == f"{ENDED}-9"
                assert_echoed(other, b"three")

    def test_a_child_ends_with_its_client_after_the_parent(self) -> None:
        with RunningProgram(NAME) as running:
            with client_of(NAME, running.line()) as client:
                assert_echoed(client, b"one")
                os.kill(running.pid, signal.SIGTERM)
                assert os.waitid(
                    os.P_PID, running.pid, os.WEXITED | os.WNOWAIT
                )
                assert_echoed(client, b"two")
            assert running.finish() == (-signal.SIGTERM, "", "")

    @pytest.mark.fault(FaultGroup.CHILDREN, "a mistake in a child's code")
    def test_a_mistake_in_a_child_is_told(self) -> None:
        def echo(connection: socket.socket) -> None:
            with connection:
                raise LookupError("a mistake")

        with RunningProgram(NAME, replace={"echo": echo}) as running:
            first = running.line()
            for _ in range(2):
                with client_of(NAME, first) as client:
                    assert client.recv(1) == b""
                line = f"{NAME}: child: LookupError('a mistake')"
                assert running.stderr_line() == line
                assert running.stderr_line() == f"{ENDED}1"
            assert running.interrupt() == (-signal.SIGINT, "", "")

    def test_a_child_may_wait_for_children_of_its_own(self) -> None:
        """The server's handler would take their status."""

        def echo(connection: socket.socket) -> None:
            read, write = os.pipe()
            if (pid := os.fork()) == 0:
                os.close(write)
                os._exit(7)
            while not os.waitid(
                os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
            ):
                os.sched_yield()
            time.sleep(0)  # a handler would have its turn here
            for descriptor in (read, write):
                os.close(descriptor)
            with connection:
                status = os.waitpid(pid, 0)[1]
                connection.sendall(bytes([os.waitstatus_to_exitcode(status)]))

        with RunningProgram(NAME, replace={"echo": echo}) as running:
            with client_of(NAME, running.line()) as client:
                assert client.recv(1) == b"\7"
            wait_until_childless(running.pid)
            assert running.interrupt() == (-signal.SIGINT, "", "")


class TestLimits:
    def test_more_clients_than_children_wait(self) -> None:
        with (
            serving(CHILDREN=2) as (running, first),
            client_of(NAME, first) as one,
            client_of(NAME, first) as two,
        ):
            assert_echoed(one, b"one")
            assert_echoed(two, b"two")
            with client_of(NAME, first) as three:
                three.sendall(b"three")
                running.wait_until_blocked()
                os.kill(running.pid, signal.SIGCHLD)  # as if one was stopped
                assert_idle(running.pid)
                assert len(children_of(running.pid)) == 2
                one.close()
                assert three.recv(5) == b"three"

    def test_a_child_that_ends_before_the_wait_for_one_makes_room(
        self,
    ) -> None:
        """A handler that ran just before the wait would not end it."""
        sigwait = signal.sigwait

        def wait_for_an_end_first(signals: set[signal.Signals]) -> int:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            return sigwait(signals)

        with serving(
            **{"CHILDREN": 1, "signal.sigwait": wait_for_an_end_first}
        ) as (_, first):
            for _ in range(3):
                assert_serves(first)

    @pytest.mark.slow
    @pytest.mark.fault(FaultGroup.STREAM_PEERS, "300 idle clients")
    def test_idle_clients_are_served_in_turn(self) -> None:
        """At most CHILDREN of them at a time; the others wait."""
        with (
            room_for_descriptors(2 * IDLE),
            RunningProgram(
                anew(NAME, CHILDREN=20, LONGEST=0.01), name=NAME
            ) as running,
            contextlib.ExitStack() as stack,
        ):
            first = running.line()
            most = 0
            for _ in range(IDLE):
                stack.enter_context(client_of(NAME, first))
                most = max(most, len(children_of(running.pid)))
            assert 0 < most <= 20
            wait_until_served(lambda: client_of(NAME, first))
            wait_until_childless(running.pid)
            status, _, err = running.interrupt()
            assert status == -signal.SIGINT
            assert re.fullmatch(rf"({NAME}: timed out\n)+", err)


class TestMisfortunes:
    @pytest.mark.fault(FaultGroup.CHILDREN, "no room for another process")
    def test_without_room_for_a_process_it_drops_a_client_and_goes_on(
        self,
    ) -> None:
        with RunningProgram(
            NAME,
            replace={
                "os.fork": failing_once(os.fork),
                "RETRY_DELAY": 0.01,
                "CHILDREN": 1,
            },
        ) as running:
            first = running.line()
            with client_of(NAME, first) as client:
                assert client.recv(1) == b""
            again = f"{NAME}: [Errno {errno.EAGAIN}] it fails"
            assert running.stderr_line() == again
            assert_serves(first)
            wait_until_childless(running.pid)
            assert running.interrupt() == (-signal.SIGINT, "", "")

    def test_a_complaint_may_interrupt_another(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Writing:
            def write(self, _: str) -> None:
                raise RuntimeError("reentrant call")

        monkeypatch.setattr("sys.stderr", Writing())
        inet_stream_fork.complain("one")

    @pytest.mark.fault(FaultGroup.DESCRIPTORS, "no free descriptor at start")
    def test_without_a_descriptor_it_says_so(self) -> None:
        def run() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, 4096))
            try:
                main()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))

        main = main_of(NAME)
        with RunningProgram(run, name=NAME) as running:
            ended = running.finish()
        stderr = rf"{NAME}: 127\.0\.0\.1: .*Too many open files.*\n"
        assert_exit_report(ended, stderr, out="")
