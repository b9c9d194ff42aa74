from __future__ import annotations

import os
import select
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest

from ipc_examples.urgent_flush import (
    SIOCATMARK,
    at_mark,
    discard_to_mark,
    receive_from_child,
)
from tests.harness.idle_children import (
    connect_only,
    reports_of_mistake,
    tell_and_set,
)
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    error_line,
    kill_self,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "urgent_flush"
CONSTANTS = {
    "BEFORE": b"print all pages",
    "URGENT": b"!",
    "AFTER": b"print the last page",
    "BUFFER_SIZE": 1024,
    "TIMEOUT": 10.0,
    "SIOCATMARK": SIOCATMARK,
}
NOT_REACHED = ('raise ConnectionError("the stream ended',)
LINES = ["discarded 15 bytes", "urgent -->!", "-->print the last page"]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give the two ends of a TCP connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as one,
        listener.accept()[0] as other,
    ):
        one.settimeout(DEADLINE)
        other.settimeout(DEADLINE)
        yield one, other


def send_urgent(sender: socket.socket, receiver: socket.socket) -> None:
    """Send an urgent byte, and wait until it has come."""
    assert sender.send(b"!", socket.MSG_OOB) == 1
    poll = select.poll()
    poll.register(receiver, select.POLLPRI)
    assert poll.poll(DEADLINE * 1000)


def test_discards_what_came_before_the_mark() -> None:
    with RunningProgram(NAME) as running:
        assert running.finish() == (0, "\n".join([*LINES, ""]), "")


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 50_000])
def test_discards_any_amount_and_keeps_what_follows(size: int) -> None:
    assert receive_from_child(bytes(size), b"?", b"after") == [
        f"discarded {size} bytes",
        "urgent -->?",
        "-->after",
    ]


def test_gives_up_if_the_byte_cannot_come(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """More stands before it than the buffers hold; the child ends, too."""
    monkeypatch.setattr("ipc_examples.urgent_flush.TIMEOUT", 0.5)
    with pytest.raises(TimeoutError, match="no urgent byte came"):
        receive_from_child(bytes(50_000_000), b"?", b"after")
    assert "ConnectionResetError" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="the number of Linux")
def test_asks_with_the_number_of_this_system() -> None:
    assert SIOCATMARK == 0x8905


def test_the_mark_is_where_the_urgent_byte_was(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    sender, receiver = pair
    assert not at_mark(receiver)
    sender.sendall(b"before")
    send_urgent(sender, receiver)
    sender.sendall(b"after")
    assert not at_mark(receiver)
    assert receiver.recv(3) == b"bef"
    assert not at_mark(receiver)
    assert receiver.recv(100) == b"ore"
    assert at_mark(receiver)
    assert discard_to_mark(receiver) == 0
    receiver.settimeout(None)
    assert receiver.recv(1, socket.MSG_OOB) == b"!"
    assert receiver.recv(100) == b"after"
    assert not at_mark(receiver)


def test_the_mark_moves_with_a_second_urgent_byte(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    sender, receiver = pair
    sender.sendall(b"one")
    send_urgent(sender, receiver)
    sender.sendall(b"two")
    sender.send(b"?", socket.MSG_OOB)
    receiver.setblocking(True)
    while receiver.recv(1, socket.MSG_OOB | socket.MSG_PEEK) != b"?":
        pass
    assert discard_to_mark(receiver) == len(b"one!two")
    assert receiver.recv(1, socket.MSG_OOB) == b"?"


@pytest.mark.parametrize("before", [b"", b"all pages"])
def test_fails_if_there_is_no_mark(
    pair: tuple[socket.socket, socket.socket], before: bytes
) -> None:
    sender, receiver = pair
    sender.sendall(before)
    sender.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionError, match="ended before the mark"):
        discard_to_mark(receiver)


def send_and_die(
    listener: socket.socket, before: bytes, urgent: bytes, after: bytes
) -> NoReturn:
    with socket.create_connection(listener.getsockname()) as connection:
        connection.sendall(before)
        connection.send(urgent, socket.MSG_OOB)
        connection.sendall(after)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        kill_self()
    raise AssertionError


@pytest.mark.parametrize(
    ("child", "replace", "why"),
    [
        (connect_only, {"TIMEOUT": 0.05}, "no urgent byte came"),
        (lambda *_: os._exit(0), {"TIMEOUT": 0.05}, "timed out"),
        (send_and_die, {}, "the child ended with status -9"),
    ],
    ids=["connects only", "does nothing", "dies at the end"],
)
def test_reports_a_child_that_fails(
    child: object, replace: dict[str, object], why: str
) -> None:
    stderr = error_line(NAME, replace=replace | {"send_and_exit": child})
    assert stderr == f"{NAME}: {why}\n"


class ToldPoll:
    """Says for what, and for how long, it would have waited."""

    def register(self, _: object, events: int) -> None:
        print(f"events: {events == select.POLLPRI}", flush=True)

    def poll(self, milliseconds: float) -> list[object]:
        print(f"poll: {milliseconds} ms", flush=True)
        return []


def test_waits_for_a_child_and_its_byte_for_a_while() -> None:
    """Both times are limited: the one of accept(), the one of poll()."""
    replace = {
        "socket.socket.settimeout": tell_and_set,
        "select.poll": ToldPoll,
        "send_and_exit": connect_only,
    }
    with RunningProgram(NAME, replace=replace) as running:
        assert running.line() == "accept: 10.0 s"
        assert running.line() == "events: True"
        assert running.line() == "poll: 10000.0 ms"
        assert running.finish().status == 1


def test_reports_a_childs_mistake() -> None:
    def misname_sendall() -> None:
        socket.socket.sendall = None  # type: ignore[assignment,method-assign]

    child, parent = reports_of_mistake(NAME, misname_sendall)
    assert child.startswith(f"{NAME}: child: TypeError(")
    assert parent == f"{NAME}: no urgent byte came"
