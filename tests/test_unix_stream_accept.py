from __future__ import annotations

import errno
import os
import socket

import pytest

from ipc_examples.unix_stream_accept import listener_at, serve

pytestmark = pytest.mark.usefixtures("empty_directory")


def test_the_name_goes_when_an_exception_passes() -> None:
    def fail_at(path: str) -> None:
        with listener_at(path):
            raise InterruptedError(os.listdir())

    with pytest.raises(InterruptedError, match="name"):
        fail_at("name")
    assert os.listdir() == []


def test_reports_a_peer_that_breaks_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    client, connection = socket.socketpair()
    with connection:
        connection.sendall(b"never read")
        client.sendall(b"one\0")
        client.close()
        serve(connection)
    out, err = capsys.readouterr()
    assert out == "-->one\n"
    assert err.startswith(f"unix_stream_accept: [Errno {errno.ECONNRESET}]")
