from __future__ import annotations

import socket

import pytest
from programs import Running

from ipc_examples.socketpair import receive_message


def test_prints_both_messages_in_turn() -> None:
    with Running("socketpair") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "-->In Xanadu, did Kublai Khan . . .",
        "-->A stately pleasure dome decree . . .",
    ]


@pytest.mark.parametrize("sent", [b"", b"In Xanadu"])
def test_a_message_must_be_whole(sent: bytes) -> None:
    one, other = socket.socketpair()
    with other:
        with one:
            one.sendall(sent)
        with pytest.raises(ConnectionError, match="before its message ended"):
            receive_message(other)


def test_there_is_one_message_at_a_time() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"In Xanadu\0A stately\0")
        with pytest.raises(ConnectionError, match="more than one message"):
            receive_message(other)


def test_a_message_need_not_be_text() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"\xff\x1b[2J\0")
        assert receive_message(other) == b"\xff\x1b[2J"


def test_a_message_may_exceed_one_read() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"x" * 5000 + b"\0")
        assert receive_message(other) == b"x" * 5000
