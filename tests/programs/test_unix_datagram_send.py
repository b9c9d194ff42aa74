from __future__ import annotations

import pytest

from ipc_examples.unix_datagram_send import send
from tests.harness.peers import peer_of
from tests.harness.running import error_line

pytestmark = pytest.mark.usefixtures("empty_directory")
CONSTANTS = {"MESSAGE": b"The sea is calm tonight, the tide is full . . .\0"}


def test_sends_one_datagram_a_call() -> None:
    with peer_of("unix_datagram_send") as (peer, [path]):
        send(path, b"one")
        send(path, b"")
        assert peer.recv(1024) == b"one"
        assert peer.recv(1024) == b""


def test_reports_a_datagram_that_is_too_large() -> None:
    message = {"MESSAGE": bytes(10_000_000)}
    with peer_of("unix_datagram_send") as (_, [path]):
        error = error_line("unix_datagram_send", path, replace=message)
    assert error.endswith("Message too long\n")
