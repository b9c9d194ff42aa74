from __future__ import annotations

import re

from ipc_examples.inet_stream_connect import send
from tests.harness.peers import peer_of, received_by
from tests.harness.running import RunningProgram

CONSTANTS = {"MESSAGE": b"Half a league, half a league . . .\0"}


def test_sends_all_of_much() -> None:
    message = bytes(10_000_000)
    with (
        peer_of("inet_stream_connect") as (peer, [host, port]),
        RunningProgram(lambda: send(host, int(port), message)) as running,
    ):
        assert received_by(peer) == message
        assert running.finish() == (0, "", "")


def test_reports_a_peer_that_breaks_off() -> None:
    much = {"MESSAGE": bytes(10_000_000)}
    with (
        peer_of("inet_stream_connect") as (peer, [host, port]),
        RunningProgram(
            "inet_stream_connect", host, port, replace=much
        ) as running,
    ):
        peer.accept()[0].close()
        status, out, err = running.finish()
    assert (status, out) == (1, "")
    assert re.fullmatch(
        r"inet_stream_connect: .*(Broken pipe|Connection reset by peer)\n", err
    )
