from __future__ import annotations

import itertools
import signal
import socket
from typing import NoReturn

import pytest
from peers import LOOPBACK
from programs import DEADLINE, Running

from ipc_examples import datagram_request
from ipc_examples.datagram_request import (
    answer_second_and_exit,
    ask,
    ask_child,
)

NAME = "datagram_request"


def datagram_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((LOOPBACK, 0))
    opened.settimeout(DEADLINE)
    return opened


def stay_silent(_: socket.socket) -> NoReturn:
    while True:
        signal.pause()


@pytest.mark.slow
def test_asks_until_it_is_answered() -> None:
    with Running(NAME) as running:
        assert running.finish() == (
            0,
            "request 1: no answer\nrequest 2 -->Half a league onward\n",
            "",
        )


def test_gives_up_on_a_silent_server() -> None:
    replace = {"PATIENCE": 0.01, "answer_second_and_exit": stay_silent}
    with Running(NAME, replace=replace) as running:
        assert running.finish() == (
            1,
            "".join(f"request {n}: no answer\n" for n in range(1, 6)),
            f"{NAME}: no answer to 5 requests\n",
        )


def test_does_not_hear_a_stranger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datagram_request, "PATIENCE", DEADLINE)
    with (
        datagram_socket() as server,
        datagram_socket() as stranger,
        Running(lambda: print(*ask(server.getsockname(), b"who?"))) as running,
    ):
        question, client = server.recvfrom(1024)
        assert question == b"who?"
        stranger.sendto(b"a stranger", client)
        server.sendto(b"the server", client)
        assert running.finish() == (0, "request 1 -->the server\n", "")


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (b"\xff\x1b[2J", [r"request 1 -->\xff\x1b[2J"]),
        (b"x" * 1024, ["request 1 -->" + "x" * 1024]),
        (
            b"x" * 1025,
            [
                "request 1 -->" + "x" * 1024,
                "request 1: answer cut to 1024 bytes",
            ],
        ),
    ],
    ids=["no text", "fits", "too large"],
)
def test_an_answer_may_be_anything(answer: bytes, lines: list[str]) -> None:
    with datagram_socket() as server:
        replies = ask(server.getsockname(), b"who?")
        with Running(lambda: print(*replies, sep="\n")) as running:
            server.sendto(answer, server.recvfrom(1024)[1])
            assert running.finish() == (0, "\n".join([*lines, ""]), "")


def test_the_server_answers_the_second_request() -> None:
    with (
        datagram_socket() as server,
        datagram_socket() as client,
        Running(lambda: answer_second_and_exit(server)) as running,
    ):
        for question in (b"one?", b"two?"):
            client.sendto(question, server.getsockname())
        assert client.recv(1024) == b"Half a league onward"
        assert running.finish() == (0, "", "")


def test_the_server_ends_when_nobody_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datagram_request, "PATIENCE", 0.01)
    with (
        datagram_socket() as server,
        Running(lambda: answer_second_and_exit(server)) as running,
    ):
        assert running.finish() == (1, "", f"{NAME}: child: timed out\n")


@pytest.mark.slow
def test_the_server_ends_when_nobody_wants_to_know() -> None:
    def ask_once() -> None:
        lines = ask_child(b"who?")
        print(*itertools.islice(lines, 1))
        lines.close()

    with Running(ask_once) as running:
        assert running.finish() == (0, "request 1: no answer\n", "")
