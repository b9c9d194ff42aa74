from __future__ import annotations

import signal

from tests.harness.running import RunningProgram

NAME = "inet_datagram_receive"


def test_each_receiver_has_a_port_of_its_own() -> None:
    with RunningProgram(NAME) as one, RunningProgram(NAME) as other:
        assert one.line() != other.line()
        for receiver in (one, other):
            assert receiver.interrupt() == (-signal.SIGINT, "", "")
