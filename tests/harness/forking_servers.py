"""What tests of echo servers that fork need: clients, children, limits."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def assert_echoed(client: socket.socket, data: bytes) -> None:
    """See that *client* gets back what it sends."""
    client.sendall(data)
    assert client.recv(len(data), socket.MSG_WAITALL) == data


def wait_until_served(
    connect: Callable[[], contextlib.AbstractContextManager[socket.socket]],
) -> None:
    """Connect and ask until a server answers.

    Its limit may be so short that it cuts off who has not asked yet.
    """
    answer = b""
    while answer != b"x":
        with contextlib.suppress(ConnectionError), connect() as client:
            client.sendall(b"x")
            answer = client.recv(1)


def quiet(_: object) -> None:
    """Say nothing, in place of a program's complain()."""


def failing_once(call: Callable[..., object]) -> Callable[..., object]:
    """Return *call*, but it fails the first time, as a fork without room."""
    due = [OSError(errno.EAGAIN, "it fails")]

    def call_or_fail(*arguments: object) -> object:
        if due:
            raise due.pop()
        return call(*arguments)

    return call_or_fail


@contextlib.contextmanager
def room_for_descriptors(count: int) -> Iterator[None]:
    """Allow this process, and those that it forks, *count* descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < count:
        pytest.skip(f"this process may have {hard} descriptors only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
