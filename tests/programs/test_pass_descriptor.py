"""Descriptors in messages."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
from typing import TYPE_CHECKING, NoReturn

import pytest

from ipc_examples import pass_descriptor
from ipc_examples.pass_descriptor import receive_descriptor, send_descriptor
from tests.harness.fault_groups import FaultGroup
from tests.harness.running import (
    RunningProgram,
    assert_exit_report,
    descriptors,
    error_line,
    kill_self,
)
from tests.harness.signal_injection.checkpoints import next_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Pair = tuple[socket.socket, socket.socket]
NAME = "pass_descriptor"
CONSTANTS = {
    "MESSAGE": b"Half a league, half a league . . .\n",
    "ROOM": 256,
    "CLOSE_ON_EXEC": getattr(socket, "MSG_CMSG_CLOEXEC", 0),
}
# What only another peer, or luck, brings about: see test_signals.py.
NOT_REACHED = (
    'raise ConnectionError("the peer did not',
    "for descriptor in rights:",
    "os.close(descriptor)",
)
REFUSED = "^the peer did not send one descriptor$"
needs_credentials = pytest.mark.skipif(
    not hasattr(socket, "SO_PASSCRED"), reason="only Linux has SO_PASSCRED"
)


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        other.settimeout(10)
        yield one, other


def test_prints_the_childs_file() -> None:
    with RunningProgram(NAME) as running:
        line = "-->Half a league, half a league . . .\n"
        assert running.finish() == (0, line, "")


def test_shows_each_line_of_the_file() -> None:
    replace = {"MESSAGE": b"one\n\n\x1b[2J\n" * 1000}
    with RunningProgram(NAME, replace=replace) as running:
        out = "-->one\n-->\n-->\\x1b[2J\n" * 1000
        assert running.finish() == (0, out, "")


def test_the_new_descriptor_is_for_the_same_file(pair: Pair) -> None:
    one, other = pair
    with open(os.devnull) as file:
        send_descriptor(one, file.fileno())
        received = receive_descriptor(other)
        assert received != file.fileno()
        assert os.path.sameopenfile(received, file.fileno())
        assert not os.get_inheritable(received)
        os.close(received)


@pytest.mark.skipif(
    not hasattr(socket, "MSG_CMSG_CLOEXEC"),
    reason="the system lacks MSG_CMSG_CLOEXEC",
)
def test_no_other_threads_child_can_inherit_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is closed on exec from the start, not from a moment later."""
    flags = []
    set_inheritable = os.set_inheritable

    def look_and_set(descriptor: int, *inheritable: bool) -> None:
        flags.append(fcntl.fcntl(descriptor, fcntl.F_GETFD))
        set_inheritable(descriptor, *inheritable)

    monkeypatch.setattr(os, "set_inheritable", look_and_set)
    send_descriptor(pair[0], 0)
    os.close(receive_descriptor(pair[1]))
    assert flags == [fcntl.FD_CLOEXEC], (
        "recvmsg() gave a descriptor that stays open on exec: "
        "another thread's child could have inherited it"
    )


def test_it_is_closed_on_exec_where_the_system_needs_a_second_call(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pass_descriptor, "CLOSE_ON_EXEC", 0)
    send_descriptor(pair[0], 0)
    received = receive_descriptor(pair[1])
    assert not os.get_inheritable(received)
    os.close(received)


@needs_credentials
def test_a_receiver_that_asks_for_credentials_gets_its_descriptor(
    pair: Pair,
) -> None:
    one, other = pair
    other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    send_descriptor(one, 0)
    received = receive_descriptor(other)
    assert os.path.sameopenfile(received, 0)
    os.close(received)


@pytest.mark.fault(
    FaultGroup.DESCRIPTORS, "more descriptors in a message than expected"
)
@pytest.mark.parametrize("number", [2, 3, 50, 200])  # some fit, some do not
def test_more_than_one_is_refused_and_none_is_left_open(
    pair: Pair, number: int
) -> None:
    one, other = pair
    before = descriptors()
    socket.send_fds(one, [b"\0"], [0] * number)
    with pytest.raises(ConnectionError, match=REFUSED):
        receive_descriptor(other)
    assert descriptors() == before


@pytest.mark.fault(
    FaultGroup.DESCRIPTORS, "more descriptors in a message than expected"
)
def test_the_one_of_two_for_which_there_was_room_is_refused() -> None:
    def receive() -> None:
        one, other = socket.socketpair()
        with one, other:
            socket.send_fds(one, [b"\0"], [0, 0])
            before = descriptors()
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            room = (next_descriptor() + 1, limits[1])
            resource.setrlimit(resource.RLIMIT_NOFILE, room)
            try:
                receive_descriptor(other)
            except ConnectionError as error:
                print(error)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            print(descriptors() == before)

    with RunningProgram(receive) as running:
        out = "the peer did not send one descriptor\nTrue\n"
        assert running.finish() == (0, out, "")


@pytest.mark.fault(FaultGroup.DESCRIPTORS, "no descriptor in the message")
def test_a_message_without_a_descriptor_is_refused(pair: Pair) -> None:
    one, other = pair
    one.sendall(b"\0")
    with pytest.raises(ConnectionError, match=REFUSED):
        receive_descriptor(other)


def test_the_end_of_the_stream_is_refused(pair: Pair) -> None:
    one, other = pair
    one.close()
    with pytest.raises(ConnectionError, match=REFUSED):
        receive_descriptor(other)


@needs_credentials
@pytest.mark.fault(
    FaultGroup.DESCRIPTORS, "something else instead of a descriptor"
)
def test_credentials_in_place_of_a_descriptor_are_refused(pair: Pair) -> None:
    one, other = pair
    other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    one.sendall(b"\0")
    before = descriptors()
    with pytest.raises(ConnectionError, match=REFUSED):
        receive_descriptor(other)
    assert descriptors() == before


def test_what_is_closed_cannot_be_sent(pair: Pair) -> None:
    with open(os.devnull) as file:
        descriptor = file.fileno()
    with pytest.raises(OSError, match=r"Bad file descriptor$"):
        send_descriptor(pair[0], descriptor)


def test_reports_a_childs_mistake() -> None:
    with RunningProgram(NAME, replace={"MESSAGE": "no bytes"}) as running:
        ended = running.finish()
    stderr = (
        rf"{NAME}: child: TypeError\(.*\)\n"
        rf"{NAME}: the peer did not send one descriptor\n"
    )
    assert_exit_report(ended, stderr, out="")


@pytest.mark.parametrize(
    ("end", "status"), [(kill_self, -9), (lambda: os._exit(3), 3)]
)
def test_tells_how_the_child_ended(
    end: Callable[[], object], status: int
) -> None:
    def send(connection: socket.socket) -> NoReturn:
        with open(os.devnull) as file:
            send_descriptor(connection, file.fileno())
        end()
        raise AssertionError

    stderr = error_line(NAME, replace={"open_and_exit": send})
    assert stderr == f"{NAME}: the child ended with status {status}\n"
