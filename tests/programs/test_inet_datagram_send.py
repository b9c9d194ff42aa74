from __future__ import annotations

import socket

import pytest

from ipc_examples import inet_datagram_send
from ipc_examples.inet_datagram_send import send
from tests.harness.peers import nobody_for, peer_of
from tests.harness.running import RunningProgram

CONSTANTS = {
    "MESSAGE": b"The sea is calm tonight, the tide is full . . .\0",
    "TIMEOUT": 0.1,
}
HELP = """\
usage: inet_datagram_send.py [-h] HOST PORT

Send one datagram.

positional arguments:
  HOST
  PORT

options:
  -h, --help  show this help message and exit
"""


def test_an_answer_ends_the_wait_for_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inet_datagram_send, "TIMEOUT", None)  # for ever
    with (
        peer_of("inet_datagram_send") as (peer, [host, port]),
        RunningProgram(lambda: send(host, int(port), b"who?")) as running,
    ):
        question, sender = peer.recvfrom(1024)
        assert question == b"who?"
        peer.sendto(b"me", sender)
        assert running.finish() == (0, "", "")


def test_a_refusal_ends_the_wait_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inet_datagram_send, "TIMEOUT", None)
    with (
        nobody_for("inet_datagram_send") as [host, port],
        pytest.raises(ConnectionRefusedError),
    ):
        send(host, int(port), b"who?")


def test_reports_a_datagram_that_is_too_large() -> None:
    with (
        peer_of("inet_datagram_send") as (_, [host, port]),
        pytest.raises(OSError, match=r"Message too long$"),
    ):
        send(host, int(port), bytes(65508))


def test_sends_the_largest_datagram() -> None:
    with peer_of("inet_datagram_send") as (peer, [host, port]):
        send(host, int(port), bytes(65507))
        assert peer.recv(65536) == bytes(65507)


def test_the_first_refusal_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody_for("inet_datagram_send") as [host, port]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        unheard_of = (999, socket.SOCK_DGRAM, 0, "", ())
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: [*found, unheard_of]
        )
        with pytest.raises(ConnectionRefusedError):
            send(host, int(port), b"who?")


def test_waits_for_a_refusal_as_long_as_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited = []
    settimeout = socket.socket.settimeout

    def note_and_set(sender: socket.socket, seconds: float) -> None:
        waited.append(seconds)
        settimeout(sender, seconds)

    monkeypatch.setattr(socket.socket, "settimeout", note_and_set)
    with peer_of("inet_datagram_send") as (_, [host, port]):
        waited.clear()  # what the peer waits
        send(host, int(port), b"who?")
    assert waited == [0.1]
