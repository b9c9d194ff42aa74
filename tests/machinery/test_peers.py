"""Peers and obstacles are what they are called."""

from __future__ import annotations

import errno
import os
import signal
import socket
from typing import Any

import pytest

from tests.harness import peers
from tests.harness.catalogue import (
    ECHO_SERVERS,
    SENDERS,
    SERVERS,
    own_arguments,
)
from tests.harness.obstacles import (
    TELLING,
    assert_kept_waiting,
    no_free_descriptor,
    stopped,
)
from tests.harness.process_states import STORIES, members
from tests.harness.running import RunningProgram

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]


@pytest.mark.parametrize("program", SERVERS)
def test_who_speaks_to_a_server_is_heard(program: str) -> None:
    with RunningProgram(program, *own_arguments(program)) as running:
        peers.speak_and_end(program, running, running.line())
    heard = program in ECHO_SERVERS or any("-->one" in s for s in STORIES[-1])
    assert heard
    assert STORIES[-1][-1].startswith("it ended: ")


@pytest.mark.parametrize("program", SENDERS)
def test_a_sender_s_peer_receives_all(program: str) -> None:
    with (
        peers.peer_of(program) as (peer, arguments),
        RunningProgram(program, *arguments) as running,
    ):
        assert peers.received_by(peer) == peers.message_of(program)
        assert running.finish().status == 0


@pytest.mark.parametrize("program", SENDERS)
def test_nobody_is_there(program: str) -> None:
    with peers.nobody_for(program) as arguments:
        with RunningProgram(program, *arguments) as running:
            status, _, err = running.finish()
        unnoticed = program in peers.UDP_SENDERS
        assert (status, bool(err)) == ((0, False) if unnoticed else (1, True))


def test_each_message_is_sent_to_a_receiver() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        first = f"Socket has port {server.getsockname()[1]}"
        peers.send_to("inet_stream_accept", first, b"one", b"two")
        assert peers.received_by(server) == b"onetwo"
    assert peers.address_in("Socket has port 7", "::1") == ("::1", 7)
    assert peers.address_in("socket has name x y") == "x y"
    assert peers.address_in("socket -->x") == "x"


def resolved(resolver: dict[str, Any], *options: int) -> list[str]:
    found = resolver["socket.getaddrinfo"]("x", 1, *options)
    return list(dict.fromkeys(address[4][0] for address in found))


def test_names_are_resolved_to_hosts() -> None:
    three = peers.resolver("127.0.0.2", "::1", "127.0.0.1")
    assert resolved(three) == ["127.0.0.2", "::1", "127.0.0.1"]
    assert resolved(three, socket.AF_INET) == ["127.0.0.2", "127.0.0.1"]
    with pytest.raises(socket.gaierror):
        resolved(peers.resolver("::1"), socket.AF_INET)
    with pytest.raises(socket.gaierror, match="unknown"):
        peers.unknown_host("x")


def test_a_machine_may_lack_ipv6() -> None:
    with pytest.raises(OSError, match="no IPv6") as failed:
        peers.SocketOfIPv4(socket.AF_INET6, socket.SOCK_STREAM)
    assert failed.value.errno == errno.EAFNOSUPPORT
    with peers.SocketOfIPv4(socket.AF_INET, socket.SOCK_DGRAM) as other:
        assert other.type == socket.SOCK_DGRAM


def test_a_program_is_stopped_and_goes_on() -> None:
    def wait() -> None:
        print("ready", flush=True)
        signal.pause()

    with RunningProgram(wait) as running:
        running.line()
        with stopped(running):
            assert [state for _, state, _ in members(running.pid)] == ["T"]
        running.wait_until_blocked()
        assert [state for _, state, _ in members(running.pid)] == ["S"]


def test_no_descriptor_is_free() -> None:
    full = pytest.raises(OSError, match="Too many open files")
    with no_free_descriptor(os.getpid()), full:
        os.dup(0)
    os.close(os.dup(0))


def test_who_connects_is_kept_waiting() -> None:
    path = "name"
    with (
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as first,
    ):
        listener.bind(path)
        listener.listen(0)
        first.connect(path)

        def connect() -> None:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(path)

        with RunningProgram(connect, replace=TELLING) as peer:
            assert_kept_waiting(peer)
            listener.accept()[0].close()
            assert peer.line() == "connected"
            assert peer.finish().status == 0
    os.unlink(path)
