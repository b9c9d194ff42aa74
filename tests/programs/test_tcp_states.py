from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from ipc_examples import tcp_states
from ipc_examples.tcp_states import follow, look, settled
from tests.harness.obstacles import RESET
from tests.harness.running import RunningProgram, error_line

if TYPE_CHECKING:
    from pathlib import Path

NAME = "tcp_states"
CONSTANTS = {"TABLE": "/proc/net/tcp", "PAUSE": 0.01}
OUT = """\
listen             CLOSED      LISTEN
connect            ESTABLISHED ESTABLISHED
accept             ESTABLISHED ESTABLISHED
client shuts down  FIN_WAIT2   CLOSE_WAIT
server sends       FIN_WAIT2   CLOSE_WAIT
server closes      TIME_WAIT   CLOSED
client closes      TIME_WAIT   CLOSED
"""
HEAD = "  sl  local_address rem_address   st\n"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the table is Linux's"
)


def row(local: int, peer: int, state: str) -> str:
    return f" 0: 0100007F:{local:04X} 0100007F:{peer:04X} {state} 0 0\n"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "tcp"
    file.write_text(HEAD)
    monkeypatch.setattr(tcp_states, "TABLE", str(file))
    return file


def test_shows_both_ends_after_each_call() -> None:
    """Line by line: each look reads all of a table, which may be long."""
    with RunningProgram(NAME) as running:
        lines = [f"{running.line()}\n" for _ in OUT.splitlines()]
        assert "".join(lines) == OUT
        assert running.finish() == (0, "", "")


def test_the_whole_run_is_the_same_each_time() -> None:
    assert [*follow()] == [*follow()]


def test_an_end_that_the_table_does_not_have_is_closed(table: Path) -> None:
    assert look(1, 2) == ("CLOSED", "CLOSED")
    table.write_text(HEAD + row(3, 2, "01") + row(2, 3, "01"))
    assert look(1, 2) == ("CLOSED", "CLOSED")


def test_a_listener_stands_for_a_server_without_a_connection(
    table: Path,
) -> None:
    table.write_text(HEAD + row(2, 0, "0A"))
    assert look(1, 2) == ("CLOSED", "LISTEN")
    table.write_text(HEAD + row(2, 0, "0A") + row(2, 1, "08"))
    assert look(1, 2) == ("CLOSED", "CLOSE_WAIT")


def test_a_state_that_it_does_not_know_is_shown_as_it_is(table: Path) -> None:
    table.write_text(HEAD + row(1, 2, "7F"))
    assert look(1, 2) == ("7F", "CLOSED")


@pytest.mark.parametrize("code", ["02", "03", "04", "09", "0B"])
def test_waits_while_a_state_is_passing(
    code: str, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write_text(HEAD + row(1, 2, code) + row(2, 1, "01"))
    pauses: list[float] = []

    def answer(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            table.write_text(HEAD + row(1, 2, "05") + row(2, 1, "08"))

    monkeypatch.setattr("time.sleep", answer)
    assert settled(1, 2) == ("FIN_WAIT2", "CLOSE_WAIT")
    assert pauses == [0.01] * 4  # and once more, to see it twice


def test_waits_until_two_looks_agree(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table is read line by line: one look may show two moments."""
    moments = iter(["08", "06", "06"])

    def change(_: float) -> None:
        table.write_text(HEAD + row(1, 2, next(moments)))

    change(0)
    monkeypatch.setattr("time.sleep", change)
    assert settled(1, 2) == ("TIME_WAIT", "CLOSED")
    assert not [*moments]


@pytest.mark.parametrize("closer", ["client", "server"])
def test_who_closes_first_waits(closer: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as server,
    ):
        ports = client.getsockname()[1], listener.getsockname()[1]
        ends = [client, server]
        if closer == "server":
            ends.reverse()
        for end in ends:
            end.close()
    waiting = ["TIME_WAIT", "CLOSED"]
    if closer == "server":
        waiting.reverse()
    assert [*settled(*ports)] == waiting


def test_a_reset_leaves_nothing() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as server,
    ):
        ports = client.getsockname()[1], listener.getsockname()[1]
        client.sendall(b"never read")
        server.close()
        listener.close()
        assert settled(*ports) == ("CLOSED", "CLOSED")


def test_others_connections_do_not_confuse_it() -> None:
    """Other connections come and go while it looks.

    They are reset, or each would make the table longer for a minute.
    """
    over = threading.Event()

    def disturb() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            while not over.is_set():
                address = listener.getsockname()
                with socket.create_connection(address) as client:
                    client.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, RESET
                    )
                    listener.accept()[0].close()
                over.wait(0.001)

    stranger = threading.Thread(target=disturb)
    stranger.start()
    try:
        lines = [
            f"{call:18} {client:11} {server}\n"
            for call, client, server in follow()
        ]
        assert "".join(lines) == OUT
    finally:
        over.set()
        stranger.join()


def test_reports_a_system_without_the_table() -> None:
    stderr = error_line(NAME, replace={"TABLE": "none/such"})
    assert stderr == (
        f"{NAME}: [Errno 2] No such file or directory: 'none/such'\n"
    )
