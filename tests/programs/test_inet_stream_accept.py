from __future__ import annotations

import signal

from tests.harness.peers import client_of, send_to
from tests.harness.running import RunningProgram

NAME = "inet_stream_accept"
CONSTANTS = {"BUFFER_SIZE": 16384, "RETRY_DELAY": 1.0}


def test_a_silent_client_holds_up_the_next() -> None:
    with RunningProgram(NAME) as running:
        first_line = running.line()
        with client_of(NAME, first_line) as client:
            client.sendall(b"one")
            assert running.line() == "-->one"
            send_to(NAME, first_line, b"two")
            client.sendall(b"and one")
            assert running.line() == "-->and one"
        assert running.line() == "Ending connection"
        assert running.line() == "-->two"
        assert running.line() == "Ending connection"
        assert running.interrupt() == (-signal.SIGINT, "", "")
