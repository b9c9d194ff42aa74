from __future__ import annotations

import errno
import inspect
import selectors
import signal
import socket
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest
from peers import LOOPBACK, client_of, send_to
from programs import Running

from ipc_examples.inet_stream_select import listener_at, read, serve, welcome

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from typing import NoReturn

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


def tell_and_select(
    selector: selectors.DefaultSelector,
    timeout: float,
    select: Callable[..., object] = selectors.DefaultSelector.select,
) -> object:
    print("select", flush=True)
    return select(selector, timeout)


IMPATIENT: dict[str, object] = {"serve": partial(serve, idle=0.01)}
TALKING: dict[str, object] = {
    "selectors.DefaultSelector.select": tell_and_select
}


def wait_for(running: Running, line: str) -> None:
    while running.line() != line:
        pass


class TestIdling:
    @pytest.fixture
    def running(self) -> Iterator[Running]:
        with Running(NAME, replace=IMPATIENT | TALKING) as running:
            yield running

    def assert_idle(self, running: Running) -> None:
        for _ in range(3):
            assert running.line() == "select"
            assert running.line() == "Do something else"
        running.signal(signal.SIGINT)
        status, _, err = running.finish()
        assert (status, err) == (130, "")

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
            wait_for(running, "-->one")
            self.assert_idle(running)

    def test_is_done_after_a_client(self, running: Running) -> None:
        first_line = running.line()
        with client_of(NAME, first_line) as client:
            client.shutdown(socket.SHUT_WR)
            wait_for(running, "Ending connection")
            self.assert_idle(running)

    def test_lasts_five_seconds(self) -> None:
        assert inspect.signature(serve).parameters["idle"].default == 5.0


def accept_but(failing: Container[int]) -> dict[str, object]:
    """Return what lets some calls of accept() find no free descriptor."""
    accept = socket.socket.accept
    numbers = count()

    def accept_or_fail(listener: socket.socket) -> object:
        if next(numbers) in failing:
            raise OSError(errno.EMFILE, "none is free")
        return accept(listener)

    return {"socket.socket.accept": accept_or_fail}


class TestWithoutAFreeDescriptor:
    COMPLAINT = f"{NAME}: [Errno {errno.EMFILE}] none is free"

    def test_looks_again_when_idle(self) -> None:
        replace = IMPATIENT | accept_but([0])
        with (
            Running(NAME, replace=replace) as running,
            client_of(NAME, running.line()) as client,
        ):
            assert running.complaint() == self.COMPLAINT
            client.sendall(b"one")
            wait_for(running, "-->one")
            running.signal(signal.SIGINT)
            assert running.finish().err == ""

    def test_looks_again_when_a_connection_ends(self) -> None:
        with Running(NAME, replace=accept_but([1])) as running:
            first_line = running.line()
            with client_of(NAME, first_line) as one:
                one.sendall(b"one")
                assert running.line() == "-->one"
                with client_of(NAME, first_line) as other:
                    assert running.complaint() == self.COMPLAINT
                    one.close()
                    assert running.line() == "Ending connection"
                    other.sendall(b"two")
                    assert running.line() == "-->two"
                    assert running.interrupt() == (130, "", "")

    def test_does_not_spin(self) -> None:
        replace = IMPATIENT | TALKING | accept_but(range(1000))
        with (
            Running(NAME, replace=replace) as running,
            client_of(NAME, running.line()),
        ):
            assert running.complaint() == self.COMPLAINT
            wait_for(running, "Do something else")
            for _ in range(3):
                assert running.line() == "select"  # the client waits still
                assert running.line() == "select"  # nobody looks
                assert running.line() == "Do something else"
            running.signal(signal.SIGINT)
            assert running.finish().status == 130


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

    def test_cannot_make_the_server_wait(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listener = listener_at(LOOPBACK)

        def select(*_: object) -> NoReturn:
            raise InterruptedError(listener.getblocking())

        monkeypatch.setattr(selectors.DefaultSelector, "select", select)
        with listener, pytest.raises(InterruptedError, match="False"):
            serve(listener)

    def test_cannot_block(self) -> None:
        with (
            listener_at(LOOPBACK) as listener,
            selectors.DefaultSelector() as selector,
            socket.create_connection(listener.getsockname()),
        ):
            welcome(selector, listener)
            (key,) = selector.get_map().values()
            with key.data as connection:
                assert not connection.getblocking()
