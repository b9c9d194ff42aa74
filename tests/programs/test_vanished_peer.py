from __future__ import annotations

import contextlib
import errno
import re
import socket
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ipc_examples import vanished_peer
from ipc_examples.tcp_states import settled
from ipc_examples.vanished_peer import (
    deaf_peer,
    deafen,
    heartbeat,
    is_answered,
    keepalive,
    user_timeout,
    wait_in_vain,
)
from tests.harness.obstacles import RESET
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    error_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "vanished_peer"
CONSTANTS = {
    "PATIENCE": 0.5,
    "LIMIT": 200,
    "INTERVAL": 0.3,
    "BEATS": 3,
    "SO_ATTACH_FILTER": 26,
    "DROP": struct.pack("HBBI", 6, 0, 0, 0),
    "NO_FAREWELL": struct.pack("ii", 1, 0),
}
# What only another peer brings about: see below.
NOT_REACHED = (
    "SO_KEEPALIVE, 1",  # and the rest of keepalive(), which takes seconds
    "options",
    "option, 1",
    "connection.recv(1024)",
    "raise",
    "if not data",
    "found = found or",
)
SOON = {"PATIENCE": 0.01, "LIMIT": 1, "INTERVAL": 0.01}
LOST = f"[Errno {errno.ETIMEDOUT}] Connection timed out"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="socket filters are Linux's"
)


@contextlib.contextmanager
def tcp_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as one,
        listener.accept()[0] as other,
    ):
        other.settimeout(DEADLINE)
        yield one, other


@contextlib.contextmanager
def served(
    serve: Callable[[socket.socket], None],
) -> Iterator[socket.socket]:
    """Give a connection whose other end *serve* has, in a thread."""
    with tcp_pair() as (one, other):

        def run() -> None:
            with contextlib.suppress(OSError):
                serve(other)

        server = threading.Thread(target=run)
        server.start()
        try:
            yield one
        finally:
            one.close()
            server.join()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SOON.items():
        monkeypatch.setattr(vanished_peer, name, value)


@pytest.mark.slow
def test_shows_what_notices_and_when() -> None:
    with RunningProgram(NAME) as running:
        ended = running.finish()
    assert (ended.status, ended.err) == (0, "")
    assert re.sub(r"\d\.\d s", "N s", ended.out).splitlines() == [
        "nothing: timed out: N s",
        f"keepalive: {LOST}: N s",
        f"TCP_USER_TIMEOUT: {LOST}: N s",
        "heartbeat: no answer to 3 beats: N s",
    ]


def test_a_deaf_peer_acknowledges_nothing_and_can_send() -> None:
    with tcp_pair() as (one, other):
        deafen(other)
        one.sendall(b"anybody there?")
        other.sendall(b"onward")
        one.settimeout(DEADLINE)
        assert one.recv(6) == b"onward"
        other.settimeout(0.01)
        with pytest.raises(TimeoutError):
            other.recv(1024)
        info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        assert struct.unpack_from("I", info, 24)[0] > 0  # unacknowledged


def test_a_deaf_peer_leaves_no_connection_behind() -> None:
    with deaf_peer() as connection:
        ends = connection.getsockname(), connection.getpeername()
        connection.sendall(b"anybody there?")
    assert settled(*(port for _, port in ends)) == ("CLOSED", "CLOSED")


@pytest.mark.usefixtures("short")
class TestWays:
    def test_without_help_the_limit_is_ours(self) -> None:
        with deaf_peer() as connection, pytest.raises(TimeoutError) as caught:
            wait_in_vain(connection)
        assert caught.value.errno is None

    def test_keepalive_gives_up_without_data(self) -> None:
        with deaf_peer() as connection, pytest.raises(TimeoutError) as caught:
            keepalive(connection)
        assert caught.value.errno == errno.ETIMEDOUT

    def test_user_timeout_gives_data_up(self) -> None:
        with deaf_peer() as connection, pytest.raises(TimeoutError) as caught:
            user_timeout(connection)
        assert caught.value.errno == errno.ETIMEDOUT

    def test_a_heartbeat_counts_what_is_unanswered(self) -> None:
        why = "^no answer to 3 beats$"
        with (
            deaf_peer() as connection,
            pytest.raises(TimeoutError, match=why),
        ):
            heartbeat(connection)

    @pytest.mark.parametrize("way", [wait_in_vain, keepalive, user_timeout])
    def test_an_answer_ends_the_wait(
        self,
        way: Callable[[socket.socket], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(vanished_peer, "PATIENCE", DEADLINE)
        monkeypatch.setattr(vanished_peer, "LIMIT", 10_000)
        with served(lambda peer: peer.sendall(b"onward")) as connection:
            way(connection)


@pytest.mark.parametrize(
    ("missing", "sent"),
    [((0, 1, 2), 3), ((0, 1, 3, 4, 6, 7, 8), 9), ((3, 4, 5), 6)],
)
def test_only_beats_in_a_row_count(
    missing: tuple[int, ...], sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[int] = []

    def answered(_: socket.socket, beat: int) -> bool:
        beats.append(beat)
        return beat not in missing

    monkeypatch.setattr(vanished_peer, "is_answered", answered)
    with (
        tcp_pair() as (one, _),
        pytest.raises(TimeoutError, match=r"^no answer to 3 beats$"),
    ):
        heartbeat(one)
    assert beats == [*range(sent)]


def test_beats_go_on_after_the_largest_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def answered(_: socket.socket, beat: int) -> bool:
        seen.append(beat)
        return len(seen) <= 300

    monkeypatch.setattr(vanished_peer, "is_answered", answered)
    with tcp_pair() as (one, _), pytest.raises(TimeoutError):
        heartbeat(one)
    assert seen[254:258] == [254, 255, 0, 1]
    assert len(seen) == 303


def test_an_answer_is_known_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vanished_peer, "INTERVAL", 0.05)
    with tcp_pair() as (one, other):
        other.sendall(bytes([7]))
        assert is_answered(one, 7)
        other.sendall(bytes([7]))  # late
        assert not is_answered(one, 8)
        other.sendall(bytes([8, 9]))
        assert is_answered(one, 9)


def test_a_chatterer_does_not_lengthen_the_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vanished_peer, "INTERVAL", 0.1)

    def chatter(peer: socket.socket) -> None:
        while True:
            peer.sendall(bytes([255]) * 4096)

    with served(chatter) as connection:
        start = time.monotonic()
        with pytest.raises(TimeoutError, match=r"^no answer to 3 beats$"):
            heartbeat(connection)
        assert 0.3 <= time.monotonic() - start < DEADLINE


def test_a_beat_is_missed_if_its_answer_comes_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vanished_peer, "INTERVAL", 0.05)
    pending = b""

    def answer_one_late(peer: socket.socket) -> None:
        nonlocal pending
        while data := peer.recv(1024):
            peer.sendall(pending)
            pending = data

    with (
        served(answer_one_late) as connection,
        pytest.raises(TimeoutError, match=r"^no answer to 3 beats$"),
    ):
        heartbeat(connection)


def test_an_end_is_no_silence() -> None:
    with tcp_pair() as (one, other):
        other.shutdown(socket.SHUT_WR)
        why = "^the peer has closed the connection$"
        with pytest.raises(ConnectionError, match=why):
            heartbeat(one)


def test_a_reset_is_no_silence() -> None:
    with tcp_pair() as (one, other):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        other.close()
        with pytest.raises(ConnectionResetError):
            heartbeat(one)


def test_the_systems_verdict_is_not_taken_for_a_missed_beat() -> None:
    """With TCP_USER_TIMEOUT the system may be quicker than the beats."""
    with deaf_peer() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1)
        with pytest.raises(TimeoutError) as caught:
            is_answered_for_long(connection)
    assert caught.value.errno == errno.ETIMEDOUT


def is_answered_for_long(connection: socket.socket) -> None:
    connection.sendall(b"\0")
    before, vanished_peer.INTERVAL = vanished_peer.INTERVAL, DEADLINE
    try:
        is_answered(connection, 0)
    finally:
        vanished_peer.INTERVAL = before


def test_reports_a_system_without_filters() -> None:
    stderr = error_line(NAME, replace={"SO_ATTACH_FILTER": 9999})
    assert stderr == f"{NAME}: [Errno 92] Protocol not available\n"


def test_reports_a_peer_that_is_not_silent() -> None:
    def leave(_: socket.socket) -> None:
        raise ConnectionError("the peer has closed the connection")

    stderr = error_line(NAME, replace={"WAYS": {"heartbeat": leave}})
    assert stderr == f"{NAME}: the peer has closed the connection\n"
