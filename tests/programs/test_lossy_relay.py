from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest

from ipc_examples import lossy_relay
from ipc_examples.lossy_relay import Relay, fate
from tests.harness.fault_groups import FaultGroup
from tests.harness.ipv6 import needs_ipv6
from tests.harness.peers import (
    LOOPBACK,
    client_of,
    datagram_socket,
)
from tests.harness.running import (
    RunningProgram,
    assert_exit_report,
    assert_idle,
    reason,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

NAME = "lossy_relay"
CONSTANTS = {
    "LOST": 0.2,
    "DOUBLED": 0.1,
    "LATE": 0.1,
    "DELAY": 0.3,
    "CLIENTS": 100,
    "HELD": 100,
}
# What needs a server and its clients: the tests here have them.
NOT_REACHED = ("oldest",)  # of more clients
NOTHING_LOST = {"LOST": 0.0, "DOUBLED": 0.0, "LATE": 0.0}
fault = pytest.mark.fault


@contextlib.contextmanager
def relaying(
    replace: Mapping[str, object], *seed: str, host: str = LOOPBACK
) -> Iterator[tuple[RunningProgram, socket.socket, socket.socket]]:
    """Yield a running relay, the server behind it, and a client."""
    with datagram_socket(host) as server, datagram_socket(host) as client:
        port = str(server.getsockname()[1])
        with RunningProgram(NAME, host, port, *seed, replace=replace) as relay:
            first = relay.line()
            client.connect((host, int(first.removeprefix("Socket has port "))))
            yield relay, server, client


@pytest.mark.parametrize(
    "host", [LOOPBACK, pytest.param("::1", marks=needs_ipv6)]
)
def test_passes_on_both_ways(host: str) -> None:
    with relaying(NOTHING_LOST, host=host) as (relay, server, client):
        client.send(b"question")
        question, address = server.recvfrom(1024)
        assert question == b"question"
        assert relay.line() == "request passed"
        server.sendto(b"answer", address)
        assert client.recv(1024) == b"answer"
        assert relay.interrupt() == (
            -signal.SIGINT,
            "answer passed\n",
            "",
        )


def test_a_seed_decides() -> None:
    """The first of seed 3 is doubled, the second passed, the third late."""
    with relaying({"DELAY": 0.5}, "3") as (relay, server, client):
        for number in (b"1", b"2", b"3", b"4"):
            client.send(number)
        came = [server.recv(1024) for _ in range(5)]
        assert came == [b"1", b"1", b"2", b"4", b"3"]
        words = ["doubled", "passed", "late", "passed"]
        assert [relay.line() for _ in words] == [f"request {w}" for w in words]


def test_what_is_late_is_sent_although_others_keep_coming() -> None:
    with relaying({"DELAY": 0.02}, "3") as (_, server, client):
        for number in (b"1", b"2", b"3"):
            client.send(number)
        came = [server.recv(1024) for _ in range(3)]
        while b"3" not in came:
            client.send(b"more")
            came.append(server.recv(1024))


def test_all_is_lost_at_a_share_of_one() -> None:
    with relaying({"LOST": 1.0}) as (relay, server, client):
        client.send(b"question")
        assert relay.line() == "request lost"
        assert_idle(relay.pid)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(1024)


def test_clients_get_their_own_answers() -> None:
    with (
        relaying(NOTHING_LOST) as (_, server, client),
        datagram_socket() as another,
    ):
        another.connect(client.getpeername())
        client.send(b"one")
        another.send(b"two")
        for _ in range(2):
            server.sendto(*server.recvfrom(1024))
        assert (client.recv(1024), another.recv(1024)) == (b"one", b"two")


def test_a_stranger_cannot_answer() -> None:
    with (
        relaying(NOTHING_LOST) as (relay, server, client),
        datagram_socket() as stranger,
    ):
        client.send(b"question")
        _, address = server.recvfrom(1024)
        stranger.sendto(b"forged", address)
        server.sendto(b"answer", address)
        assert client.recv(1024) == b"answer"
        assert relay.line() == "request passed"
        assert relay.line() == "answer passed"


@fault(FaultGroup.DATAGRAMS, "1,000 clients that ask once each")
@pytest.mark.parametrize("program", [NAME])
def test_forgets_the_oldest_of_many_clients(program: str) -> None:
    """So 1,000 cost no more than the most that it remembers."""
    assert program == NAME
    with relaying({**NOTHING_LOST, "CLIENTS": 3}) as (relay, server, client):
        for _ in range(1000):
            with datagram_socket() as another:
                another.connect(client.getpeername())
                another.send(b"one")
                server.sendto(*server.recvfrom(1024))
                assert another.recv(1024) == b"one"
            relay.line()
            relay.line()
        client.send(b"still there?")
        server.sendto(*server.recvfrom(1024))
        assert client.recv(1024) == b"still there?"


def test_has_room_for_so_many_and_no_more() -> None:
    names = {**NOTHING_LOST, "LATE": 1.0, "HELD": 2, "DELAY": 0.2}
    with relaying(names) as (relay, server, client):
        for number in range(5):
            client.send(str(number).encode())
        words = [relay.line().removeprefix("request ") for _ in range(5)]
        assert words == ["late", "late", "lost", "lost", "lost"]
        assert [server.recv(1024) for _ in range(2)] == [b"0", b"1"]
        assert_idle(relay.pid)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(1024)


@fault(FaultGroup.DATAGRAMS, "nobody at the server's port at first")
@pytest.mark.parametrize("program", [NAME])
def test_goes_on_when_the_server_refuses(program: str) -> None:
    """It is closed before the relay starts, or that would have a copy."""
    with datagram_socket() as server:
        port = str(server.getsockname()[1])
    with (
        RunningProgram(program, LOOPBACK, port, replace=NOTHING_LOST) as relay,
        client_of(program, relay.line()) as client,
    ):
        for _ in range(3):
            client.send(b"nobody")
            assert relay.line() == "request passed"
        assert relay.interrupt() == (-signal.SIGINT, "", "")


def test_passes_on_any_bytes() -> None:
    with relaying(NOTHING_LOST) as (_, server, client):
        for datagram in (b"", b"\x1b[2J", bytes(range(256)) * 255):
            client.send(datagram)
            assert server.recv(65536) == datagram


@pytest.mark.parametrize("port", ["0", "65536", "x", "8_0", "٨"])
def test_refuses_what_is_no_port(port: str) -> None:
    with RunningProgram(NAME, LOOPBACK, port) as running:
        ended = running.finish()
    assert ended.status == 2
    assert ended.err.endswith(" is not from 1 to 65535\n")


def test_tells_of_a_host_that_does_not_exist() -> None:
    with RunningProgram(NAME, "a..b", "9") as running:
        ended = running.finish()
    assert_exit_report(ended, rf"{NAME}: a\.\.b port 9: .*\n")


def test_names_what_failed_when_nobody_reads() -> None:
    """Neither the host nor the port is to blame."""
    with relaying({}) as (relay, _, client):
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, relay.out.descriptor)  # the pipe has no reader
        os.close(nothing)
        client.send(b"question")
        ended = relay.finish()
    # RunningProgram notes what is left: to be written, as Python does at its
    # end, and to be closed, which a relay with clients leaves to that end.
    first, *_ = ended.err.splitlines(keepends=True)
    stderr = rf"{NAME}: standard output: {reason(errno.EPIPE)}\n"
    assert_exit_report(ended._replace(err=first), stderr, out="")


def test_shares_are_as_the_constants_say() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    words = [fate(chance.random())[0] for _ in range(10_000)]
    for word, share in (
        ("lost", lossy_relay.LOST),
        ("doubled", lossy_relay.DOUBLED),
        ("late", lossy_relay.LATE),
    ):
        assert abs(words.count(word) / 10_000 - share) < 0.02


def test_no_room_for_a_client_is_a_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with datagram_socket() as front, datagram_socket() as server:
        relay = Relay(front, server.getsockname())

        def refuse(*_: object) -> None:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr("socket.socket", refuse)
        with pytest.raises(OSError, match="Too many"):
            relay.way_for((LOOPBACK, 9))
        assert not relay.backs
        relay.selector.close()
