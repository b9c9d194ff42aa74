from __future__ import annotations

import errno
import inspect
import selectors
import signal
import socket
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from ipc_examples.inet_stream_select import (
    read_available,
    serve,
)
from tests.harness.peers import client_of, send_to
from tests.harness.running import RunningProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    import pytest

NAME = "inet_stream_select"
CONSTANTS = {"BUFFER_SIZE": 16384, "IDLE": 5.0, "RETRY_DELAY": 1.0}
IDLING, RETRYING = "select 5.0", "select 1.0"


def test_a_silent_client_holds_up_nobody() -> None:
    with RunningProgram(NAME) as running:
        first_line = running.line()
        with (
            client_of(NAME, first_line),
            client_of(NAME, first_line) as one,
            client_of(NAME, first_line) as other,
        ):
            other.sendall(b"one")
            assert running.line() == "-->one"
            one.sendall(b"two")
            assert running.line() == "-->two"
            send_to(NAME, first_line, b"three")
            assert running.line() == "-->three"
            assert running.line() == "Ending connection"
            other.sendall(b"four")
            assert running.line() == "-->four"
            assert running.interrupt() == (-signal.SIGINT, "", "")


def talking(
    *, passing: Container[str] = (), step: float = 0.0
) -> dict[str, object]:
    """Return replacements: the program tells of each call of select().

    :param passing: waits that are over at once, without an event; others
        last until there is one
    :param step: the seconds that pass from one look at the clock to the next
    """
    select: Callable[..., object] = selectors.DefaultSelector.select
    clock = count(100, step)

    def tell_and_select(
        selector: selectors.DefaultSelector, timeout: float | None = None
    ) -> object:
        print(line := f"select {timeout}", flush=True)
        return select(selector, 0 if line in passing else None)

    return {
        "selectors.DefaultSelector.select": tell_and_select,
        "time.monotonic": lambda: next(clock),
    }


def wait_for(running: RunningProgram, line: str) -> None:
    while running.line() != line:
        pass


def end(running: RunningProgram) -> None:
    running.signal(signal.SIGINT)
    status, _, err = running.finish()
    assert (status, err) == (-signal.SIGINT, "")


class TestIdling:
    REPLACE = talking(passing={IDLING})

    def assert_idle(self, running: RunningProgram) -> None:
        for _ in range(3):
            assert running.line() == IDLING
            assert running.line() == "Do something else"
        end(running)

    def test_idling_is_done_without_a_client(self) -> None:
        with RunningProgram(NAME, replace=self.REPLACE) as running:
            running.line()
            self.assert_idle(running)

    def test_idling_is_done_beside_silent_clients(self) -> None:
        with RunningProgram(NAME, replace=self.REPLACE) as running:
            first_line = running.line()
            with (
                client_of(NAME, first_line),
                client_of(NAME, first_line) as client,
            ):
                client.sendall(b"one")
                wait_for(running, "-->one")
                self.assert_idle(running)

    def test_idling_is_done_after_a_client(self) -> None:
        with RunningProgram(NAME, replace=self.REPLACE) as running:
            first_line = running.line()
            with client_of(NAME, first_line) as client:
                client.shutdown(socket.SHUT_WR)
                wait_for(running, "Ending connection")
                self.assert_idle(running)

    def test_idling_is_not_done_when_there_was_something_to_do(self) -> None:
        with (
            RunningProgram(NAME, replace=talking()) as running,
            client_of(NAME, running.line()) as client,
        ):
            assert running.line() == IDLING
            assert running.line() == IDLING  # the client was accepted
            for number in range(3):
                client.sendall(str(number).encode())
                assert running.line() == f"-->{number}"
                assert running.line() == IDLING
            end(running)

    def test_idling_lasts_five_seconds(self) -> None:
        assert inspect.signature(serve).parameters["idle"].default == 5.0

    def test_idling_lasts_as_long_as_one_says(self) -> None:
        replace = talking() | {"serve": partial(serve, idle=0.25)}
        with RunningProgram(NAME, replace=replace) as running:
            running.line()
            assert running.line() == "select 0.25"
            end(running)


def accept_but(failing: Container[int]) -> dict[str, object]:
    """Return a replacement: some calls of accept() find no free descriptor."""
    accept = socket.socket.accept
    numbers = count()

    def accept_or_fail(listener: socket.socket) -> object:
        if next(numbers) in failing:
            raise OSError(errno.EMFILE, "none is free")
        return accept(listener)

    return {"socket.socket.accept": accept_or_fail}


class TestWithoutAFreeDescriptor:
    COMPLAINT = f"{NAME}: [Errno {errno.EMFILE}] none is free"

    def test_without_a_descriptor_looks_again_beside_a_client_that_talks(
        self,
    ) -> None:
        """That there are events all the time is no reason to wait on."""
        replace = talking(step=0.4) | accept_but([1])
        with (
            RunningProgram(NAME, replace=replace) as running,
            client_of(NAME, first := running.line()) as chatty,
        ):
            assert running.line() == IDLING
            assert running.line() == IDLING
            with client_of(NAME, first) as client:
                client.sendall(b"I am new")
                assert running.stderr_line() == self.COMPLAINT  # at 100.0
                assert running.line() == RETRYING  # and it is 100.4
                chatty.sendall(b"one")
                assert running.line() == "-->one"
                assert running.line() == RETRYING  # 100.8
                chatty.sendall(b"two")
                assert running.line() == "-->two"
                assert running.line() == IDLING  # 101.2: it listens again
                assert running.line() == IDLING
                assert running.line() == "-->I am new"
                end(running)

    def test_without_a_descriptor_looks_again_when_all_are_silent(
        self,
    ) -> None:
        replace = talking(passing={RETRYING}, step=0.4) | accept_but([0])
        with (
            RunningProgram(NAME, replace=replace) as running,
            client_of(NAME, running.line()) as client,
        ):
            client.sendall(b"one")
            assert running.stderr_line() == self.COMPLAINT
            lines = [IDLING, RETRYING, RETRYING, IDLING, IDLING, "-->one"]
            assert [running.line() for _ in lines] == lines
            end(running)

    def test_without_a_descriptor_looks_once_a_second(self) -> None:
        """It does not spin, though the client waits all the time."""
        replace = talking(passing={RETRYING}, step=0.6)
        with (
            RunningProgram(
                NAME, replace=replace | accept_but(range(1000))
            ) as running,
            client_of(NAME, running.line()),
        ):
            for _ in range(3):
                assert running.stderr_line() == self.COMPLAINT
                assert running.line() == IDLING
                assert running.line() == RETRYING
            running.signal(signal.SIGINT)
            assert running.finish().status == -signal.SIGINT

    def test_without_a_descriptor_serves_those_who_are_there(self) -> None:
        with (
            RunningProgram(
                NAME, replace=accept_but(range(1, 1000))
            ) as running,
            client_of(NAME, first := running.line()) as one,
        ):
            one.sendall(b"one")
            assert running.line() == "-->one"
            with client_of(NAME, first):
                assert running.stderr_line() == self.COMPLAINT
                one.sendall(b"two")
                assert running.line() == "-->two"
                one.close()
                assert running.line() == "Ending connection"
                running.signal(signal.SIGINT)
                assert running.finish().status == -signal.SIGINT


class TestFalseAlarms:
    def test_false_alarms_of_data(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        one, other = socket.socketpair()
        with one, other:
            other.setblocking(False)
            assert read_available(other)
        assert capsys.readouterr() == ("", "")
