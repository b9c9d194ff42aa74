from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import selectors
import signal
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from ipc_examples.connect_many import begin, connect_all, outcome
from tests.harness.fault_groups import FaultGroup
from tests.harness.ipv6 import needs_ipv6
from tests.harness.obstacles import RESET
from tests.harness.peers import (
    IPV6_ABSENT,
    LOOPBACK,
    NAMES_UNKNOWN,
    resolver,
)
from tests.harness.running import DEADLINE, RunningProgram, main_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "connect_many"
CONSTANTS = {"TIMEOUT": 5.0}
NOT_REACHED = (
    "except OSError as error:",  # no descriptor is free
    "return error",
    "break",  # the time was over
    "error = TimeoutError(",
    "yield from ((address, error)",
    'how = "connected"',
    "return OSError(number, os.strerror(number))",
    "failure = error",  # it was reset
    "sock.close()",
    "result.close()",
    "return sock",
)
REFUSED = f"[Errno {errno.ECONNREFUSED}] Connection refused"
NO_ANSWER = f"[Errno {errno.ETIMEDOUT}] No answer"


@contextlib.contextmanager
def nobody(host: str = LOOPBACK) -> Iterator[tuple[str, int]]:
    """Yield an address at which nobody listens, and nobody will."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as bound:
        bound.bind((host, 0))
        yield bound.getsockname()


@contextlib.contextmanager
def somebody(host: str = LOOPBACK, backlog: int = 4096) -> Iterator[Any]:
    """Yield a listener that accepts nobody."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server(
        (host, 0), family=family, backlog=backlog
    ) as listener:
        listener.settimeout(DEADLINE)
        yield listener


@contextlib.contextmanager
def silence() -> Iterator[tuple[str, int]]:
    """Yield an address that neither accepts nor refuses: its queue is full.

    Linux answers nothing then.
    """
    with (
        somebody(backlog=0) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        yield listener.getsockname()


def results(addresses: list[Any], timeout: float = DEADLINE) -> dict[Any, str]:
    found = {}
    for address, result in connect_all(addresses, timeout):
        if isinstance(result, socket.socket):
            assert result.getpeername() == address
            assert not result.getblocking()
            result.close()
            found[address] = "connected"
        else:
            found[address] = str(result)
    return found


class TestConnectAll:
    def test_connects_to_none(self) -> None:
        assert list(connect_all([], timeout=DEADLINE)) == []

    def test_tells_who_accepts_and_who_refuses(self) -> None:
        with somebody() as one, somebody() as two, nobody() as three:
            addresses = [one.getsockname(), three, two.getsockname()]
            expected = dict(
                zip(
                    addresses, ["connected", REFUSED, "connected"], strict=True
                )
            )
            assert results(addresses) == expected

    def test_a_silent_one_holds_up_nobody(self) -> None:
        with silence() as silent, somebody() as listener:
            told: Any = connect_all([silent, listener.getsockname()], DEADLINE)
            address, result = next(told)
            assert address == listener.getsockname()
            assert isinstance(result, socket.socket)
            result.close()
            told.close()

    def test_tells_of_each_once_though_it_stays_open(self) -> None:
        with silence() as silent, somebody() as listener:
            addresses = [silent, listener.getsockname()]
            told = dict(connect_all(addresses, timeout=0.05))
        assert len(told) == 2
        connection = told[addresses[1]]
        assert isinstance(connection, socket.socket)
        connection.close()

    def test_may_succeed_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As some systems do, to an address of their own."""
        connect_ex = socket.socket.connect_ex

        def wait_and_connect(sock: socket.socket, address: Any) -> int:  # noqa: ANN401
            sock.setblocking(True)
            number = connect_ex(sock, address)
            sock.setblocking(False)
            return number

        monkeypatch.setattr(socket.socket, "connect_ex", wait_and_connect)
        with somebody() as listener, nobody() as address:
            assert results([listener.getsockname(), address]) == {
                listener.getsockname(): "connected",
                address: REFUSED,
            }

    def test_gives_up_on_a_silent_one(self) -> None:
        with silence() as silent, nobody() as address:
            assert results([silent, address], 0.05) == {
                address: REFUSED,
                silent: NO_ANSWER,
            }

    def test_tells_what_has_ended_when_the_time_is_over(self) -> None:
        """What is known is told, and not taken for late."""
        with nobody() as address:
            assert results([address], 0.0)[address] in {REFUSED, NO_ANSWER}
            assert results([address], -1.0)[address] in {REFUSED, NO_ANSWER}

    def test_connects_to_one_several_times(self) -> None:
        with somebody() as listener:
            told = connect_all([listener.getsockname()] * 3, DEADLINE)
            found = [result for _, result in told]
            assert len(found) == 3
            for result in found:
                assert isinstance(result, socket.socket)
                result.close()

    def test_connects_to_many_at_once(self) -> None:
        with somebody() as listener:
            told = connect_all([listener.getsockname()] * 300, DEADLINE)
            for _, result in told:
                assert isinstance(result, socket.socket)
                result.close()

    def test_closes_all_when_it_is_left(self) -> None:
        before = os.listdir("/dev/fd")
        with silence() as silent, somebody() as listener:
            told: Any = connect_all([silent, listener.getsockname()], DEADLINE)
            _, result = next(told)
            assert isinstance(result, socket.socket)
            result.close()
            told.close()
        assert os.listdir("/dev/fd") == before

    def test_closes_all_when_it_cannot_wait(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> NoReturn:
            raise OSError(errno.EIO, "It fails")

        before = os.listdir("/dev/fd")
        monkeypatch.setattr(selectors.DefaultSelector, "select", fail)
        with somebody() as listener, pytest.raises(OSError, match="It fails"):
            list(connect_all([listener.getsockname()] * 3, DEADLINE))
        assert os.listdir("/dev/fd") == before

    def test_waits_again_after_a_false_alarm(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        select, calls = selectors.DefaultSelector.select, []

        def nothing_at_first(selector: Any, timeout: float) -> object:  # noqa: ANN401
            calls.append(timeout)
            return select(selector, timeout) if len(calls) > 1 else []

        monkeypatch.setattr(
            selectors.DefaultSelector, "select", nothing_at_first
        )
        with nobody() as address:
            assert results([address]) == {address: REFUSED}
        assert 0 < calls[1] <= calls[0] <= DEADLINE

    def test_tells_of_an_address_that_needs_no_wait(self) -> None:
        """A broadcast address is refused by connect() itself."""
        address = ("255.255.255.255", 1)
        with nobody() as other:
            found = results([address, other])
        assert list(found) == [address, other]
        assert re.fullmatch(r"\[Errno \d+\] .*", found[address])

    def test_tells_that_no_descriptor_is_free(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_socket(*_: object) -> NoReturn:
            raise OSError(errno.EMFILE, "none is free")

        monkeypatch.setattr(socket, "socket", no_socket)
        assert isinstance(begin((LOOPBACK, 1)), OSError)

    @needs_ipv6
    def test_connects_by_ipv6(self) -> None:
        with somebody("::1") as listener, nobody("::1") as address:
            assert results([listener.getsockname(), address]) == {
                listener.getsockname(): "connected",
                address: REFUSED,
            }


class TestOutcome:
    def test_a_connection_to_oneself_is_none(self) -> None:
        with socket.socket() as sock:
            sock.bind((LOOPBACK, 0))
            sock.connect(sock.getsockname())
            assert str(outcome(sock)) == REFUSED
            assert sock.fileno() == -1

    def test_a_connection_to_oneself_by_the_address_of_no_host(self) -> None:
        """To 0.0.0.0 is, on Linux, to this machine."""
        with socket.socket() as sock:
            sock.bind((LOOPBACK, 0))
            sock.connect(("0.0.0.0", sock.getsockname()[1]))  # noqa: S104
            assert str(outcome(sock)) == REFUSED
            assert sock.fileno() == -1

    def test_a_connection_that_was_reset_at_once(self) -> None:
        with somebody() as listener:
            sock = socket.create_connection(listener.getsockname())
            with listener.accept()[0] as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            assert isinstance(outcome(sock), ConnectionResetError)
            assert sock.fileno() == -1

    def test_a_connection_that_was_reset_after_its_error_was_read(
        self,
    ) -> None:
        with socket.socket() as sock:  # as such a one, it has no peer
            sock.setblocking(False)
            result = outcome(sock)
            assert isinstance(result, OSError)
            assert result.errno == errno.ENOTCONN
            assert sock.fileno() == -1


class TestProgram:
    def test_prints_each_in_the_order_of_its_end(self) -> None:
        with silence() as silent, somebody() as listener, nobody() as none:
            port = listener.getsockname()[1]
            with RunningProgram(
                NAME,
                LOOPBACK,
                *(str(n) for n in (silent[1], none[1], port)),
                replace={"TIMEOUT": 1.0},
            ) as running:
                lines = {running.line(), running.line()}
                assert lines == {
                    f"{LOOPBACK} port {none[1]}: {REFUSED}",
                    f"{LOOPBACK} port {port}: connected",
                }
                last = f"{LOOPBACK} port {silent[1]}: {NO_ANSWER}\n"
                assert running.finish() == (0, last, "")

    def test_tells_of_one_while_it_waits_for_another(self) -> None:
        with silence() as (_, silent), nobody() as (_, port):
            ports = str(silent), str(port)
            with RunningProgram(
                NAME, LOOPBACK, *ports, replace={"TIMEOUT": 60.0}
            ) as running:
                assert running.line() == f"{LOOPBACK} port {port}: {REFUSED}"
                assert running.interrupt() == (-signal.SIGINT, "", "")

    def test_keeps_the_scope_of_an_address(self) -> None:
        """An address of IPv6 that is for one link says which."""

        def resolve(*_: object, **__: object) -> object:
            return [(0, 0, 0, "", ("fe80::1", 0, 0, 7))]

        def tell(addresses: list[Any], timeout: float) -> list[Any]:
            return [(it, OSError(f"{it} {timeout}")) for it in addresses]

        replace = {"socket.getaddrinfo": resolve, "connect_all": tell}
        with RunningProgram(NAME, "sea", "8", "9", replace=replace) as it:
            status, out, err = it.finish()
        assert (status, err) == (0, "")
        assert out.splitlines() == [
            f"fe80::1 port {port}: ('fe80::1', {port}, 0, 7) 5.0"
            for port in (8, 9)
        ]

    def test_a_peer_sees_a_connection_that_ends(self) -> None:
        with somebody() as listener:
            port = str(listener.getsockname()[1])
            with RunningProgram(NAME, LOOPBACK, port) as running:
                with listener.accept()[0] as peer:
                    peer.settimeout(DEADLINE)
                    assert peer.recv(1) == b""
                line = f"{LOOPBACK} port {port}: connected\n"
                assert running.finish() == (0, line, "")

    @pytest.mark.fault(
        FaultGroup.HOSTS, "a host of whose addresses the first refuses"
    )
    @needs_ipv6
    def test_tries_every_address_of_a_host(self) -> None:
        with somebody() as listener:
            port = str(listener.getsockname()[1])
            hosts = resolver("::1", LOOPBACK, "::1")
            with RunningProgram(NAME, "localhost", port, replace=hosts) as it:
                status, out, err = it.finish()
        assert (status, err) == (0, "")
        assert sorted(out.splitlines()) == [
            f"{LOOPBACK} port {port}: connected",
            f"::1 port {port}: {REFUSED}",
        ]

    @pytest.mark.fault(FaultGroup.HOSTS, "IPv6 absent")
    def test_goes_on_without_ipv6(self) -> None:
        with somebody() as listener:
            port = str(listener.getsockname()[1])
            hosts = resolver("::1", LOOPBACK) | IPV6_ABSENT
            with RunningProgram(NAME, "localhost", port, replace=hosts) as it:
                assert it.line() == (
                    f"::1 port {port}: [Errno {errno.EAFNOSUPPORT}] no IPv6"
                )
                line = f"{LOOPBACK} port {port}: connected\n"
                assert it.finish() == (0, line, "")

    @pytest.mark.fault(FaultGroup.HOSTS, "a host that nobody knows")
    def test_reports_a_host_that_nobody_knows(self) -> None:
        with RunningProgram(NAME, "sea", "1", replace=NAMES_UNKNOWN) as it:
            error = f"[Errno {socket.EAI_NONAME}] unknown"
            assert it.finish() == (1, "", f"{NAME}: sea: {error}\n")

    def test_reports_a_host_that_is_no_name(self) -> None:
        with RunningProgram(NAME, "x" * 64, "1") as it:
            status, out, err = it.finish()
        assert (status, out) == (1, "")
        assert re.fullmatch(rf"{NAME}: x+: .*label.*\n", err)

    @pytest.mark.fault(FaultGroup.HOSTS, "a port that is none")
    @pytest.mark.parametrize("port", ["0", "65536", "-1", "", "http", " 1"])
    def test_refuses_what_is_no_port(self, port: str) -> None:
        with RunningProgram(NAME, LOOPBACK, "1", port) as running:
            status, out, err = running.finish()
        assert (status, out) == (2, "")
        assert err.splitlines()[-1] == (
            f"{NAME}.py: error: argument PORT: {port!r} is not from 1 to 65535"
        )

    def test_dies_of_control_c_while_it_waits(self) -> None:
        with (
            silence() as (_, port),
            RunningProgram(
                NAME, LOOPBACK, str(port), replace={"TIMEOUT": 60.0}
            ) as running,
        ):
            assert running.interrupt() == (-signal.SIGINT, "", "")

    def test_tells_of_each_for_which_no_descriptor_is_free(self) -> None:
        """Of 64 three are the standard ones, and one is the selector's."""

        def lower_the_limit() -> None:
            os.closerange(3, 64)  # what it inherited from the tests
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
            main_of(NAME, LOOPBACK, *["1"] * 100)()

        with RunningProgram(lower_the_limit, name=NAME) as running:
            status, out, err = running.finish()
        assert (status, err) == (0, "")
        told = Counter(out.splitlines())
        line = f"{LOOPBACK} port 1: "
        full = told[f"{line}[Errno {errno.EMFILE}] Too many open files"]
        assert (told[f"{line}{REFUSED}"], full) == (60, 40)
