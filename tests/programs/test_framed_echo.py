"""The framing against any cuts and any bytes; the server against any client.

Times are replaced by short ones where the end of one is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc_examples import framed_echo
from ipc_examples.framed_echo import LARGEST, Reader, pack
from tests.harness.examples import examples
from tests.harness.fault_groups import FaultGroup
from tests.harness.ipv6 import needs_ipv6
from tests.harness.obstacles import no_free_descriptor
from tests.harness.peers import address_in, client_of, open_socket
from tests.harness.process_1 import process_1
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    assert_idle,
    main_of,
    wait_until_blocked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "framed_echo"
CONSTANTS = {
    "HEADER": 4,
    "LARGEST": 65536,
    "CLIENTS": 500,
    "PATIENCE": 30.0,
    "GRACE": 3.0,
}
NOT_REACHED = (  # a client that does wrong; and what follows SIGTERM
    'raise ValueError(f"{length}',
    "idlest = min(",
    "clients.pop(idlest)",
    'complain("too many',
    "except (OSError, ValueError)",
    "if limit in clients:",
    "complain(str(error)",
    "pass  # a close with",
    "server.close()",
    "while clients:",
    "with suppress(",
    "clients.popitem()",
    "if talks := ",
    "await asyncio.wait(talks",
    "signal.signal(signal.SIGTERM",
    "signal.raise_signal(",
    "sys.exit(128",
    'sys.stderr.write(f"framed_echo',
)
SHORT = 0.2  # seconds, in the place of PATIENCE or GRACE
LONG = 3600.0  # seconds: nobody waits so long
TOO_LONG = "framed_echo: a client took too long"
TOO_MANY = "framed_echo: too many clients: the most idle one is cut off"
IDLE_CLIENTS = 1000
NONSENSE = b"\xff\xff\xff\xff"  # 4 GiB follow
fault = pytest.mark.fault


def cuts(data: bytes, places: list[int]) -> list[bytes]:
    """Return *data* in pieces, cut at some places."""
    ends = sorted({*(place % (len(data) + 1) for place in places)})
    return [
        data[i:j] for i, j in zip([0, *ends], [*ends, len(data)], strict=True)
    ]


class TestReader:
    @examples(300)
    @given(st.lists(st.binary(max_size=50)), st.lists(st.integers(0)))
    def test_any_messages_come_whole_however_the_stream_is_cut(
        self, messages: list[bytes], places: list[int]
    ) -> None:
        reader = Reader()
        found: list[bytes] = []
        for piece in cuts(b"".join(map(pack, messages)), places):
            found += reader.feed(piece)
        assert found == messages
        assert not reader.pending

    def test_each_place_of_one_cut(self) -> None:
        data = pack(b"half") + pack(b"") + pack(b"league")
        for place in range(len(data) + 1):
            reader = Reader()
            found = [*reader.feed(data[:place]), *reader.feed(data[place:])]
            assert found == [b"half", b"", b"league"]

    @examples(300)
    @given(st.binary(), st.lists(st.integers(0)))
    def test_any_bytes_give_the_same_however_they_are_cut(
        self, data: bytes, places: list[int]
    ) -> None:
        """Messages and the refusal; and no more is kept than was fed."""

        def outcome(pieces: list[bytes]) -> tuple[list[bytes], str]:
            reader, found = Reader(), []
            try:
                for piece in pieces:
                    for message in reader.feed(piece):
                        found.append(message)  # noqa: PERF402 - some come
            except ValueError as error:
                return found, str(error)
            assert len(reader.pending) <= len(data)
            return found, ""

        assert outcome(cuts(data, places)) == outcome([data])

    @pytest.mark.parametrize("size", [0, 1, LARGEST - 1, LARGEST])
    def test_takes_a_message_up_to_the_largest(self, size: int) -> None:
        assert [*Reader().feed(pack(bytes(size)))] == [bytes(size)]

    @pytest.mark.parametrize("size", [LARGEST + 1, 2**31, 2**32 - 1])
    def test_refuses_more_as_soon_as_it_is_announced(self, size: int) -> None:
        reader = Reader()
        found = reader.feed(pack(b"half") + struct.pack("!I", size))
        assert next(found) == b"half"
        with pytest.raises(ValueError, match=rf"^{size} bytes are more than"):
            next(found)

    def test_keeps_no_more_than_one_message(self) -> None:
        reader = Reader()
        for byte in pack(bytes(LARGEST))[:-1]:
            assert not [*reader.feed(bytes([byte]))]
        assert len(reader.pending) == LARGEST + 3
        assert [*reader.feed(b"\0")] == [bytes(LARGEST)]
        assert not reader.pending


@contextlib.contextmanager
def serving(**replace: object) -> Iterator[tuple[RunningProgram, str]]:
    """Yield a server, and its first line; see that it serves to the end."""
    with RunningProgram(NAME, replace=replace) as running:
        first = running.line()
        yield running, first
        with client_of(NAME, first) as client:
            assert_echoed(client, b"last")
            running.signal(signal.SIGTERM)
            assert client.recv(1) == b""
        assert running.finish() == (-signal.SIGTERM, "", "")


def assert_echoed(client: socket.socket, message: bytes) -> None:
    client.sendall(pack(message))
    assert taken(client, len(message) + 4) == pack(message)


def taken(client: socket.socket, size: int = sys.maxsize) -> bytes:
    """Return so many bytes, or all until the end."""
    data = bytearray()
    while len(data) < size and (
        part := client.recv(min(size - len(data), 100_000))
    ):
        data += part
    return bytes(data)


def refusal(size: int) -> str:
    return f"{NAME}: {size} bytes are more than {LARGEST}"


class TestServes:
    @examples(30)
    @given(st.lists(st.binary(max_size=300)), st.lists(st.integers(0)))
    def _any_cuts(self, messages: list[bytes], places: list[int]) -> None:
        data = b"".join(map(pack, messages))
        with client_of(NAME, self.first) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in cuts(data, places):
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            assert taken(client) == data

    @pytest.mark.slow
    @fault(FaultGroup.CONTENT, "any messages, in any pieces")
    def test_any_messages_come_back_in_any_cuts(self) -> None:
        with serving() as (_, self.first):
            self._any_cuts()

    @needs_ipv6
    def test_serves_over_ipv6(self) -> None:
        with RunningProgram(NAME, "::1") as running:
            with client_of(NAME, running.line(), "::1") as client:
                assert_echoed(client, b"one")
            assert running.interrupt() == (-signal.SIGINT, "", "")

    def test_names_a_host_that_it_cannot_have(self) -> None:
        with RunningProgram(NAME, "192.0.2.1") as running:
            status, out, err = running.finish()
        assert (status, out) == (1, "")
        assert err.startswith(f"{NAME}: 192.0.2.1: [Errno 99] ")

    def test_echoes_all_to_a_client_that_reads_last(self) -> None:
        message = os.urandom(LARGEST)
        with serving() as (_, first), client_of(NAME, first) as client:
            client.sendall(pack(message) * 3)
            client.shutdown(socket.SHUT_WR)
            assert taken(client) == pack(message) * 3


class TestNonsense:
    @fault(FaultGroup.CONTENT, "a length of 4 GiB")
    def test_a_length_of_4_gib_costs_nothing(self) -> None:
        with serving(PATIENCE=LONG, GRACE=LONG) as (running, first):
            with client_of(NAME, first) as client:
                client.sendall(NONSENSE + bytes(1000))
                assert client.recv(1) == b""
            assert running.stderr_line() == refusal(2**32 - 1)

    @fault(FaultGroup.CONTENT, "nonsense after a message")
    def test_what_came_before_nonsense_is_answered_whole(self) -> None:
        """Though the client goes on with nonsense before it reads."""
        message = os.urandom(LARGEST)
        with (
            serving(PATIENCE=LONG, GRACE=LONG) as (running, first),
            client_of(NAME, first) as client,
        ):
            client.sendall(pack(message) + NONSENSE + bytes(2_000_000))
            assert running.stderr_line() == refusal(2**32 - 1)
            assert taken(client) == pack(message)

    def test_who_goes_on_with_nonsense_is_cut_off(self) -> None:
        with (
            serving(PATIENCE=LONG, GRACE=SHORT) as (running, first),
            client_of(NAME, first) as client,
        ):
            send_until_cut_off(client, NONSENSE * 1000)
            assert running.stderr_line() == refusal(2**32 - 1)

    @fault(
        FaultGroup.STANDARD_STREAMS,
        "errors that cannot be written, in a server",
    )
    @pytest.mark.parametrize("state", ["closed", "no reader", "full"])
    def test_no_peer_can_end_it_when_errors_cannot_be_written(
        self, state: str
    ) -> None:
        def start() -> None:
            if state == "closed":
                os.close(2)
                sys.stderr = None
            else:
                name = "/dev/full" if state == "full" else os.devnull
                mode = os.O_WRONLY if state == "full" else os.O_RDONLY
                os.dup2(os.open(name, mode), 2)
            main_of(NAME)()

        with RunningProgram(start, name=NAME) as running:
            first = running.line()
            for _ in range(3):
                with client_of(NAME, first) as client:
                    client.sendall(pack(b"one") + NONSENSE + bytes(2_000_000))
                    client.shutdown(socket.SHUT_WR)
                    assert taken(client) == pack(b"one")
            with client_of(NAME, first) as client:
                assert_echoed(client, b"two")
            running.signal(signal.SIGTERM)
            assert running.finish()[:2] == (-signal.SIGTERM, "")


class TestTime:
    @fault(FaultGroup.STREAM_PEERS, "a message that never ends")
    def test_a_message_that_never_ends(self) -> None:
        with (
            serving(PATIENCE=SHORT, GRACE=SHORT) as (running, first),
            client_of(NAME, first) as client,
        ):
            client.sendall(struct.pack("!I", LARGEST))
            assert_cut_off(client)
            assert running.stderr_line() == TOO_LONG

    def test_each_message_wins_time(self) -> None:
        """From its echo on, a client has all of PATIENCE again."""
        patience = CONSTANTS["PATIENCE"]

        async def serve_one() -> None:
            loop = asyncio.get_running_loop()
            stream, writer = await asyncio.open_connection(sock=end)
            task = asyncio.create_task(framed_echo.talk(stream, writer))
            for _ in range(3):
                sent = loop.time()
                await loop.sock_sendall(client, pack(b"one"))
                assert await loop.sock_recv(client, 100) == pack(b"one")
                (limit,) = framed_echo.clients
                until = limit.when() or 0
                assert sent + patience <= until <= loop.time() + patience
            client.shutdown(socket.SHUT_WR)
            await task

        client, end = socket.socketpair()
        with client:
            client.setblocking(False)
            asyncio.run(serve_one())

    def test_who_says_nothing_is_shown_the_end(self) -> None:
        with (
            serving(PATIENCE=SHORT) as (running, first),
            client_of(NAME, first) as client,
        ):
            assert client.recv(1) == b""
            assert running.stderr_line() == TOO_LONG

    @fault(FaultGroup.STREAM_PEERS, "a peer that never reads, for ever")
    def test_who_never_reads_is_cut_off(self) -> None:
        with (
            serving(PATIENCE=SHORT, GRACE=SHORT) as (running, first),
            client_of(NAME, first) as client,
        ):
            send_until_cut_off(client, pack(bytes(LARGEST)))
            assert running.stderr_line() == TOO_LONG

    def test_who_has_ended_may_read_after_the_grace(self) -> None:
        """What the system has not taken yet is not thrown away."""
        client, end = socket.socketpair()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        data = pack(os.urandom(LARGEST // 2))

        async def serve_one() -> None:
            stream, writer = await asyncio.open_connection(sock=end)
            await framed_echo.talk(stream, writer)

        def serve() -> None:
            client.close()
            vars(framed_echo)["GRACE"] = SHORT
            asyncio.run(serve_one())

        with client, RunningProgram(serve, name=NAME) as running:
            end.close()
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            time.sleep(SHORT * 3)
            assert taken(client) == data
            assert running.finish() == (0, "", "")


def send_until_cut_off(client: socket.socket, data: bytes) -> None:
    """Send *data* again and again, and read nothing.

    :raises TimeoutError: the server neither takes it nor breaks off
    """
    with contextlib.suppress(ConnectionError):
        while True:
            client.sendall(data)


def assert_cut_off(client: socket.socket) -> None:
    """Send a part of a message byte by byte until the server ends it."""
    client.settimeout(SHORT / 10)
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        client.send(b"x")
        with contextlib.suppress(TimeoutError):
            assert client.recv(1) == b""
            return
    pytest.fail("the server let it go on")


class TestRoom:
    def test_the_most_idle_client_makes_room(self) -> None:
        with (
            serving(CLIENTS=2) as (running, first),
            client_of(NAME, first) as one,
            client_of(NAME, first) as two,
        ):
            assert_echoed(one, b"one")
            assert_echoed(two, b"two")
            assert_echoed(one, b"one again")
            with client_of(NAME, first) as three:
                assert two.recv(1) == b""
                assert_echoed(three, b"three")
            assert_echoed(one, b"and again")
            assert running.stderr_line() == TOO_MANY

    def test_who_has_sent_nonsense_takes_room_until_it_is_gone(self) -> None:
        with (
            serving(CLIENTS=2, GRACE=LONG) as (running, first),
            client_of(NAME, first) as one,
            client_of(NAME, first) as two,
        ):
            for client in one, two:
                client.sendall(NONSENSE)
                assert running.stderr_line() == refusal(2**32 - 1)
            with client_of(NAME, first) as three:
                assert_echoed(three, b"three")
                assert running.stderr_line() == TOO_MANY

    def test_many_small_messages_hold_up_nobody(self) -> None:
        """Another has its answer before all of them are answered."""

        async def answers_before_the_other(listener: socket.socket) -> int:
            address = listener.getsockname()
            with (
                socket.create_connection(address) as many,
                socket.create_connection(address) as one,
            ):
                many.sendall(pack(b"") * 10_000)
                one.sendall(pack(b"one"))
                many.setblocking(False)
                one.setblocking(False)
                await asyncio.start_server(framed_echo.talk, sock=listener)
                loop = asyncio.get_running_loop()
                assert await loop.sock_recv(one, 100) == pack(b"one")
                return len(many.recv(40_000)) // 4

        def serve() -> None:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                print(asyncio.run(answers_before_the_other(listener)))

        with RunningProgram(serve, name=NAME) as running:
            assert int(running.line()) < 5000
            assert running.finish().status == 0

    def test_who_has_left_takes_no_room(self) -> None:
        with (
            serving(CLIENTS=2, PATIENCE=LONG) as (_, first),
            client_of(NAME, first) as idle,
        ):
            assert_echoed(idle, b"one")
            for _ in range(3):
                with client_of(NAME, first) as other:
                    other.shutdown(socket.SHUT_WR)
                    assert other.recv(1) == b""
            assert_echoed(idle, b"two")
            idle.shutdown(socket.SHUT_WR)
            assert idle.recv(1) == b""

    def test_who_fails_in_a_way_of_its_own_takes_no_room(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An exception that nobody foresaw is raised, and all is let go."""

        def feed(_: Reader, __: bytes) -> list[bytes]:
            raise RuntimeError("unforeseen")

        async def serve_one() -> None:
            stream, writer = await asyncio.open_connection(sock=end)
            with pytest.raises(RuntimeError, match="unforeseen"):
                await framed_echo.talk(stream, writer)
            assert not framed_echo.clients
            assert writer.is_closing()

        monkeypatch.setattr(Reader, "feed", feed)
        client, end = socket.socketpair()
        with client:
            client.sendall(b"one")
            client.shutdown(socket.SHUT_WR)
            asyncio.run(serve_one())
            assert client.recv(1) == b""

    @pytest.mark.slow
    @fault(FaultGroup.STREAM_PEERS, "1000 idle peers")
    def test_idle_clients_shut_out_nobody(self) -> None:
        """Of each some memory is kept; a message of theirs is not awaited."""
        with (
            serving(PATIENCE=LONG) as (running, first),
            contextlib.ExitStack() as stack,
        ):
            for number in range(IDLE_CLIENTS):
                idle = stack.enter_context(client_of(NAME, first))
                idle.sendall(b"\0\0")
                if number % 100 == 0:
                    wait_until_blocked(running.pid)
            with client_of(NAME, first) as client:
                assert_echoed(client, b"one")
                wait_until_blocked(running.pid)
                assert len(os.listdir(f"/proc/{running.pid}/fd")) < 520
            assert_idle(running.pid)
            for _ in range(IDLE_CLIENTS + 1 - int(CONSTANTS["CLIENTS"])):
                assert running.stderr_line() == TOO_MANY

    def test_a_client_that_never_reads_costs_little_memory(self) -> None:
        with serving(PATIENCE=LONG) as (running, first):
            before = memory_of(running.pid)
            with client_of(NAME, first) as client:
                fill(running, client, pack(bytes(LARGEST)))
                assert memory_of(running.pid) - before < 3_000_000
            assert "reset by peer" in running.stderr_line()

    @pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit(2)")
    @fault(FaultGroup.DESCRIPTORS, "no free descriptor for accept, in asyncio")
    def test_without_a_free_descriptor_others_are_served(self) -> None:
        complaint = f"{NAME}: socket.accept() out of system resource"
        with RunningProgram(NAME) as running:
            first = running.line()
            with client_of(NAME, first) as other:
                assert_echoed(other, b"zero")
                wait_until_blocked(running.pid)
                with no_free_descriptor(running.pid):
                    late = open_socket(NAME)
                    late.connect(address_in(first))
                    assert running.stderr_line() == complaint
                    assert_echoed(other, b"one")
                with late:
                    assert_echoed(late, b"two")
            running.signal(signal.SIGTERM)
            status, _, err = running.finish()
        assert status == -signal.SIGTERM
        # Python 3.11 to 3.13 say it for each try of a whole queue.
        assert {*err.splitlines()} <= {complaint}


def fill(running: RunningProgram, client: socket.socket, data: bytes) -> None:
    """Send *data* again and again until nobody takes more."""
    sent = 0
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += client.send(data[sent % len(data) :])
            wait_until_blocked(running.pid)
    wait_until_blocked(running.pid)
    client.settimeout(DEADLINE)


def memory_of(pid: int) -> int:
    """Return the bytes of memory that a process occupies."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class TestEnds:
    def test_sigterm_lets_a_client_have_its_answer(self) -> None:
        """Although it begins to read when the signal has come."""
        message = os.urandom(LARGEST)
        with RunningProgram(NAME, replace={"GRACE": DEADLINE}) as running:
            first = running.line()
            with client_of(NAME, first) as client:
                fill(running, client, data := pack(message))
                running.signal(signal.SIGTERM)
                wait_until_blocked(running.pid)
                with open_socket(NAME) as late:
                    error = late.connect_ex(address_in(first))
                    assert error == errno.ECONNREFUSED
                client.settimeout(DEADLINE)
                got = taken(client)
            assert running.finish() == (-signal.SIGTERM, "", "")
        whole, rest = divmod(len(got), len(data))
        assert whole
        assert not rest, "an answer was begun and not finished"
        assert got == data * whole

    def test_sigterm_while_an_answer_wins_time(self) -> None:
        """The client's limit is moved after the signal has moved it."""

        class Stop(asyncio.Event):
            def __init__(self) -> None:
                super().__init__()
                stops.append(self)

        async def drain(_: asyncio.StreamWriter) -> None:
            stops[0].set()
            await asyncio.sleep(0)  # serve() goes on, then talk()

        stops: list[Stop] = []
        replace = {
            "PATIENCE": LONG,
            "GRACE": LONG,
            "asyncio.Event": Stop,
            "asyncio.StreamWriter.drain": drain,
        }
        with RunningProgram(NAME, replace=replace) as running:
            with client_of(NAME, running.line()) as client:
                assert_echoed(client, b"one")
                assert client.recv(1) == b""
            assert running.finish() == (-signal.SIGTERM, "", "")

    def test_sigterm_waits_no_longer_than_the_grace(self) -> None:
        """For a client that neither reads nor ends."""
        with (
            RunningProgram(NAME, replace={"GRACE": SHORT}) as running,
            client_of(NAME, running.line()) as client,
        ):
            fill(running, client, pack(bytes(LARGEST)))
            running.signal(signal.SIGTERM)
            assert running.finish() == (-signal.SIGTERM, "", "")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_second_signal_while_it_finishes(self, number: int) -> None:
        """SIGTERM changes nothing; ^C ends it at once."""
        grace = SHORT * 5 if number == signal.SIGTERM else LONG
        with (
            RunningProgram(NAME, replace={"GRACE": grace}) as running,
            client_of(NAME, running.line()) as client,
        ):
            assert_echoed(client, b"one")
            running.signal(signal.SIGTERM)
            assert client.recv(1) == b""
            running.signal(number)
            assert running.finish() == (-number, "", "")

    def test_sigterm_ends_it_at_once_without_clients(self) -> None:
        with RunningProgram(NAME, replace={"GRACE": LONG}) as running:
            running.line()
            running.signal(signal.SIGTERM)
            assert running.finish() == (-signal.SIGTERM, "", "")

    def test_as_process_1_it_exits(self) -> None:
        """No default action ends that one."""
        replace = {"signal.raise_signal": lambda _: None}
        with RunningProgram(NAME, replace=replace) as running:
            running.line()
            running.signal(signal.SIGTERM)
            assert running.finish() == (128 + signal.SIGTERM, "", "")

    @fault(FaultGroup.SIGNALS, "SIGTERM as process 1 of a container")
    def test_sigterm_ends_process_1(self) -> None:
        """Where a default action does nothing; the status tells of it."""
        with process_1(NAME) as (unshare, pid, first):
            with client_of(NAME, first) as client:
                assert_echoed(client, b"one")
                os.kill(pid, signal.SIGTERM)
                assert client.recv(1) == b""
            assert unshare.communicate(timeout=DEADLINE) == ("", "")
        assert unshare.returncode == 128 + signal.SIGTERM
