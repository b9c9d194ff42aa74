from __future__ import annotations

import os
import re
import signal
import socket
from typing import TYPE_CHECKING, NoReturn

import pytest

from ipc_examples import datagram_request
from ipc_examples.datagram_request import answer_second_and_exit, ask
from tests.harness.peers import datagram_socket
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    act_in_child,
    assert_exit_report,
    kill_self,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "datagram_request"
CONSTANTS = {"TIMEOUT": 0.5, "TRIES": 5, "BUFFER_SIZE": 1024}
SHORT = {"TIMEOUT": 0.01}


def stay_silent(_: socket.socket) -> NoReturn:
    while True:
        signal.pause()


def outliving(fork: Callable[[], int]) -> Callable[[], int]:
    """Return a fork from which the parent goes on when the child has ended."""

    def fork_and_wait() -> int:
        if pid := fork():
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return pid

    return fork_and_wait


@pytest.mark.slow
def test_asks_until_it_is_answered() -> None:
    with RunningProgram(NAME) as running:
        assert running.finish() == (
            0,
            "request 1: no answer\nrequest 2 -->Half a league onward\n",
            "",
        )


def test_gives_up_on_a_silent_server() -> None:
    replace = {**SHORT, "answer_second_and_exit": stay_silent}
    with RunningProgram(NAME, replace=replace) as running:
        assert running.finish() == (
            1,
            "".join(f"request {n}: no answer\n" for n in range(1, 6)),
            f"{NAME}: no answer to 5 requests\n",
        )


def test_does_not_hear_a_stranger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datagram_request, "TIMEOUT", DEADLINE)
    with (
        datagram_socket() as server,
        datagram_socket() as stranger,
        RunningProgram(
            lambda: print(ask(server.getsockname(), b"who?"))
        ) as running,
    ):
        question, client = server.recvfrom(1024)
        assert question == b"who?"
        stranger.sendto(b"a stranger", client)
        server.sendto(b"the server", client)
        out = "request 1 -->the server\nb'the server'\n"
        assert running.finish() == (0, out, "")


def test_asks_a_server_again_that_starts_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is at its port first: so the system refuses at once."""
    monkeypatch.setattr(datagram_request, "TIMEOUT", DEADLINE)
    gate, keeper = os.pipe()

    def wait(seconds: float) -> None:
        os.write(1, f"sleeps for {seconds} s\n".encode())  # flushes nothing
        os.read(gate, 1)

    def ask_and_print() -> None:
        deaf.close()  # our copy
        print(ask(address, b"who?"))

    with datagram_socket() as deaf:
        address = deaf.getsockname()
        deaf.connect(address)  # to itself: it hears nobody else
        with RunningProgram(
            ask_and_print, replace={"time.sleep": wait}
        ) as running:
            assert running.line() == "request 1: refused"
            assert running.line() == f"sleeps for {DEADLINE} s"
            deaf.close()
            with datagram_socket(port=address[1]) as server:
                os.write(keeper, b".")
                question, client = server.recvfrom(1024)
                server.sendto(b"here I am", client)
                assert question == b"who?"
                out = "request 2 -->here I am\nb'here I am'\n"
                assert running.finish() == (0, out, "")
    os.close(gate)
    os.close(keeper)


def test_tells_of_each_try_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datagram_request, "TIMEOUT", 0.01)
    gate, keeper = os.pipe()
    send = socket.socket.send

    def wait_and_send(client: socket.socket, data: bytes) -> int:
        os.read(gate, 1)
        return send(client, data)

    with datagram_socket() as server:
        address = server.getsockname()
        with RunningProgram(
            lambda: ask(address, b"who?"),
            replace={"socket.socket.send": wait_and_send},
        ) as running:
            for trial in range(1, 6):
                os.write(keeper, b".")
                assert running.line() == f"request {trial}: no answer"
            why = "^TimeoutError: no answer to 5 requests$"
            assert re.search(why, running.finish().err, re.MULTILINE)
    os.close(gate)
    os.close(keeper)


def test_its_parent_does_not_hold_the_servers_socket() -> None:
    """Or nobody would refuse when the child has died."""
    replace = {**SHORT, "os.fork": outliving(act_in_child(kill_self))}
    with RunningProgram(NAME, replace=replace) as running:
        assert running.finish() == (
            1,
            "".join(f"request {n}: refused\n" for n in range(1, 6)),
            f"{NAME}: no answer to 5 requests\n",
        )


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (b"", "request 1 -->"),
        (b"\xff\x1b[2J", r"request 1 -->\xff\x1b[2J"),
        (b"x" * 1024, "request 1 -->" + "x" * 1024),
        (b"x" * 1025, "request 1, cut -->" + "x" * 1024),
    ],
    ids=["empty", "no text", "fits", "too large"],
)
def test_an_answer_may_be_anything(answer: bytes, line: str) -> None:
    with datagram_socket() as server:
        address = server.getsockname()
        with RunningProgram(lambda: print(ask(address, b"who?"))) as running:
            server.sendto(answer, server.recvfrom(1024)[1])
            out = f"{line}\n{answer[:1024]!r}\n"
            assert running.finish() == (0, out, "")


def test_the_server_answers_the_second_request() -> None:
    with (
        datagram_socket() as server,
        datagram_socket() as client,
        RunningProgram(lambda: answer_second_and_exit(server)) as running,
    ):
        for question in (b"one?", b"two?"):
            client.sendto(question, server.getsockname())
        assert client.recv(1024) == b"Half a league onward"
        assert running.finish() == (0, "", "")


def test_the_server_ends_when_nobody_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the time that all tries together take."""
    monkeypatch.setattr(datagram_request, "TIMEOUT", 0.01)
    settimeout = socket.socket.settimeout

    def tell_and_set(server: socket.socket, seconds: float) -> None:
        print(f"waits for {seconds} s", flush=True)
        settimeout(server, seconds)

    replace = {"socket.socket.settimeout": tell_and_set}
    with (
        datagram_socket() as server,
        RunningProgram(
            lambda: answer_second_and_exit(server), replace=replace
        ) as running,
    ):
        ended = running.finish()
    stderr = rf"{NAME}: child: TimeoutError\('timed out'\)\n"
    assert_exit_report(ended, stderr, out=f"waits for {5 * 0.01} s\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "status"), [(kill_self, -9), (lambda: os._exit(3), 3)]
)
def test_tells_how_the_child_ended(
    end: Callable[[], object], status: int
) -> None:
    def answer(server: socket.socket) -> NoReturn:
        _, client = server.recvfrom(1024)
        server.sendto(b"one", client)
        end()
        raise AssertionError

    replace = {"answer_second_and_exit": answer, "TIMEOUT": DEADLINE}
    with RunningProgram(NAME, replace=replace) as running:
        ended = running.finish()
    stderr = rf"{NAME}: the child ended with status {status}\n"
    assert_exit_report(ended, stderr, out="request 1 -->one\n")


def test_reports_a_childs_mistake() -> None:
    """Its parent asks in vain, and is refused or not, as it happens."""
    fork = outliving(act_in_child(misname_settimeout))
    replace = {**SHORT, "os.fork": fork}
    with RunningProgram(NAME, replace=replace) as running:
        ended = running.finish()
    stderr = (
        rf"{NAME}: child: TypeError\(.*\)\n{NAME}: no answer to 5 requests\n"
    )
    assert_exit_report(ended, stderr)


def misname_settimeout() -> None:
    socket.socket.settimeout = None  # type: ignore[assignment]
