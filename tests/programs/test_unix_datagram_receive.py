from __future__ import annotations

import os
import signal
import socket

import pytest

from tests.harness.peers import send_to
from tests.harness.running import RunningProgram, assert_exit_report, main_of

pytestmark = pytest.mark.usefixtures("empty_directory")
NAME = "unix_datagram_receive"
# What only another peer, or luck, brings about: see test_signals.py.
NOT_REACHED = ("# as process 1, which it",)


def test_the_name_goes_when_an_exception_passes() -> None:
    def fail(*_: object) -> None:
        raise InterruptedError(os.listdir())

    with RunningProgram(
        NAME, replace={"socket.socket.recvmsg": fail}
    ) as running:
        ended = running.finish()
    stderr = rf"{NAME}: socket: \['socket'\]\n"
    assert_exit_report(ended, stderr, out="socket -->socket\n")


def test_takes_the_largest_datagram() -> None:
    with RunningProgram(NAME) as running:
        send_to(NAME, running.line(), bytes(65536))
        ended = running.finish()
    lines = "-->" + "\n-->" * 1023 + "\n"  # the last NUL of 1024 ends it
    assert_exit_report(ended, f"{NAME}: cut to 1024 bytes\n", out=lines)


def test_the_name_may_be_used_again() -> None:
    for message in (b"one", b"two"):
        with RunningProgram(NAME) as running:
            send_to(NAME, running.line(), message)
            assert running.finish() == (0, f"-->{message.decode()}\n", "")


def test_needs_the_file_that_it_has_to_remove() -> None:
    def remove_before() -> None:
        bind = socket.socket.bind

        def bind_and_remove(receiver: socket.socket, path: str) -> None:
            bind(receiver, path)
            os.unlink(path)

        setattr(socket.socket, "bind", bind_and_remove)  # noqa: B010 - mypy
        main_of(NAME)()

    with RunningProgram(remove_before, name=NAME) as running:
        ended = running.finish()
    stderr = (
        rf"{NAME}: socket: \[Errno 2\] No such file or directory: 'socket'\n"
    )
    assert_exit_report(ended, stderr, out="")


def test_stopping_signals_wait_until_the_name_can_be_removed() -> None:
    """They are blocked from before bind() until they are handled."""
    bind = socket.socket.bind

    def bind_and_be_ended(receiver: socket.socket, path: str) -> None:
        bind(receiver, path)
        os.kill(os.getpid(), signal.SIGTERM)

    replace = {"socket.socket.bind": bind_and_be_ended}
    with RunningProgram(NAME, replace=replace) as running:
        assert running.finish() == (-signal.SIGTERM, "", "")
    assert os.listdir() == []
