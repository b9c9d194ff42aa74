from __future__ import annotations

import os
import signal
import socket
from typing import NoReturn

import pytest
from programs import Running, refusal

from ipc_examples.out_of_band import receive_from_child

NAME = "out_of_band"
LINES = ["SIGURG", "urgent -->!", "-->print all pages"]


def test_takes_the_urgent_byte_first() -> None:
    with Running(NAME) as running:
        assert running.finish() == (0, "\n".join([*LINES, ""]), "")


def test_leaves_the_signals_handler_as_it_was() -> None:
    def receive() -> None:
        before = signal.signal(signal.SIGURG, signal.SIG_IGN)
        print(list(receive_from_child(b"print all pages", b"!")))
        assert signal.signal(signal.SIGURG, before) == signal.SIG_IGN

    with Running(receive) as running:
        assert running.finish() == (0, f"{LINES}\n", "")


def test_stops_when_nobody_wants_to_know() -> None:
    def receive_once() -> None:
        lines = receive_from_child(b"print all pages", b"!")
        print(next(lines))
        lines.close()

    with Running(receive_once) as running:
        assert running.finish() == (0, "SIGURG\n", "")


def connect_only(listener: socket.socket, *_: bytes) -> NoReturn:
    with socket.create_connection(listener.getsockname()):
        os._exit(0)


@pytest.mark.parametrize(
    ("child", "replace", "why"),
    [
        (
            connect_only,
            {"select.select": lambda *_: ([], [], [])},  # waited in vain
            "Invalid argument",
        ),
        (lambda *_: os._exit(0), {"PATIENCE": 0.05}, "timed out"),
    ],
)
def test_reports_a_child_that_sends_nothing(
    child: object, replace: dict[str, object], why: str
) -> None:
    assert why in refusal(NAME, replace=replace | {"send_and_exit": child})
