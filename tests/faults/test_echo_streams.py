"""Streams: hostile and unlucky peers.

Those of the servers that send back what comes. test_streams.py has the others.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.harness.catalogue import (
    ECHO_SERVERS,
    FEW_AT_ONCE,
    FORKING_SERVERS,
    FRAMED,
)
from tests.harness.fault_groups import FaultGroup
from tests.harness.forking_servers import quiet
from tests.harness.obstacles import (
    BACKLOG,
    FLOOD,
    MANY,
    RESET,
    TELLING,
    TEXT,
    assert_kept_waiting,
    no_free_descriptor,
    stopped,
)
from tests.harness.peers import address_in, client_of, framed, open_socket
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    anew,
    assert_idle,
    children_of,
    kill_self,
    main_of,
    wait_until_blocked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MUCH = 50_000_000  # bytes, more than a connection and a buffer hold
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
every_server = pytest.mark.parametrize("program", ECHO_SERVERS)
every_forking_server = pytest.mark.parametrize("program", FORKING_SERVERS)
SERVING_MANY = [p for p in ECHO_SERVERS if p not in FEW_AT_ONCE]
serving_many = pytest.mark.parametrize("program", SERVING_MANY)
fault = pytest.mark.fault


@contextlib.contextmanager
def serving(
    program: str, *, many: bool = False
) -> Iterator[tuple[RunningProgram, str]]:
    """Yield a server, and its first line; then see that it serves on.

    :param many: whether many peers come, for each of which it may fork
    """
    forks = many and program in FORKING_SERVERS and program in SERVING_MANY
    action = anew(program) if forks else program
    with RunningProgram(action, name=program) as running:
        first = running.line()
        yield running, first
        with client_of(program, first) as client:
            assert_echoed(client, framed(program, b"last"))
            assert running.interrupt() == (-signal.SIGINT, "", "")


def assert_echoed(client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    assert taken(client, len(data)) == data


def taken(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := client.recv(size - len(data))):
        data += part
    return data


@fault(FaultGroup.CONTENT, "one byte at a time")
@every_server
def test_one_byte_at_a_time(program: str) -> None:
    with serving(program) as (_, first), client_of(program, first) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in (data := framed(program, TEXT.encode())):
            client.sendall(bytes([byte]))
        assert taken(client, len(data)) == data


@fault(FaultGroup.CONTENT, "a message cut in two, at every place")
@every_server
def test_message_cut_at_every_place(program: str) -> None:
    with serving(program, many=True) as (_, first):
        for place in range(1, len(data := framed(program, TEXT.encode()))):
            with client_of(program, first) as client:
                client.sendall(data[:place])
                begun = b"" if program in FRAMED else taken(client, place)
                client.sendall(data[place:])
                assert begun + taken(client, len(data) - len(begun)) == data


@fault(FaultGroup.CONTENT, "control characters, and bytes that are not UTF-8")
@every_server
def test_echoes_any_byte(program: str) -> None:
    with serving(program) as (_, first), client_of(program, first) as client:
        assert_echoed(client, framed(program, bytes(range(256))))


@fault(FaultGroup.STREAM_PEERS, "a peer that closes one direction and waits")
@every_server
def test_answers_a_half_closed_connection(program: str) -> None:
    with serving(program) as (_, first), client_of(program, first) as client:
        client.sendall(data := framed(program, b"one"))
        client.shutdown(socket.SHUT_WR)
        assert taken(client, len(data) + 1) == data


@fault(FaultGroup.STREAM_PEERS, "a peer that is gone before it is accepted")
@every_server
def test_survives_a_reset_before_accept(program: str) -> None:
    with serving(program) as (running, first):
        with stopped(running), client_of(program, first) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        assert "reset by peer" in running.stderr_line()


@fault(FaultGroup.STREAM_PEERS, "a reset in the middle of the stream")
@every_server
def test_survives_a_reset(program: str) -> None:
    with serving(program) as (running, first):
        with client_of(program, first) as client:
            assert_echoed(client, framed(program, b"one"))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        stderr = f"{program}: [Errno {errno.ECONNRESET}] "
        assert running.stderr_line().startswith(stderr)


@fault(FaultGroup.STREAM_PEERS, "a silent peer beside one that talks")
@every_server
def test_a_silent_peer_holds_up_nobody(program: str) -> None:
    with (
        serving(program) as (running, first),
        client_of(program, first),
        client_of(program, first) as client,
    ):
        assert_echoed(client, framed(program, b"one"))
        assert_idle(running.pid)


@fault(FaultGroup.STREAM_PEERS, "a peer that sends and does not read")
@every_server
def test_a_peer_that_does_not_read_holds_up_nobody(program: str) -> None:
    """test_inet_stream_echo.py has more of these."""
    sent, data = 0, framed(program, bytes(100_000))
    message = len(data) // 5  # or what else is sent back once it is whole
    with (
        serving(program) as (running, first),
        client_of(program, first) as deaf,
    ):
        deaf.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while sent < MUCH:
                sent += deaf.send(data[sent % len(data) :])
        if sent >= MUCH:
            pytest.fail(f"{program} took {sent} bytes; nobody reads its echo")
        with client_of(program, first) as client:
            assert_echoed(client, framed(program, b"one"))
        assert_idle(running.pid)
        deaf.settimeout(DEADLINE)
        deaf.shutdown(socket.SHUT_WR)
        whole = sent - sent % message if program in FRAMED else sent
        assert (
            taken(deaf, sent + 1) == (data * (sent // len(data) + 1))[:whole]
        )


@fault(FaultGroup.STREAM_PEERS, "200 peers at once")
@every_server
def test_serves_many_peers_at_once(program: str) -> None:
    together = threading.Barrier(MANY, timeout=DEADLINE)
    wrong: list[int] = []

    def speak(number: int) -> None:
        data = framed(program, str(number).encode())
        with open_socket(program) as peer:
            peer.settimeout(None)  # it may have to queue
            together.wait()
            peer.connect(address_in(first))
            peer.sendall(data)
            if taken(peer, len(data)) != data:
                wrong.append(number)
            if program not in FEW_AT_ONCE:  # or others wait until it leaves
                together.wait()

    with serving(program, many=True) as (_, first):
        peers = [
            threading.Thread(target=speak, args=(number,))
            for number in range(MANY)
        ]
        for peer in peers:
            peer.start()
        for peer in peers:
            peer.join(DEADLINE)
        assert not wrong
        assert not together.broken


@fault(FaultGroup.STREAM_PEERS, "200 peers one after another")
@every_server
def test_serves_many_peers_one_after_another(program: str) -> None:
    with serving(program, many=True) as (_, first):
        for number in range(MANY):
            with client_of(program, first) as client:
                assert_echoed(client, framed(program, str(number).encode()))


@fault(
    FaultGroup.STREAM_PEERS,
    "a flood of 100 MB, and a slow reader of the output",
)
@every_server
def test_server_echoes_all_of_a_flood(program: str) -> None:
    """The reader begins when all wait for it."""
    piece = framed(program, (TEXT * 2000).encode()[:100_000])
    expected, digest = hashlib.sha256(), hashlib.sha256()

    def pour(client: socket.socket) -> None:
        for _ in range(FLOOD // len(piece)):
            client.sendall(piece)
            expected.update(piece)
        client.shutdown(socket.SHUT_WR)

    with (
        serving(program) as (running, first),
        client_of(program, first) as client,
    ):
        peer = threading.Thread(target=pour, args=(client,))
        peer.start()
        wait_until_blocked(running.pid)
        while data := client.recv(1_000_000):
            digest.update(data)
        peer.join()
        assert digest.digest() == expected.digest()


@fault(FaultGroup.STREAM_PEERS, "a peer killed in the middle of a message")
@every_server
def test_survives_that_a_peer_is_killed(program: str) -> None:
    def say_half_and_die() -> None:
        with client_of(program, first) as client:
            assert_echoed(client, framed(program, b"Half a"))
            kill_self()

    with (
        serving(program) as (_, first),
        RunningProgram(say_half_and_die) as peer,
    ):
        assert peer.finish().status == -signal.SIGKILL


@fault(FaultGroup.STREAM_PEERS, "a full queue of requests")
@every_server
def test_a_full_backlog_keeps_peers_waiting(program: str) -> None:
    def come_too_late() -> None:
        with open_socket(program) as peer:
            peer.setblocking(True)
            peer.connect(address_in(first))

    with (
        serving(program, many=True) as (running, first),
        contextlib.ExitStack() as stack,
    ):
        with stopped(running):
            clients = [
                stack.enter_context(client_of(program, first))
                for _ in range(BACKLOG + 1)
            ]
            with RunningProgram(come_too_late, replace=TELLING) as late:
                assert_kept_waiting(late)
        for client in clients:
            assert_echoed(client, framed(program, TEXT.encode()))
            if program in FEW_AT_ONCE:
                client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit(2)")
@fault(FaultGroup.DESCRIPTORS, "no free descriptor for accept")
@pytest.mark.parametrize(  # test_framed_echo.py tests that of another loop
    "program", [p for p in SERVING_MANY if p not in FRAMED]
)
def test_waits_for_a_free_descriptor(program: str) -> None:
    with (
        serving(program) as (running, first),
        client_of(program, first) as other,
    ):
        assert_echoed(other, b"zero")
        wait_until_blocked(running.pid)
        with no_free_descriptor(running.pid):
            client = open_socket(program)
            client.connect(address_in(first))
            stderr = f"{program}: [Errno {errno.EMFILE}] "
            assert running.stderr_line().startswith(stderr)
            assert_echoed(other, b"one")
            assert_idle(running.pid)
        with client:
            assert_echoed(client, b"two")


@contextlib.contextmanager
def short_of_time(
    program: str, **replace: object
) -> Iterator[tuple[RunningProgram, socket.socket]]:
    """Yield a server with another LONGEST, and its client; see it serve on."""
    with RunningProgram(program, replace=replace) as running:
        first = running.line()
        with client_of(program, first) as client:
            yield running, client
        with client_of(program, first) as client:
            assert_echoed(client, b"last")
        assert running.interrupt() == (-signal.SIGINT, "", "")


@fault(FaultGroup.STREAM_PEERS, "a peer that is silent")
@every_forking_server
def test_a_silent_client_is_cut_off(program: str) -> None:
    with short_of_time(program, LONGEST=0.2) as (running, client):
        assert client.recv(1) == b""
        assert running.stderr_line() == f"{program}: timed out"


@every_forking_server
def test_a_slow_client_is_cut_off(program: str) -> None:
    """However busy it keeps the connection; in a call, or between two."""
    with (
        short_of_time(program, LONGEST=0.2, complain=quiet) as (_, client),
        contextlib.suppress(ConnectionError),
    ):
        while True:
            client.sendall(b"x")
            if not client.recv(1):
                break


@fault(FaultGroup.STREAM_PEERS, "a peer that never reads, for ever")
@every_forking_server
def test_a_client_that_never_reads_is_cut_off(program: str) -> None:
    with short_of_time(program, LONGEST=0.5) as (running, client):
        with pytest.raises(ConnectionError):
            client.sendall(bytes(MUCH))
        assert running.stderr_line().startswith(f"{program}: ")


@every_forking_server
def test_each_call_has_what_the_one_before_has_left(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a client could have its time twice.

    Each recv() takes three quarters of the time that a client may take.
    """
    server = importlib.import_module(f"ipc_examples.{program}")
    limits: list[float | None] = []
    now = [0.0]

    class SlowClient(socket.socket):
        def settimeout(self, value: float | None) -> None:
            limits.append(value)

        def recv(self, *_: object) -> bytes:
            now[0] += 0.75 * server.LONGEST
            return b"x"

        def sendall(self, *_: object) -> None:
            pass

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    server.echo(SlowClient())
    most = server.LONGEST
    assert limits == [most, most / 4, most / 4, 0.001]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, /dev/full")
@fault(
    FaultGroup.STANDARD_STREAMS, "errors that cannot be written, in a server"
)
@pytest.mark.parametrize("state", ["closed", "no reader", "full"])
@every_forking_server
def test_goes_on_when_errors_cannot_be_written(
    program: str, state: str
) -> None:
    def start() -> None:
        # As at a terminal, so that all is seen that is printed.
        sys.stdout = open(1, "w", 1, closefd=False)  # noqa: SIM115
        reader, writer = os.pipe()
        os.close(reader)
        if state == "full":
            writer = os.open("/dev/full", os.O_WRONLY)
        os.dup2(writer, 2)
        if state == "closed":
            os.close(2)
            sys.stderr = None
        main_of(program, CHILDREN=1, RETRY_DELAY=0.01)()

    with RunningProgram(start, name=program) as running:
        first = running.line()
        for _ in range(2):
            with client_of(program, first) as client:
                assert_echoed(client, b"one")
                (child,) = children_of(running.pid)
                os.kill(child, signal.SIGKILL)
                assert client.recv(1) == b""
            with client_of(program, first) as client:
                assert_echoed(client, b"two")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with client_of(program, first) as client:
            assert_echoed(client, b"last")
        assert running.interrupt() == (-signal.SIGINT, "", "")
