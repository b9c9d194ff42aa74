from __future__ import annotations

import pytest

from ipc_examples.inet_datagram_receive import receiver_at
from tests.harness.peers import LOOPBACK

HELP = """\
usage: inet_datagram_receive.py [-h] [HOST]

Receive one datagram.

positional arguments:
  HOST

options:
  -h, --help  show this help message and exit
"""


def test_each_receiver_has_a_port_of_its_own() -> None:
    with receiver_at(LOOPBACK) as one, receiver_at(LOOPBACK) as other:
        assert one.getsockname() != other.getsockname()


def test_the_port_is_free_when_an_exception_passes() -> None:
    with pytest.raises(KeyError), receiver_at(LOOPBACK) as receiver:
        raise KeyError
    assert receiver.fileno() == -1
