from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from ipc_examples import lossy_relay, reliable_request
from ipc_examples.reliable_request import RoundTrip, ask, serve
from tests.harness.fault_groups import FaultGroup
from tests.harness.peers import LOOPBACK, datagram_socket
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    act_in_child,
    assert_exit_report,
    assert_idle,
    kill_self,
    short_timeouts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    Address = tuple[str, int]

NAME = "reliable_request"
CONSTANTS = {
    "TIMEOUT": 1.0,
    "LONGEST": 60.0,
    "TRIES": 5,
    "LARGEST": 1200,
    "HEAD": 17,
    "KEPT": 10000,
}
# Only nonsense brings them about, many requests, and one that is too long.
NOT_REACHED = ("continue", "del answers[", "raise ValueError")
NUMBER = b"0123456789abcdef"
ANOTHER = b"?fedcba9876543210"
fault = pytest.mark.fault


@contextlib.contextmanager
def serving(**replace: object) -> Iterator[tuple[Address, RunningProgram]]:
    """Yield the address of a server, and the process that serves."""
    with datagram_socket() as server:
        end, childs_end = socket.socketpair()

        def run() -> None:
            end.close()
            serve(server, childs_end)

        with end, childs_end, RunningProgram(run, replace=replace) as running:
            yield server.getsockname(), running


def asked(client: socket.socket, datagram: bytes) -> bytes:
    client.send(datagram)
    return client.recv(1024)


@contextlib.contextmanager
def client_of(address: Address) -> Iterator[socket.socket]:
    with datagram_socket() as client:
        client.connect(address)
        yield client


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliable_request, "TIMEOUT", 0.02)
    monkeypatch.setattr(reliable_request, "LONGEST", 0.04)
    monkeypatch.setattr(RoundTrip, "timeout", 0.02)


def test_asks_three_times() -> None:
    with RunningProgram(NAME) as running:
        assert running.finish() == (
            0,
            "".join(f"try 1 -->b'{n / 2} leagues'\n" for n in (1, 2, 3)),
            "",
        )


class TestRoundTrip:
    """The figures are those that RFC 6298, section 2, gives by its rules."""

    def test_waits_at_first_as_it_is_told(self) -> None:
        assert RoundTrip().timeout == reliable_request.TIMEOUT

    def test_the_first_answer_counts_three_times(self) -> None:
        trip = RoundTrip()
        trip.add(2.0)  # SRTT = R, RTTVAR = R / 2, RTO = SRTT + 4 RTTVAR
        assert (trip.mean, trip.variation, trip.timeout) == (2.0, 1.0, 6.0)

    def test_a_later_one_counts_less(self) -> None:
        trip = RoundTrip()
        trip.add(2.0)
        trip.add(6.0)
        assert trip.variation == 0.75 * 1.0 + 0.25 * abs(2.0 - 6.0)
        assert trip.mean == 0.875 * 2.0 + 0.125 * 6.0
        assert trip.timeout == trip.mean + 4 * trip.variation

    def test_never_waits_less_than_the_shortest(self) -> None:
        trip = RoundTrip()
        trip.add(1e-6)
        assert trip.timeout == reliable_request.TIMEOUT


class TestAsk:
    def test_gives_up_on_a_silent_server(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Each wait is twice the one before, up to the longest."""
        waits: list[float] = []

        def exchange(_: object, __: bytes, until: float) -> bytes:
            waits.append(until)
            return b""

        monkeypatch.setattr(reliable_request, "exchange", exchange)
        monkeypatch.setattr("time.monotonic", lambda: 0.0)
        monkeypatch.setattr(reliable_request, "LONGEST", 6.0)
        trip = RoundTrip()
        with (
            datagram_socket() as client,
            pytest.raises(TimeoutError, match=r"^no answer to 5 tries$"),
        ):
            ask(client, trip, b"who?")
        for wait, least in zip(waits, (1, 2, 4, 6, 6), strict=True):
            assert least < wait <= 1.5 * least
        assert trip.timeout == 32.0  # it is kept for the next request
        out = "".join(f"try {n}: no answer\n" for n in range(1, 6))
        assert capsys.readouterr().out == out

    def test_slow_answers_make_no_wait_longer_but_for_jitter(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def exchange(_: object, request: bytes, until: float) -> bytes:
            longest = reliable_request.LONGEST
            assert longest < until <= 1.5 * longest
            return request

        monkeypatch.setattr(reliable_request, "exchange", exchange)
        monkeypatch.setattr("time.monotonic", lambda: 0.0)
        trip = RoundTrip()
        trip.add(50.0)
        with datagram_socket() as client:
            ask(client, trip, b"who?")

    def test_two_clients_do_not_wait_alike(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: set[float] = set()

        def exchange(_: object, request: bytes, until: float) -> bytes:
            waits.add(until)
            return request

        monkeypatch.setattr(reliable_request, "exchange", exchange)
        monkeypatch.setattr("time.monotonic", lambda: 0.0)
        with datagram_socket() as client:
            for _ in range(20):
                ask(client, RoundTrip(), b"who?")
        assert len(waits) == 20

    @pytest.mark.usefixtures("_short")
    def test_asks_again_with_the_same_number(self) -> None:
        with datagram_socket() as server, datagram_socket() as client:
            client.connect(server.getsockname())
            with RunningProgram(
                lambda: print(ask(client, RoundTrip(), b"who?"))
            ) as running:
                first, _ = server.recvfrom(1024)
                assert running.line() == "try 1: no answer"
                second, address = server.recvfrom(1024)
                assert first == second
                assert (first[:1], first[17:]) == (b"?", b"who?")
                server.sendto(b"!" + first[1:17] + b"I", address)
                out = running.finish().out.splitlines()
        assert out[-2].endswith("-->b'I'")
        assert out[-1] == "b'I'"

    def test_ignores_what_is_no_answer_to_this_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A late answer, a request, nonsense and nothing."""
        monkeypatch.setattr(RoundTrip, "timeout", DEADLINE)
        with datagram_socket() as server, datagram_socket() as client:
            client.connect(server.getsockname())
            with RunningProgram(
                lambda: print(ask(client, RoundTrip(), b"who?"))
            ) as running:
                request, address = server.recvfrom(1024)
                number = request[1:17]
                for nonsense in (
                    b"!" + NUMBER + b"late",
                    request,
                    b"!" + number[:15],
                    b"",
                    bytes(60000),
                ):
                    server.sendto(nonsense, address)
                server.sendto(b"!" + number + b"\x1b[2J", address)
                out = "try 1 -->b'\\x1b[2J'\nb'\\x1b[2J'\n"
                assert running.finish() == (0, out, "")

    @fault(FaultGroup.DATAGRAMS, "a request that cannot be sent just now")
    @pytest.mark.parametrize("program", [NAME])
    @pytest.mark.usefixtures("_short")
    def test_what_cannot_be_sent_is_a_lost_try(
        self, program: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert program == NAME
        send, tries = socket.socket.send, []

        def send_the_third(client: socket.socket, data: bytes) -> int:
            tries.append(data)
            if len(tries) < 3:
                raise OSError(105, "No buffer space available")
            return send(client, data)

        monkeypatch.setattr("socket.socket.send", send_the_third)
        with serving() as (address, _), datagram_socket() as client:
            client.connect(address)
            assert ask(client, RoundTrip(), b"onward") == b"0.5 leagues"

    @fault(FaultGroup.DATAGRAMS, "nobody at the server's port at first")
    @pytest.mark.parametrize("program", [NAME])
    def test_a_refusal_is_a_lost_try(
        self, program: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert program == NAME
        monkeypatch.setattr(RoundTrip, "timeout", 0.02)
        monkeypatch.setattr(reliable_request, "TRIES", 2)
        with datagram_socket() as gone:
            address = gone.getsockname()
        with datagram_socket() as client:
            client.connect(address)
            with pytest.raises(TimeoutError, match="no answer to 2 tries"):
                ask(client, RoundTrip(), b"who?")

    def test_a_request_that_is_too_long_is_told_at_once(self) -> None:
        with datagram_socket() as server, datagram_socket() as client:
            client.connect(server.getsockname())
            for size in (1184, 70000):
                with pytest.raises(ValueError, match=r"bytes is too long$"):
                    ask(client, RoundTrip(), bytes(size))
            server.setblocking(False)
            with pytest.raises(BlockingIOError):
                server.recv(1024)

    def test_the_largest_request_is_answered(self) -> None:
        with serving() as (address, _), client_of(address) as client:
            assert ask(client, RoundTrip(), bytes(1183)) == b"0.5 leagues"

    def test_looks_once_more_when_the_time_is_up(self) -> None:
        """It may have been stopped meanwhile, or asleep."""
        with datagram_socket() as server, datagram_socket() as client:
            client.connect(server.getsockname())
            server.sendto(b"!" + NUMBER + b"I", client.getsockname())
            request = b"?" + NUMBER
            past = time.monotonic() - 1
            found = reliable_request.exchange(client, request, past)
            assert found == b"!" + NUMBER + b"I"

    def test_a_flood_does_not_keep_it(self) -> None:
        """What is no answer is looked at once after the time is up."""
        with datagram_socket() as server, datagram_socket() as client:
            client.connect(server.getsockname())
            for _ in range(10):
                server.sendto(b"flood", client.getsockname())
            past = time.monotonic() - 1
            assert not reliable_request.exchange(client, b"?" + NUMBER, past)
            client.setblocking(False)
            assert client.recv(1024) == b"flood"

    def test_the_clock_may_be_stepped(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Deadlines are of the monotonic clock."""
        monkeypatch.setattr("time.time", None)
        with serving() as (address, _), datagram_socket() as client:
            client.connect(address)
            assert ask(client, RoundTrip(), b"onward") == b"0.5 leagues"

    def test_learns_from_an_answer_to_the_first_try_only(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = [b"", b"!" + NUMBER, b"!" + NUMBER]
        monkeypatch.setattr(
            reliable_request, "exchange", lambda *_: answers.pop(0)
        )
        trip = RoundTrip()
        with datagram_socket() as client:
            ask(client, trip, b"who?")
            assert (trip.mean, trip.timeout) == (0.0, 2.0)
            ask(client, trip, b"who?")
            assert trip.mean > 0
            assert trip.timeout == 1.0


class TestServer:
    def test_does_a_request_once(self) -> None:
        with serving() as (address, _), client_of(address) as client:
            request = b"?" + NUMBER + b"onward"
            for _ in range(3):
                answer = asked(client, request)
                assert answer == b"!" + NUMBER + b"0.5 leagues"
            another = asked(client, ANOTHER)
            assert another == b"!fedcba98765432101.0 leagues"

    def test_forgets_the_oldest_answer(self) -> None:
        with (
            serving(**{"ipc_examples.reliable_request.KEPT": 2}) as (
                address,
                _,
            ),
            client_of(address) as client,
        ):
            for number in (16 * b"1", 16 * b"2", 16 * b"3", 16 * b"2"):
                answer = asked(client, b"?" + number)
            assert answer == b"!" + 16 * b"2" + b"1.0 leagues"
            again = asked(client, b"?" + 16 * b"1")
            assert again == b"!" + 16 * b"1" + b"2.0 leagues"

    @fault(FaultGroup.CONTENT, "datagrams that are no requests")
    @pytest.mark.parametrize("program", [NAME])
    def test_ignores_nonsense_without_a_word(self, program: str) -> None:
        assert program == NAME
        with serving() as (address, running), client_of(address) as client:
            for nonsense in (
                b"",
                b"?",
                b"?123456789abcdef",
                b"!" + NUMBER,
                b"\xff" * 60000,
            ):
                client.send(nonsense)
            answer = asked(client, b"?" + NUMBER)
            assert answer == b"!" + NUMBER + b"0.5 leagues"
            assert_idle(running.pid)

    def test_answers_are_no_requests(self) -> None:
        """So two servers do not answer each other for ever."""
        with serving() as (address, _), client_of(address) as client:
            answer = asked(client, b"?" + NUMBER)
            client.send(answer)
            assert (
                asked(client, ANOTHER) == b"!" + ANOTHER[1:] + b"1.0 leagues"
            )

    @pytest.mark.root
    @pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets are root's")
    @fault(FaultGroup.DATAGRAMS, "a sender whose port is 0")
    @pytest.mark.parametrize("program", [NAME])
    def test_survives_a_client_without_a_port(self, program: str) -> None:
        """There is nowhere to send the answer to."""
        assert program == NAME
        with serving() as (address, _), client_of(address) as client:
            data = b"?" + NUMBER
            header = struct.pack("!HHHH", 0, address[1], 8 + len(data), 0)
            with socket.socket(
                socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP
            ) as raw:
                raw.sendto(header + data, (LOOPBACK, 0))
            assert (
                asked(client, ANOTHER) == b"!" + ANOTHER[1:] + b"1.0 leagues"
            )

    @fault(FaultGroup.DATAGRAMS, "1,000 clients that ask once each")
    @pytest.mark.parametrize("program", [NAME])
    def test_serves_a_thousand_clients(self, program: str) -> None:
        assert program == NAME
        with serving() as (address, _):
            for number in range(1000):
                with client_of(address) as client:
                    asked(client, b"?%016d" % number)
            with client_of(address) as client:
                answer = asked(client, b"?" + 16 * b"0")  # it is still known
        assert answer == b"!" + 16 * b"0" + b"0.5 leagues"


class TestChild:
    def test_its_failure_is_told(self) -> None:
        fork = act_in_child(misname_recvfrom)
        replace = {**short_timeouts(NAME), "os.fork": fork}
        with RunningProgram(NAME, replace=replace) as running:
            ended = running.finish()
        stderr = (
            rf"{NAME}: child: TypeError\(.*\)\n"
            rf"{NAME}: child ended with status 1\n"
        )
        assert_exit_report(ended, stderr)

    def test_its_death_is_told(self) -> None:
        fork = act_in_child(kill_self)
        replace = {**short_timeouts(NAME), "os.fork": fork}
        with RunningProgram(NAME, replace=replace) as running:
            ended = running.finish()
        stderr = rf"{NAME}: child ended with status -{int(signal.SIGKILL)}\n"
        assert_exit_report(ended, stderr)


def misname_recvfrom() -> None:
    socket.socket.recvfrom = None  # type: ignore[assignment]


@fault(FaultGroup.DATAGRAMS, "loss, doubling and reordering by a relay")
@pytest.mark.parametrize("percent", [0, 10, 30, 50])
@pytest.mark.parametrize("program", [NAME])
@pytest.mark.usefixtures("_short")
def test_each_request_is_done_once(
    program: str, percent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many datagrams are lost, doubled or late."""
    assert program == NAME
    monkeypatch.setattr(reliable_request, "TRIES", 200)
    monkeypatch.setattr(lossy_relay, "LOST", percent / 100)
    monkeypatch.setattr(lossy_relay, "DOUBLED", 0.2)
    monkeypatch.setattr(lossy_relay, "LATE", 0.2)
    monkeypatch.setattr(lossy_relay, "DELAY", 0.05)

    def pass_on() -> None:
        relay = lossy_relay.Relay(front, address)
        relay.run(random.Random(percent).random)  # noqa: S311 - no secret

    with (
        serving() as (address, _),
        datagram_socket() as front,
        RunningProgram(pass_on),
        datagram_socket() as client,
    ):
        client.connect(front.getsockname())
        trip = RoundTrip()
        answers = [ask(client, trip, b"onward") for _ in range(12)]
    assert answers == [b"%.1f leagues" % (n / 2) for n in range(1, 13)]
