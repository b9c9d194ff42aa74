from __future__ import annotations

import inspect
import selectors
import signal
import socket
from functools import partial
from typing import TYPE_CHECKING

import pytest
from peers import LOOPBACK, client_of, send_to
from programs import Running

from ipc_examples.inet_stream_select import listener_at, read, serve, welcome

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "inet_stream_select"


def test_a_silent_client_holds_up_nobody() -> None:
    with Running(NAME) as running:
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
            assert running.interrupt() == (130, "", "")


class TestIdling:
    """Here each turn of the loop prints a line."""

    @pytest.fixture
    def running(self) -> Iterator[Running]:
        select = selectors.DefaultSelector.select

        def tell_and_select(
            selector: selectors.DefaultSelector, timeout: float
        ) -> object:
            print("select", flush=True)
            return select(selector, timeout)

        replace = {
            "selectors.DefaultSelector.select": tell_and_select,
            "serve": partial(serve, idle=0.01),
        }
        with Running(NAME, replace=replace) as running:
            yield running

    def assert_idle(self, running: Running) -> None:
        for _ in range(3):
            assert running.line() == "select"
            assert running.line() == "Do something else"
        running.signal(signal.SIGINT)
        status, _, err = running.finish()
        assert (status, err) == (130, "")

    def wait_for(self, running: Running, line: str) -> None:
        while running.line() != line:
            pass

    def test_is_done_without_a_client(self, running: Running) -> None:
        running.line()
        self.assert_idle(running)

    def test_is_done_beside_silent_clients(self, running: Running) -> None:
        first_line = running.line()
        with (
            client_of(NAME, first_line),
            client_of(NAME, first_line) as client,
        ):
            client.sendall(b"one")
            self.wait_for(running, "-->one")
            self.assert_idle(running)

    def test_is_done_after_a_client(self, running: Running) -> None:
        first_line = running.line()
        with client_of(NAME, first_line) as client:
            client.shutdown(socket.SHUT_WR)
            self.wait_for(running, "Ending connection")
            self.assert_idle(running)

    def test_lasts_five_seconds(self) -> None:
        assert inspect.signature(serve).parameters["idle"].default == 5.0


class TestFalseAlarms:
    def test_of_data(self) -> None:
        one, other = socket.socketpair()
        with one, other:
            other.setblocking(False)
            assert read(other)

    def test_of_a_connection(self) -> None:
        with (
            listener_at(LOOPBACK) as listener,
            selectors.DefaultSelector() as selector,
        ):
            listener.setblocking(False)
            welcome(selector, listener)
            assert not selector.get_map()
