from __future__ import annotations

import errno

import pytest

from ipc_examples import ten_calls
from tests.harness.running import RunningProgram

CONSTANTS = {"PARTS": [b"Half ", b"a league"], "BUFFER_SIZE": 1024}
PARTS = [b"Half ", b"a ", b"league"]


def test_shows_what_each_call_returns() -> None:
    with RunningProgram("ten_calls") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "write, read        13 b'Half a league'",
        "writev, readv      13 [b'Half', b' a league']",
        "send, recv         13 [b'Half', b'Half a league']",
        "sendto, recvfrom   13 (b'Half a league', '127.0.0.1')",
        "sendmsg, recvmsg   13 b'Half a league'",
    ]


def test_any_parts_will_do() -> None:
    whole = b"Half a league"
    assert ten_calls.write_and_read(PARTS) == (13, whole)
    assert ten_calls.writev_and_readv(PARTS) == (13, [b"Half", b" a league"])
    assert ten_calls.send_and_recv(PARTS) == (13, [b"Half", whole])
    assert ten_calls.sendto_and_recvfrom(PARTS) == (13, (whole, "127.0.0.1"))
    assert ten_calls.sendmsg_and_recvmsg(PARTS) == (13, whole)


@pytest.mark.parametrize("call", ["os.pipe", "socket.socketpair"])
def test_reports_that_there_is_no_room(call: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "no room")

    with RunningProgram("ten_calls", replace={call: fail}) as running:
        status, _, err = running.finish()
    assert (status, err) == (1, f"ten_calls: [Errno {errno.EMFILE}] no room\n")
