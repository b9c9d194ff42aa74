from __future__ import annotations

import re
import socket
import struct
import threading

import pytest

from ipc_examples.peek import packed, size_of_next, take
from tests.harness.running import DEADLINE, RunningProgram, error_line

CONSTANTS = {
    "ITEMS": (
        b"Half a league,",
        b"half a league,",
        b"half a league onward . . .",
    ),
    "LARGEST": 65536,
}
# What only another peer, or luck, brings about: see test_signals.py.
NOT_REACHED = (
    'raise ConnectionError(f"no size',
    'raise ConnectionError(f"{len(data)} bytes',
    'raise ValueError("with a timeout',
)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        return one, listener.accept()[0]


def stream_of(data: bytes) -> socket.socket:
    one, other = tcp_pair()
    with one:
        one.sendall(data)
    return other


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def test_waits_for_the_size_and_the_item() -> None:
    one, other = tcp_pair()
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def trickle() -> None:
        for byte in packed(b"Half a league"):
            one.sendall(bytes([byte]))

    sender = threading.Thread(target=trickle)
    with one, other:
        sender.start()
        assert (size_of_next(other), take(other)) == (13, b"Half a league")
        sender.join()


def test_takes_each_item_whole() -> None:
    with RunningProgram("peek") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "14 bytes wait",
        "-->Half a league,",
        "14 bytes wait",
        "-->half a league,",
        "26 bytes wait",
        "-->half a league onward . . .",
    ]


def test_peeking_takes_nothing() -> None:
    with stream_of(packed(b"one") + packed(b"three")) as stream:
        assert [size_of_next(stream) for _ in range(3)] == [3, 3, 3]
        assert take(stream) == b"one"
        assert size_of_next(stream) == 5


def test_the_end_has_no_size() -> None:
    with stream_of(b"") as stream:
        assert size_of_next(stream) is None


def test_an_item_may_be_empty() -> None:
    with stream_of(packed(b"") + packed(b"one")) as stream:
        assert (size_of_next(stream), take(stream)) == (0, b"")
        assert (size_of_next(stream), take(stream)) == (3, b"one")
        assert size_of_next(stream) is None


def test_shows_an_empty_item() -> None:
    with RunningProgram("peek", replace={"ITEMS": (b"", b"one")}) as running:
        out = "0 bytes wait\n-->\n3 bytes wait\n-->one\n"
        assert running.finish() == (0, out, "")


@pytest.mark.parametrize("timeout", [0, 0.01, DEADLINE])
def test_no_size_is_told_of_a_socket_with_a_timeout(timeout: float) -> None:
    """There MSG_WAITALL does not wait: a part would look like the end."""
    why = exactly("with a timeout MSG_WAITALL does not wait")
    with stream_of(packed(b"one")) as stream:
        stream.settimeout(timeout)
        with pytest.raises(ValueError, match=why):
            size_of_next(stream)


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_an_item_may_trickle(
    timeout: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte comes each time that the program waits for more."""
    one, other = tcp_pair()
    bytes_of_item = iter(packed(b"Half a league"))
    recv = socket.socket.recv

    def feed_and_recv(
        connection: socket.socket, size: int, flags: int = 0
    ) -> bytes:
        one.sendall(bytes([next(bytes_of_item)]))
        return recv(connection, size, flags)

    monkeypatch.setattr(socket.socket, "recv", feed_and_recv)
    with one, other:
        other.settimeout(timeout)
        assert take(other) == b"Half a league"
        assert not list(bytes_of_item)


@pytest.mark.parametrize("sent", [0, 2, 4, 10])
def test_takes_no_item_when_time_is_over(sent: int) -> None:
    one, other = tcp_pair()
    with one, other:
        one.sendall(packed(b"Half a league")[:sent])
        other.settimeout(0.01)
        with pytest.raises(TimeoutError):
            take(other)


@pytest.mark.parametrize("head", [struct.pack("!I", 65537), b"\xff" * 4])
def test_a_size_must_be_believable(head: bytes) -> None:
    why = exactly(f"no size: {head!r}")
    with stream_of(head) as stream:
        with pytest.raises(ConnectionError, match=why):
            pytest.fail(f"it believed a size of {size_of_next(stream)} bytes")
        with pytest.raises(ConnectionError, match=why):
            pytest.fail(f"it took {take(stream)!r}, whatever its size")


@pytest.mark.parametrize("head", [b"\0", b"\0\0\0"])
def test_a_size_must_be_whole(head: bytes) -> None:
    with stream_of(head) as stream:
        with pytest.raises(
            ConnectionError, match=exactly(f"no size: {head!r}")
        ):
            size_of_next(stream)
        why = exactly(f"{len(head)} bytes of 4, then the end")
        with pytest.raises(ConnectionError, match=why):
            take(stream)


@pytest.mark.parametrize("sent", [4, 5, 16])
def test_an_item_must_be_whole(sent: int) -> None:
    why = exactly(f"{sent - 4} bytes of 13, then the end")
    with (
        stream_of(packed(b"Half a league")[:sent]) as stream,
        pytest.raises(ConnectionError, match=why),
    ):
        take(stream)


def test_there_must_be_an_item() -> None:
    why = exactly("0 bytes of 4, then the end")
    with (
        stream_of(b"") as stream,
        pytest.raises(ConnectionError, match=why),
    ):
        take(stream)


def test_the_largest_item_is_taken() -> None:
    item = packed(b"x" * 65536)
    one, other = tcp_pair()
    sender = threading.Thread(target=one.sendall, args=(item,))
    with one, other:
        sender.start()
        assert size_of_next(other) == 65536
        assert take(other) == b"x" * 65536
        sender.join()


def test_an_item_need_not_be_text() -> None:
    with stream_of(struct.pack("!I", 2) + b"\xff!") as stream:
        assert take(stream) == b"\xff!"


def test_reports_an_item_that_is_too_large() -> None:
    stderr = error_line("peek", replace={"ITEMS": (b"x" * 65537,)})
    assert stderr == r"peek: no size: b'\x00\x01\x00\x01'" + "\n"
