from __future__ import annotations

import pytest

from ipc_examples.inet_datagram_send import send
from tests.harness.peers import peer_of

CONSTANTS = {"MESSAGE": b"The sea is calm tonight, the tide is full . . .\0"}


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
