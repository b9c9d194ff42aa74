from __future__ import annotations

import socket
import struct
import threading

import pytest
from programs import Running, refusal

from ipc_examples.peek import packed, size_of_next, take


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        return one, listener.accept()[0]


def stream_of(data: bytes) -> socket.socket:
    one, other = tcp_pair()
    with one:
        one.sendall(data)
    return other


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
    with Running("peek") as running:
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


def test_the_end_has_no_size() -> None:
    with stream_of(b"") as stream:
        assert size_of_next(stream) == 0


@pytest.mark.parametrize(
    "head",
    [b"\0", b"\0\0\0", bytes(4), struct.pack("!I", 65537), b"\xff" * 4],
)
def test_a_size_must_be_believable(head: bytes) -> None:
    with stream_of(head) as stream:
        with pytest.raises(ConnectionError, match="no size"):
            size_of_next(stream)
        with pytest.raises(ConnectionError, match="no size"):
            take(stream)


@pytest.mark.parametrize("sent", [4, 5, 16])
def test_an_item_must_be_whole(sent: int) -> None:
    with (
        stream_of(packed(b"Half a league")[:sent]) as stream,
        pytest.raises(ConnectionError, match=f"{sent} bytes of 17, then the"),
    ):
        take(stream)


def test_there_must_be_an_item() -> None:
    with (
        stream_of(b"") as stream,
        pytest.raises(ConnectionError, match="0 bytes of 4, then the end"),
    ):
        take(stream)


def test_the_largest_item_is_taken() -> None:
    item = packed(b"x" * 65536)
    one, other = tcp_pair()
    sender = threading.Thread(target=one.sendall, args=(item,))
    with one, other:
        sender.start()
        assert take(other) == b"x" * 65536
        sender.join()


def test_an_item_need_not_be_text() -> None:
    with stream_of(struct.pack("!I", 2) + b"\xff!") as stream:
        assert take(stream) == b"\xff!"


def test_reports_an_item_without_data() -> None:
    assert "no size" in refusal("peek", replace={"ITEMS": (b"",)})
