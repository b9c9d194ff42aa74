from __future__ import annotations

import os

import pytest
from peers import send_to
from programs import Running

from ipc_examples.unix_datagram_receive import receiver_at

pytestmark = pytest.mark.usefixtures("empty_directory")


def test_the_name_goes_when_an_exception_passes() -> None:
    def fail_at(path: str) -> None:
        with receiver_at(path):
            raise InterruptedError(os.listdir())

    with pytest.raises(InterruptedError, match="name"):
        fail_at("name")
    assert os.listdir() == []


def test_takes_the_largest_datagram() -> None:
    with Running("unix_datagram_receive") as running:
        send_to("unix_datagram_receive", running.line(), bytes(65536))
        ended = running.finish()
    assert ended.err == "unix_datagram_receive: cut to 1024 bytes\n"


def test_the_name_may_be_used_again() -> None:
    for message in (b"one", b"two"):
        with Running("unix_datagram_receive") as running:
            send_to("unix_datagram_receive", running.line(), message)
            assert running.finish() == (0, f"-->{message.decode()}\n", "")
