"""Descriptors in messages."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from programs import Running, descriptors

from ipc_examples.pass_descriptor import receive_descriptor, send_descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        other.settimeout(10)
        yield one, other


def test_prints_the_childs_file() -> None:
    with Running("pass_descriptor") as running:
        line = "-->Half a league, half a league . . .\n"
        assert running.finish() == (0, line, "")


def test_the_new_descriptor_is_for_the_same_file(pair: Pair) -> None:
    one, other = pair
    with open(os.devnull) as file:
        send_descriptor(one, file.fileno())
        received = receive_descriptor(other)
        assert received != file.fileno()
        assert os.path.sameopenfile(received, file.fileno())
        assert not os.get_inheritable(received)
        os.close(received)


@pytest.mark.fault("more descriptors in a message than expected")
def test_more_than_one_is_refused_and_none_is_left_open(pair: Pair) -> None:
    one, other = pair
    before = descriptors()
    socket.send_fds(one, [b"\0"], [0, 0, 0])
    with pytest.raises(ConnectionError, match="did not send one descriptor"):
        receive_descriptor(other)
    assert descriptors() == before


@pytest.mark.fault("no descriptor in the message")
def test_none_is_refused(pair: Pair) -> None:
    one, other = pair
    one.sendall(b"\0")
    with pytest.raises(ConnectionError, match="did not send one descriptor"):
        receive_descriptor(other)


def test_the_end_is_refused(pair: Pair) -> None:
    one, other = pair
    one.close()
    with pytest.raises(ConnectionError, match="did not send one descriptor"):
        receive_descriptor(other)


@pytest.mark.skipif(
    not hasattr(socket, "SO_PASSCRED"), reason="only Linux has SO_PASSCRED"
)
@pytest.mark.fault("something else instead of a descriptor")
def test_something_else_is_refused(pair: Pair) -> None:
    one, other = pair
    other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    send_descriptor(one, 0)
    before = descriptors()
    with pytest.raises(ConnectionError, match="did not send one descriptor"):
        receive_descriptor(other)
    assert descriptors() == before
