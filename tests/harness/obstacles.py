"""What a stream may meet: stopped programs, full queues, no descriptor."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import struct
from typing import TYPE_CHECKING

from tests.harness.running import assert_idle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.running import RunningProgram

TEXT = "Half a league, half a league, half a league onward"
MANY = 200
BACKLOG = 128  # listen()'s own; one more gets in
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, after 0 seconds
FLOOD = 100_000_000  # bytes


@contextlib.contextmanager
def stopped(running: RunningProgram) -> Iterator[None]:
    """Keep a program and its children from running, as ^Z does."""
    os.killpg(running.pid, signal.SIGSTOP)
    os.waitpid(running.pid, os.WUNTRACED)
    yield
    os.killpg(running.pid, signal.SIGCONT)


@contextlib.contextmanager
def no_free_descriptor(pid: int) -> Iterator[None]:
    """Keep a process from opening anything."""
    limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    free = next(
        number
        for number in range(limit[0])
        if not os.path.exists(f"/proc/{pid}/fd/{number}")
    )
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, limit[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)


def tell_and_connect(
    peer: socket.socket,
    address: object,
    connect: Callable[..., None] = socket.socket.connect,
) -> None:
    print("connecting", flush=True)
    connect(peer, address)
    print("connected", flush=True)


TELLING = {"socket.socket.connect": tell_and_connect}


def assert_kept_waiting(peer: RunningProgram) -> None:
    """See that a TELLING *peer* is in connect(), and stays there."""
    assert peer.line() == "connecting"
    assert_idle(peer.pid)
    assert not select.select([peer.out.descriptor], [], [], 0)[0]
