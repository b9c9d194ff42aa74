from __future__ import annotations

import errno
import os
import re
import signal
import socket

import pytest

from ipc_examples.unix_stream_accept import receive
from tests.harness.running import RunningProgram, assert_exit_report

pytestmark = pytest.mark.usefixtures("empty_directory")
NAME = "unix_stream_accept"
CONSTANTS = {"BUFFER_SIZE": 16384, "RETRY_DELAY": 1.0}
# What only another peer, or luck, brings about: see test_signals.py.
NOT_REACHED = ("# as process 1, which it",)


def test_the_name_goes_when_an_exception_passes() -> None:
    def fail(_: socket.socket) -> None:
        raise InterruptedError(os.listdir())

    with RunningProgram(NAME, replace={"serve": fail}) as running:
        ended = running.finish()
    stderr = rf"{NAME}: standard output: \['socket'\]\n"
    assert_exit_report(ended, stderr, out="Socket has name socket\n")


def test_the_name_goes_when_it_cannot_listen() -> None:
    def fail(_: socket.socket) -> None:
        raise OSError(errno.EADDRINUSE, "not now")

    with RunningProgram(
        NAME, replace={"socket.socket.listen": fail}
    ) as running:
        ended = running.finish()
    stderr = rf"{NAME}: socket: \[Errno {errno.EADDRINUSE}\] not now\n"
    assert_exit_report(ended, stderr, out="")
    assert os.listdir() == []


def test_stopping_signals_wait_until_the_name_can_be_removed() -> None:
    """They are blocked from before bind() until they are handled."""
    bind = socket.socket.bind

    def bind_and_be_ended(listener: socket.socket, path: str) -> None:
        bind(listener, path)
        os.kill(os.getpid(), signal.SIGTERM)

    replace = {"socket.socket.bind": bind_and_be_ended}
    with RunningProgram(NAME, replace=replace) as running:
        assert running.finish() == (-signal.SIGTERM, "", "")
    assert os.listdir() == []


def test_a_peer_that_breaks_off_has_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    client, connection = socket.socketpair()
    with connection:
        connection.sendall(b"never read")
        client.sendall(b"one\0")
        client.close()
        assert [receive(connection), receive(connection)] == [b"one\0", b""]
    out, err = capsys.readouterr()
    assert out == ""
    reset = re.escape(f"[Errno {errno.ECONNRESET}] ")
    assert re.fullmatch(rf"{NAME}: {reset}.+\n", err)
