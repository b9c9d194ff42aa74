from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import time
from typing import NoReturn

import pytest

from ipc_examples import signal_driven
from ipc_examples.signal_driven import (
    compute_until_told,
    count_signals,
    send_signals_for,
)
from tests.harness.running import (
    RunningProgram,
    act_in_child,
    error_line,
    kill_self,
)

NAME = "signal_driven"
CONSTANTS = {"MESSAGE": b"Half a league", "MESSAGES": 5, "BUFFER_SIZE": 65536}
LINES = ["SIGIO", "-->Half a league"]
COUNTS = ["5 messages, 1 SIGIO", "5 messages, 5 SIGRTMIN"]


def test_is_told_by_a_signal() -> None:
    with RunningProgram(NAME) as running:
        assert running.finish() == (0, "\n".join([*LINES, *COUNTS, ""]), "")


def test_leaves_the_signals_handler_as_it_was() -> None:
    def receive() -> None:
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)
        print(compute_until_told(b"Half a league"))
        assert signal.signal(signal.SIGIO, before) == signal.SIG_IGN

    with RunningProgram(receive) as running:
        assert running.finish() == (0, f"{LINES}\n", "")


def test_is_told_though_the_signal_was_blocked_at_start() -> None:
    """As exec leaves it: the program unblocks it, and blocks it again."""

    def receive() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
        print(compute_until_told(b"Half a league"))
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert blocked == {signal.SIGIO}

    with RunningProgram(receive) as running:
        assert running.finish() == (0, f"{LINES}\n", "")


def test_leaves_the_blocked_signals_as_they_were() -> None:
    def count() -> None:
        blocked = {signal.SIGUSR1}
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        print(count_signals("SIGRTMIN", 3))
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked
        assert not signal.sigpending()

    with RunningProgram(count) as running:
        assert running.finish() == (0, "3\n", "")


@pytest.mark.parametrize(
    ("name", "messages", "signals"),
    [
        ("SIGIO", 0, 0),
        ("SIGIO", 1, 1),
        ("SIGIO", 200, 1),
        ("SIGRTMIN", 0, 0),
        ("SIGRTMIN", 1, 1),
        ("SIGRTMIN", 200, 200),
    ],
)
def test_counts_signals(name: str, messages: int, signals: int) -> None:
    assert count_signals(name, messages) == signals


def test_survives_a_full_queue_of_signals() -> None:
    """The system sends SIGIO in the place of what it cannot queue."""

    def count() -> None:
        _, most = resource.getrlimit(resource.RLIMIT_SIGPENDING)
        resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, most))
        print(count_signals("SIGRTMIN", 5))

    with RunningProgram(count) as running:
        assert running.finish() == (0, "0\n", "")


def test_flags_that_were_set_stay() -> None:
    one, other = socket.socketpair()
    with one, other:
        send_signals_for(other)
        flags = fcntl.fcntl(other, fcntl.F_GETFL)
        assert flags & os.O_ASYNC
        assert flags & os.O_NONBLOCK
        assert flags & os.O_RDWR
        assert fcntl.fcntl(other, fcntl.F_GETOWN) == os.getpid()
        assert fcntl.fcntl(one, fcntl.F_GETOWN) == 0


def send_and_die(
    channel: socket.socket, parents: socket.socket, message: bytes
) -> NoReturn:
    parents.close()
    channel.send(message)
    channel.recv(1)
    kill_self()
    raise AssertionError


def test_a_signal_without_input_ends_nothing() -> None:
    """SIGIO may come of anybody; the program goes on until it can read."""
    send_and_exit = signal_driven.send_and_exit

    def signal_first(
        channel: socket.socket, parents: socket.socket, message: bytes
    ) -> NoReturn:
        for _ in range(3):
            os.kill(os.getppid(), signal.SIGIO)
            time.sleep(0.1)
        send_and_exit(channel, parents, message)

    replace = {"send_and_exit": signal_first}
    with RunningProgram(NAME, replace=replace) as running:
        assert running.finish() == (0, "\n".join([*LINES, *COUNTS, ""]), "")


def die(*_: object) -> NoReturn:
    kill_self()
    raise AssertionError


@pytest.mark.parametrize("child", [die, send_and_die])
def test_reports_a_child_that_dies(child: object) -> None:
    stderr = error_line(NAME, replace={"send_and_exit": child})
    assert stderr == f"{NAME}: the child ended with status -9\n"


def test_reports_a_childs_mistake() -> None:
    def misname_send() -> None:
        socket.socket.send = None  # type: ignore[assignment,method-assign]

    replace = {"os.fork": act_in_child(misname_send)}
    with RunningProgram(NAME, replace=replace) as running:
        status, out, err = running.finish()
    assert (status, out) == (1, "")
    child, parent = err.splitlines()
    assert child.startswith(f"{NAME}: child: TypeError(")
    assert parent == f"{NAME}: the child ended with status 1"
