"""Streams: hostile and unlucky peers."""

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
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.catalogue import ROOT, SELECTING
from tests.harness.fault_groups import FaultGroup
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
from tests.harness.peers import (
    STREAM_CLIENTS,
    STREAM_SERVERS,
    address_in,
    client_of,
    message_of,
    open_socket,
    peer_of,
    received_by,
    send_to,
    stop_server,
)
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    assert_exit_report,
    assert_idle,
    kill_self,
    wait_until_blocked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]

every_server = pytest.mark.parametrize("program", STREAM_SERVERS)
every_client = pytest.mark.parametrize("program", STREAM_CLIENTS)
fault = pytest.mark.fault


def messages_shown(running: RunningProgram) -> Iterator[str]:
    """Yield the lines that a server shows of one connection."""
    while (line := running.line()) != "Ending connection":
        yield line.removeprefix("-->")


def line_beginning(running: RunningProgram, start: str) -> str:
    while not (line := running.line()).startswith(start):
        pass
    return line


class TestServers:
    @fault(FaultGroup.CONTENT, "one byte at a time")
    @every_server
    def test_one_byte_at_a_time(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            with client_of(program, first) as client:
                for byte in TEXT.encode():
                    client.sendall(bytes([byte]))
            assert "".join(messages_shown(running)) == TEXT
            send_to(program, first)
            stop_server(program, running, first)

    @fault(FaultGroup.CONTENT, "a message cut in two, at every place")
    @every_server
    def test_message_cut_at_every_place(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            for place in range(1, len(TEXT)):
                with client_of(program, first) as client:
                    client.sendall(TEXT[:place].encode())
                    assert running.line() == f"-->{TEXT[:place]}"
                    client.sendall(TEXT[place:].encode() + b"\0")
                    assert running.line() == f"-->{TEXT[place:]}"
                assert running.line() == "Ending connection"
            send_to(program, first)
            stop_server(program, running, first)

    @fault(
        FaultGroup.STREAM_PEERS, "a peer that is gone before it is accepted"
    )
    @every_server
    def test_survives_a_reset_before_accept(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            with stopped(running), client_of(program, first) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            if program.startswith("inet_"):
                assert "reset by peer" in running.stderr_line()
            # The UNIX domain knows no reset.
            assert running.line() == "Ending connection"
            send_to(program, first)
            stop_server(program, running, first)

    @fault(FaultGroup.STREAM_PEERS, "a silent peer beside one that talks")
    @every_server
    def test_waits_for_a_silent_peer(
        self, program: str, record_property: Callable[[str, object], None]
    ) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            with client_of(program, first) as silent:
                send_to(program, first, b"one")
                if program not in SELECTING:
                    record_property("instead", "inet_stream_select")
                    silent.sendall(b"at last")  # nobody else was served
                    assert running.line() == "-->at last"
                    silent.close()
                    assert running.line() == "Ending connection"
                assert running.line() == "-->one"
                stop_server(program, running, first)

    @fault(FaultGroup.STREAM_PEERS, "200 peers at once")
    @every_server
    def test_serves_many_peers_at_once(self, program: str) -> None:
        together = threading.Barrier(MANY, timeout=DEADLINE)
        may_close = threading.Event()
        if program not in SELECTING:  # it serves one at a time
            may_close.set()

        def speak(number: int) -> None:
            with open_socket(program) as peer:
                peer.settimeout(None)  # it may have to queue
                together.wait()
                peer.connect(address_in(first))
                peer.sendall(str(number).encode())
                may_close.wait(DEADLINE)

        with RunningProgram(program) as running:
            first = running.line()
            peers = [
                threading.Thread(target=speak, args=(number,))
                for number in range(MANY)
            ]
            for peer in peers:
                peer.start()
            lines = [running.line() for _ in range(MANY)]
            may_close.set()
            lines += [running.line() for _ in range(MANY)]
            for peer in peers:
                peer.join()
            assert lines.count("Ending connection") == MANY
            assert {f"-->{number}" for number in range(MANY)} < set(lines)
            send_to(program, first)
            stop_server(program, running, first)

    @fault(FaultGroup.STREAM_PEERS, "200 peers one after another")
    @every_server
    def test_serves_many_peers_one_after_another(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            for number in range(MANY):
                send_to(program, first, str(number).encode())
                assert list(messages_shown(running)) == [str(number)]
            send_to(program, first)
            stop_server(program, running, first)

    @fault(
        FaultGroup.STREAM_PEERS,
        "a flood of 100 MB, and a slow reader of the output",
    )
    @every_server
    def test_server_shows_all_of_a_flood(self, program: str) -> None:
        piece = (TEXT * 2000).encode()[:100_000]
        expected, digest = hashlib.sha256(), hashlib.sha256()

        def pour() -> None:
            with client_of(program, first) as client:
                client.settimeout(None)
                for _ in range(FLOOD // len(piece)):
                    client.sendall(piece)
                    expected.update(piece)

        with RunningProgram(program) as running:
            first = running.line()
            peer = threading.Thread(target=pour)
            peer.start()
            wait_until_blocked(running.pid)  # nobody reads what it writes
            with open(running.out.descriptor, "rb", closefd=False) as out:
                for line in iter(out.readline, b"Ending connection\n"):
                    digest.update(line[len(b"-->") : -1])
            peer.join()
            assert digest.hexdigest() == expected.hexdigest(), "other text"
            send_to(program, first)
            stop_server(program, running, first)

    @fault(FaultGroup.STREAM_PEERS, "a peer killed in the middle of a message")
    @every_server
    def test_survives_that_a_peer_is_killed(self, program: str) -> None:
        def say_half_and_die() -> None:
            with client_of(program, first) as client:
                client.sendall(b"Half a")
                kill_self()

        with RunningProgram(program) as running:
            first = running.line()
            with RunningProgram(say_half_and_die) as peer:
                assert peer.finish().status == -signal.SIGKILL
            assert list(messages_shown(running)) == ["Half a"]
            send_to(program, first)
            stop_server(program, running, first)

    @fault(FaultGroup.STREAM_PEERS, "a full queue of requests")
    @every_server
    def test_a_full_backlog_keeps_peers_waiting(self, program: str) -> None:
        def come_too_late() -> None:
            with open_socket(program) as peer:
                peer.setblocking(True)
                peer.connect(address_in(first))

        with (
            RunningProgram(program) as running,
            contextlib.ExitStack() as stack,
        ):
            first = running.line()
            with stopped(running):
                for _ in range(BACKLOG + 1):
                    client = stack.enter_context(client_of(program, first))
                    client.sendall(TEXT.encode())
                with RunningProgram(come_too_late, replace=TELLING) as late:
                    assert_kept_waiting(late)
            stack.close()
            lines = [running.line() for _ in range(2 * (BACKLOG + 1))]
            assert lines.count("Ending connection") == BACKLOG + 1
            assert lines.count(f"-->{TEXT}") == BACKLOG + 1
            send_to(program, first)
            stop_server(program, running, first)

    @pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit(2)")
    @fault(FaultGroup.DESCRIPTORS, "no free descriptor for accept")
    @every_server
    def test_waits_for_a_free_descriptor(self, program: str) -> None:
        module: Any = importlib.import_module(f"ipc_examples.{program}")
        assert getattr(module, "RETRY_DELAY", 1.0) == 1.0
        with (
            RunningProgram(program) as running,
            contextlib.ExitStack() as stack,
        ):
            first = running.line()
            if program in SELECTING:  # its end has the next looked for
                other = stack.enter_context(client_of(program, first))
                other.sendall(b"zero")
                assert running.line() == "-->zero"
            wait_until_blocked(running.pid)
            with no_free_descriptor(running.pid):
                if program not in SELECTING:  # it has one for accept()
                    send_to(program, first, b"zero")
                    assert list(messages_shown(running)) == ["zero"]
                with client_of(program, first) as client:
                    client.sendall(b"one")
                stderr = f"{program}: [Errno {errno.EMFILE}] "
                assert running.stderr_line().startswith(stderr)
                assert_idle(running.pid)
            stack.close()
            line_beginning(running, "-->one")
            stop_server(program, running, first)


def assert_reports_the_end(
    program: str, running: RunningProgram, peer: socket.socket
) -> None:
    """See what *program* says when *peer* breaks off."""
    peer.accept()[0].close()
    assert_exit_report(running.finish(), rf"{program}: .+\n", out="")


class TestClients:
    @fault(FaultGroup.STREAM_PEERS, "a slow reader with full buffers")
    @every_client
    def test_sends_all_to_a_slow_reader(self, program: str) -> None:
        message = TEXT.encode() * 100_000
        with (
            peer_of(program) as (peer, arguments),
            RunningProgram(
                program, *arguments, replace={"MESSAGE": message}
            ) as running,
        ):
            with peer.accept()[0] as connection:
                wait_until_blocked(running.pid)
                with connection.makefile("rb") as stream:
                    assert stream.read() == message
            assert running.finish() == (0, "", "")

    @fault(FaultGroup.STREAM_PEERS, "a peer that breaks off")
    @every_client
    def test_reports_that_the_peer_broke_off(self, program: str) -> None:
        message = TEXT.encode() * 100_000
        with (
            peer_of(program) as (peer, arguments),
            RunningProgram(
                program, *arguments, replace={"MESSAGE": message}
            ) as running,
        ):
            assert_reports_the_end(program, running, peer)

    @fault(FaultGroup.STREAM_PEERS, "SIGPIPE at its default, and ignored")
    @every_client
    @pytest.mark.parametrize("inherited", [signal.SIG_DFL, signal.SIG_IGN])
    def test_reports_a_closed_connection_whatever_sigpipe_does(
        self, program: str, inherited: signal.Handlers
    ) -> None:
        code = (
            f"from ipc_examples import {program} as module; "
            "module.MESSAGE *= 1_000_000; raise SystemExit(module.main())"
        )

        def start() -> None:
            signal.signal(signal.SIGPIPE, inherited)
            os.environ["PYTHONPATH"] = str(ROOT)
            python = sys.executable
            os.execl(python, python, "-c", code, *arguments)  # noqa: S606

        with (
            peer_of(program) as (peer, arguments),
            RunningProgram(start) as running,
        ):
            assert_reports_the_end(program, running, peer)

    @fault(FaultGroup.STREAM_PEERS, "a full queue of requests")
    @every_client
    def test_waits_in_a_full_backlog(self, program: str) -> None:
        with (
            peer_of(program) as (peer, arguments),
            open_socket(program) as first,
        ):
            peer.listen(0)  # room for one
            first.connect(peer.getsockname())
            with RunningProgram(
                program, *arguments, replace=TELLING
            ) as running:
                assert_kept_waiting(running)
                first.close()
                assert received_by(peer) == b""
                assert received_by(peer) == message_of(program)
                assert running.finish() == (0, "connected\n", "")
