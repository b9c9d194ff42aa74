from __future__ import annotations

import contextlib
import errno
import selectors
import signal
import socket
import threading
from itertools import count
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc_examples import inet_stream_echo
from ipc_examples.inet_stream_echo import (
    Client,
    move_data,
)
from tests.harness.examples import examples
from tests.harness.obstacles import RESET
from tests.harness.peers import client_of
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    assert_idle,
    wait_until_blocked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from typing import NoReturn

NAME = "inet_stream_echo"
CONSTANTS = {"BUFFER_SIZE": 16384, "LIMIT": 65536, "RETRY_DELAY": 1.0}
LIMIT = inet_stream_echo.LIMIT
BUFFER_SIZE = inet_stream_echo.BUFFER_SIZE
MUCH = 25_600_000  # bytes: more than a connection holds


def much() -> bytes:
    """Return MUCH bytes, each other than its neighbours.

    They are made when they are asked for: what a module holds is copied by
    each fork of its process, whichever test makes it.
    """
    return bytes(range(256)) * (MUCH // 256)


class Server(NamedTuple):
    """A server that runs, and the line that tells its port."""

    running: RunningProgram
    first: str

    def client(self) -> contextlib.AbstractContextManager[socket.socket]:
        return client_of(NAME, self.first)


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a server; see that it then serves, waits, and dies as usual."""
    with RunningProgram(NAME) as running:
        server = Server(running, running.line())
        yield server
        with server.client() as client:
            assert_echoed(client, b"last")
            assert running.interrupt() == (-signal.SIGINT, "", "")


def received(client: socket.socket, size: int) -> bytes:
    """Return so many bytes of an echo, or fewer if it ends before."""
    data = bytearray()
    while len(data) < size and (part := client.recv(size - len(data))):
        data += part
    return bytes(data)


def assert_echoed(client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    assert received(client, len(data)) == data


@contextlib.contextmanager
def sending(client: socket.socket, data: bytes) -> Iterator[None]:
    """Send *data*, and then the end, while something else is done."""

    def send() -> None:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    yield
    sender.join(DEADLINE)
    assert not sender.is_alive()


class TestEchoes:
    def test_echoes_what_a_client_sends(self, server: Server) -> None:
        with server.client() as client:
            for data in (b"one", b"two\0", b"\n", b"\xff\x00\x1b[2J", b"x"):
                assert_echoed(client, data)

    def test_echoes_each_client_its_own(self, server: Server) -> None:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.client()) for _ in range(20)]
            for number, client in enumerate(clients):
                client.sendall(str(number).encode())
            for number, client in reversed([*enumerate(clients)]):
                data = str(number).encode()
                assert received(client, len(data)) == data

    def test_echoes_nothing_of_its_own(self, server: Server) -> None:
        with server.client() as client:
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""

    def test_echoes_all_of_a_long_stream(self, server: Server) -> None:
        with server.client() as client, sending(client, much()):
            assert received(client, MUCH + 1) == much()

    def test_echoes_all_after_the_client_has_said_all(
        self, server: Server
    ) -> None:
        """What its peer has yet to take is sent when it takes it."""
        data = much()[: LIMIT // 2]
        with server.client() as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert_idle(server.running.pid)
            assert received(client, len(data) + 1) == data

    def test_echoes_all_that_waits_when_the_end_comes(self) -> None:
        """The end is noticed with bytes unsent: they are sent first."""
        data = much()[: 2 * BUFFER_SIZE]
        with pair() as (peer, client):
            client.unsent += data
            peer.shutdown(socket.SHUT_WR)
            assert move_data(client, EVENT_READ) == EVENT_WRITE * bool(
                client.unsent
            )
            while client.unsent:
                move_data(client, EVENT_WRITE)
            assert received(peer, len(data)) == data
            assert client.has_ended
            assert move_data(client, 0) == 0

    @pytest.mark.slow
    def test_echoes_any_bytes_in_any_pieces(self, server: Server) -> None:
        parts = st.lists(
            st.binary(max_size=40)
            | st.builds(
                lambda data, times: data * times,
                st.binary(min_size=1, max_size=40),
                st.integers(1, 4000),
            ),
            max_size=6,
        )

        @examples(40)
        @given(parts)
        def come_back(pieces: list[bytes]) -> None:
            data = b"".join(pieces)
            with server.client() as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

                def send() -> None:
                    for piece in pieces:
                        client.sendall(piece)
                    client.shutdown(socket.SHUT_WR)

                sender = threading.Thread(target=send)
                sender.start()
                assert received(client, len(data) + 1) == data
                sender.join()

        come_back()


class TestClientThatDoesNotRead:
    def test_a_deaf_client_holds_up_nobody(self, server: Server) -> None:
        with server.client() as other, server.client() as deaf:
            fill(deaf, server)
            assert_idle(server.running.pid)  # it does not even try
            assert_echoed(other, b"one")
            with server.client() as new:
                assert_echoed(new, b"two")
            assert_told_of_a_reset(server, deaf)

    def test_a_deaf_client_loses_nothing(self, server: Server) -> None:
        with server.client() as deaf:
            sent = fill(deaf, server)
            assert_idle(server.running.pid)
            data = received(deaf, sent)
            assert data == (much() * (sent // MUCH + 1))[:sent]
            assert_echoed(deaf, b"and on")

    def test_a_deaf_client_is_read_to_a_limit(self) -> None:
        """At most LIMIT bytes and one buffer's wait for it."""
        data = much()
        with pair() as (peer, client):
            peer.setblocking(False)
            wanted = EVENT_READ
            most = 0
            while wanted & EVENT_READ and most < 2 * LIMIT:
                with contextlib.suppress(BlockingIOError):
                    peer.send(data)
                wanted = move_data(client, wanted)
                most = max(most, len(client.unsent))
            assert LIMIT <= most < LIMIT + BUFFER_SIZE
            assert wanted == EVENT_WRITE

    @pytest.mark.parametrize(
        ("waiting", "wanted"),
        [
            (0, EVENT_READ),
            (1, EVENT_READ | EVENT_WRITE),
            (LIMIT - 1, EVENT_READ | EVENT_WRITE),
            (LIMIT, EVENT_WRITE),
            (LIMIT + 1, EVENT_WRITE),
        ],
    )
    def test_a_deaf_client_is_waited_for_as_needed(
        self, waiting: int, wanted: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """To write only if something is left; to read, below the limit."""

        def have_no_room(*_: object) -> NoReturn:
            raise BlockingIOError(errno.EAGAIN, "no room")

        monkeypatch.setattr(socket.socket, "send", have_no_room)
        with pair() as (_, client):
            client.unsent += bytes(waiting)
            assert move_data(client, EVENT_WRITE) == wanted
            client.has_ended = True
            assert move_data(client, EVENT_WRITE) == wanted & EVENT_WRITE

    def test_a_deaf_client_may_be_gone_without_having_read(
        self, server: Server
    ) -> None:
        with server.client() as deaf:
            fill(deaf, server)
            assert_told_of_a_reset(server, deaf)

    def test_a_deaf_client_may_send_its_end_and_then_read(
        self, server: Server
    ) -> None:
        with server.client() as deaf:
            sent = fill(deaf, server)
            deaf.shutdown(socket.SHUT_WR)
            assert_idle(server.running.pid)
            assert len(received(deaf, sent + 1)) == sent


class TestMisfortunes:
    def test_failures_of_one_client_are_told_and_end_it(
        self, server: Server
    ) -> None:
        with server.client() as other:
            with server.client() as client:
                assert_echoed(client, b"one")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                assert_told_of_a_reset(server, client)
            assert_echoed(other, b"two")

    @pytest.mark.parametrize("call", ["recv", "send"])
    def test_failures_of_any_kind(
        self,
        call: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def fail(*_: object) -> NoReturn:
            raise OSError(errno.EIO, "It fails")

        with pair() as (peer, client):
            peer.sendall(b"one")
            monkeypatch.setattr(socket.socket, call, fail)
            assert move_data(client, EVENT_READ) == 0
        error = f"{NAME}: [Errno {errno.EIO}] It fails\n"
        assert capsys.readouterr() == ("", error)


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, Client]]:
    """Yield a peer, and the client that it is to the server."""
    peer, connection = socket.socketpair()
    with peer, connection:
        connection.setblocking(False)
        yield peer, Client(connection)


def fill(client: socket.socket, server: Server) -> int:
    """Send until nobody takes more; return how much that was."""
    data, sent, full = much(), 0, False
    client.setblocking(False)
    while not full:
        wait_until_blocked(server.running.pid)
        full = True
        with contextlib.suppress(BlockingIOError):
            while True:
                start = sent % MUCH
                sent += client.send(data[start : start + 100_000])
                full = False
                if sent > MUCH:
                    pytest.fail(
                        f"{NAME} took {sent} bytes from a client that reads "
                        f"nothing; LIMIT is {LIMIT}"
                    )
    client.settimeout(DEADLINE)
    return sent


def assert_told_of_a_reset(server: Server, client: socket.socket) -> None:
    """Close a client that has not read all, or that asks for a reset."""
    client.close()
    reset = f"{NAME}: [Errno {errno.ECONNRESET}] "
    assert server.running.stderr_line().startswith(reset)


class TestFalseAlarms:
    @pytest.mark.parametrize("events", [EVENT_READ, EVENT_READ | EVENT_WRITE])
    def test_false_alarms_of_data(self, events: int) -> None:
        with pair() as (_, client):
            assert move_data(client, events) == EVENT_READ
            assert not client.has_ended

    def test_false_alarms_of_data_leave_what_waits(self) -> None:
        """It is sent when there is room, which select() will say."""
        with pair() as (peer, client):
            client.unsent += b"one"
            wanted = move_data(client, EVENT_READ)
            assert wanted == EVENT_READ | EVENT_WRITE
            assert move_data(client, wanted & EVENT_WRITE) == EVENT_READ
            assert peer.recv(10) == b"one"


class TestWithoutAFreeDescriptor:
    COMPLAINT = f"{NAME}: [Errno {errno.EMFILE}] none is free"
    IDLING, RETRYING = "select None", "select 1.0"

    def replace(
        self, failing: Container[int], step: float, *, silent: bool
    ) -> dict[str, object]:
        """Return replacements: some accept() find no free descriptor.

        :param step: the seconds from one look at the clock to the next
        :param silent: whether the wait for the next try is over at once
        """
        accept = socket.socket.accept
        select: Callable[..., object] = selectors.DefaultSelector.select
        numbers, clock = count(), count(100, step)

        def accept_or_fail(listener: socket.socket) -> object:
            if next(numbers) in failing:
                raise OSError(errno.EMFILE, "none is free")
            return accept(listener)

        def tell_and_select(
            selector: selectors.DefaultSelector, timeout: float | None = None
        ) -> object:
            print(line := f"select {timeout}", flush=True)
            over = silent and line == self.RETRYING
            return select(selector, 0 if over else None)

        return {
            "socket.socket.accept": accept_or_fail,
            "selectors.DefaultSelector.select": tell_and_select,
            "time.monotonic": lambda: next(clock),
        }

    def test_without_a_descriptor_accepts_again_beside_a_client_that_talks(
        self,
    ) -> None:
        replace = self.replace([1], 0.4, silent=False)
        with (
            RunningProgram(NAME, replace=replace) as running,
            client_of(NAME, first := running.line()) as chatty,
        ):
            assert_echoed(chatty, b"zero")
            with client_of(NAME, first) as client:
                client.sendall(b"I am new")
                assert running.stderr_line() == self.COMPLAINT  # at 100.0
                assert_echoed(chatty, b"one")  # 100.4 before, 100.8 after
                assert_echoed(chatty, b"two")  # 101.2: it listens again
                assert received(client, 8) == b"I am new"
            running.signal(signal.SIGINT)
            status, out, err = running.finish()
        assert (status, err) == (-signal.SIGINT, "")
        assert out.splitlines().count(self.RETRYING) == 2

    def test_without_a_descriptor_accepts_again_when_all_are_silent(
        self,
    ) -> None:
        replace = self.replace([0], 0.4, silent=True)
        with (
            RunningProgram(NAME, replace=replace) as running,
            client_of(NAME, running.line()) as client,
        ):
            assert running.stderr_line() == self.COMPLAINT
            assert_echoed(client, b"one")
            running.signal(signal.SIGINT)
            status, out, err = running.finish()
        assert (status, err) == (-signal.SIGINT, "")
        assert out.splitlines().count(self.RETRYING) == 2

    def test_without_a_descriptor_looks_once_a_second(self) -> None:
        """It does not spin, though the client waits all the time."""
        replace = self.replace(range(1000), 0.6, silent=True)
        with (
            RunningProgram(NAME, replace=replace) as running,
            client_of(NAME, running.line()),
        ):
            for _ in range(3):
                assert running.stderr_line() == self.COMPLAINT
                assert running.line() == self.IDLING
                assert running.line() == self.RETRYING
            running.signal(signal.SIGINT)
            assert running.finish().status == -signal.SIGINT
