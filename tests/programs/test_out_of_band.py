from __future__ import annotations

import os
import signal
import socket
from typing import NoReturn

import pytest

from ipc_examples.out_of_band import receive_from_child
from tests.harness.idle_children import (
    connect_only,
    reports_of_mistake,
    tell_and_set,
)
from tests.harness.running import RunningProgram, error_line, kill_self

NAME = "out_of_band"
CONSTANTS = {"MESSAGE": b"print all pages", "URGENT": b"!", "TIMEOUT": 10.0}
LINES = ["SIGURG", "urgent -->!", "-->print all pages"]


def test_takes_the_urgent_byte_first() -> None:
    with RunningProgram(NAME) as running:
        assert running.finish() == (0, "\n".join([*LINES, ""]), "")


def test_leaves_the_signals_handler_as_it_was() -> None:
    def receive() -> None:
        before = signal.signal(signal.SIGURG, signal.SIG_IGN)
        print(receive_from_child(b"print all pages", b"!"))
        assert signal.signal(signal.SIGURG, before) == signal.SIG_IGN

    with RunningProgram(receive) as running:
        assert running.finish() == (0, f"{LINES}\n", "")


def send_and_die(
    listener: socket.socket, ordinary: bytes, urgent: bytes
) -> NoReturn:
    with socket.create_connection(listener.getsockname()) as connection:
        connection.recv(1)
        connection.sendall(ordinary)
        connection.send(urgent, socket.MSG_OOB)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        kill_self()
    raise AssertionError


@pytest.mark.parametrize(
    ("child", "replace", "why"),
    [
        (
            connect_only,
            {"select.select": lambda *_: ([], [], [])},  # waited in vain
            "[Errno 22] Invalid argument",
        ),
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


def test_waits_for_a_child_and_its_byte_for_a_while() -> None:
    """Both times are limited: the one of accept(), the one of select()."""

    def tell_the_limit(*arguments: object) -> None:
        print(f"select: {arguments[-1]} s", flush=True)

    replace = {
        "socket.socket.settimeout": tell_and_set,
        "select.select": tell_the_limit,
        "send_and_exit": connect_only,
    }
    with RunningProgram(NAME, replace=replace) as running:
        assert running.line() == "accept: 10.0 s"
        assert running.line() == "select: 10.0 s"
        assert running.finish().status == 1


def test_reports_a_childs_mistake() -> None:
    def misname_recv() -> None:
        socket.socket.recv = None  # type: ignore[assignment,method-assign]

    child, parent = reports_of_mistake(NAME, misname_recv)
    assert child.startswith(f"{NAME}: child: TypeError(")
    assert parent == f"{NAME}: [Errno 22] Invalid argument"
