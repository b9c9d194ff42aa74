from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, NoReturn

import pytest

from ipc_examples.socketpair import receive_message
from tests.harness.running import RunningProgram, assert_exit_report, kill_self

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "socketpair"
CONSTANTS = {
    "FROM_CHILD": b"In Xanadu, did Kublai Khan . . .\0",
    "FROM_PARENT": b"A stately pleasure dome decree . . .\0",
}
# What only another peer, or luck, brings about: see test_signals.py.
NOT_REACHED = (
    'raise ConnectionError("the peer closed',
    'raise ConnectionError("the peer sent',
)
NOT_WHOLE = "the peer closed before its message ended"


def test_prints_both_messages_in_turn() -> None:
    with RunningProgram(NAME) as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "-->In Xanadu, did Kublai Khan . . .",
        "-->A stately pleasure dome decree . . .",
    ]


def test_sends_more_than_a_connection_holds() -> None:
    text = "In Xanadu" * 100_000
    message = text.encode() + b"\0"
    replace = {"FROM_CHILD": message, "FROM_PARENT": message}
    with RunningProgram(NAME, replace=replace) as running:
        assert running.finish() == (0, f"-->{text}\n" * 2, "")


@pytest.mark.parametrize("sent", [b"", b"In Xanadu"])
def test_a_message_must_be_whole(sent: bytes) -> None:
    one, other = socket.socketpair()
    with other:
        with one:
            one.sendall(sent)
        with pytest.raises(ConnectionError, match=f"^{NOT_WHOLE}$"):
            receive_message(other)


def test_there_is_one_message_at_a_time() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"In Xanadu\0A stately\0")
        why = "^the peer sent more than one message$"
        with pytest.raises(ConnectionError, match=why):
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


def test_reports_a_childs_mistake() -> None:
    with RunningProgram(NAME, replace={"FROM_CHILD": "no bytes"}) as running:
        ended = running.finish()
    stderr = rf"{NAME}: child: TypeError\(.*\)\n{NAME}: {NOT_WHOLE}\n"
    assert_exit_report(ended, stderr, out="")


@pytest.mark.parametrize(
    ("end", "status"), [(kill_self, -9), (lambda: os._exit(3), 3)]
)
def test_tells_how_the_child_ended(
    end: Callable[[], object], status: int
) -> None:
    def talk(child_end: socket.socket, parent_end: socket.socket) -> NoReturn:
        parent_end.close()
        child_end.sendall(b"one\0")
        child_end.recv(1024)
        end()
        raise AssertionError

    with RunningProgram(NAME, replace={"talk_and_exit": talk}) as running:
        ended = running.finish()
    stderr = rf"{NAME}: the child ended with status {status}\n"
    assert_exit_report(ended, stderr, out="-->one\n")
