from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from itertools import count
from typing import Any, NoReturn
from unittest.mock import Mock

import psutil
import pytest

from ipc_examples import server_rates
from ipc_examples.server_rates import (
    AT_ONCE,
    DESIGNS,
    ask,
    one_after_another,
    rate,
    serve,
    start,
)
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    Status,
    act_in_child,
    assert_exit_report,
    error_line,
    kill_self,
)

NAME = "server_rates"
CONSTANTS = {
    "MESSAGE": b"half a league",
    "BUFFER_SIZE": 1024,
    "AT_ONCE": 4,
    "ROUNDS": 5,
    "TIMEOUT": 10.0,
}
NAMES = ["one after another", "a process each", "prefork"]

every_design = pytest.mark.parametrize("name", NAMES)


def one_design(name: str) -> dict[str, object]:
    """Return the names and values for a run of one design alone."""
    return {"DESIGNS": {name: DESIGNS[name]}}


def test_prints_a_line_for_each_design() -> None:
    with RunningProgram(NAME, "2") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    head, *lines = out.splitlines()
    assert head == "                    requests a second"
    assert len(lines) == len(NAMES)
    for name, line in zip(NAMES, lines, strict=True):
        assert re.fullmatch(rf"{name:20} +[1-9]\d*", line)
        assert len(line) == len(head)


@pytest.mark.parametrize(("asked", "rounds"), [(1, 1), (2, 2), (6, 5)])
def test_has_five_rounds_or_as_many_as_it_asks(
    asked: int, rounds: int
) -> None:
    called = 0

    def rate(*_: object) -> float:
        nonlocal called
        called += 1
        return 1.0

    def measure() -> None:
        setattr(server_rates, "rate", rate)  # noqa: B010 - mypy
        sys.argv = [NAME, str(asked), "prefork"]
        server_rates.main()
        print(called)

    with RunningProgram(measure, name=NAME) as running:
        assert running.finish().out.splitlines()[-1] == str(rounds)


def test_a_client_waits_so_long_and_no_longer() -> None:
    def wait() -> None:
        server_rates.TIMEOUT = 0.1
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            pytest.raises(TimeoutError),
        ):
            ask(listener.getsockname())  # nobody accepts

    with RunningProgram(wait, name=NAME) as running:
        assert running.finish() == (0, "", "")


def test_prints_the_median_of_rounds_in_which_designs_take_turns() -> None:
    calls = count()
    order = ["one", "three", "two", "four", "five"]
    values = {"one": 1.0, "two": 2.4, "three": 3.0, "four": 9.0, "five": 90.0}

    def pretend(design: str, processes: int, count: int) -> float:
        turn, place = divmod(next(calls), 2)
        assert (design, processes, count) == (
            "one" if place else "other",
            1,
            9,
        )
        return values[order[turn]] * (10 if place else 1)

    replace = {
        "rate": pretend,
        "DESIGNS": {"a": ("other", 1), "b": ("one", 1)},
    }
    table = """\
                    requests a second
a                                   3
b                                  30
"""
    with RunningProgram(NAME, "9", replace=replace) as running:
        assert running.finish() == (0, table, "")


def test_prints_the_higher_of_two_rounds() -> None:
    rates = iter((3.0, 1.0))
    replace = {**one_design("prefork"), "rate": lambda *_: next(rates)}
    with RunningProgram(NAME, "2", replace=replace) as running:
        _, line = running.finish().out.splitlines()
    assert line == f"prefork{3:30}"


def test_a_rate_is_of_requests_that_were_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def pretend(action: Any, number: int) -> float:  # noqa: ANN401
        for _ in range(number):
            action()
        return 0.5

    monkeypatch.setattr(server_rates, "timeit", pretend)
    monkeypatch.setattr(server_rates, "ask", asked.append)
    with RunningProgram(
        lambda: print(
            rate(server_rates.one_after_another, count=3), len(asked)
        )
    ) as running:
        # Three times four in half a second; the first time is not timed.
        assert running.finish() == (0, "24.0 4\n", "")


@every_design
def test_measures_one_design_if_told_so(name: str) -> None:
    with RunningProgram(NAME, "1", name) as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert [line[:20].strip() for line in out.splitlines()] == ["", name]


def test_knows_no_other_design() -> None:
    with RunningProgram(NAME, "1", "one loop") as running:
        status, out, err = running.finish()
    assert (status, out) == (2, "")
    assert "argument DESIGN: invalid choice: 'one loop'" in err


@every_design
def test_a_design_serves_clients(name: str) -> None:
    design, processes = DESIGNS[name]
    with RunningProgram(
        lambda: print(rate(design, processes, 2) > 0), name=NAME
    ) as running:
        assert running.finish() == (0, "True\n", "")


@every_design
def test_waits_for_each_of_its_servers(name: str) -> None:
    pids = []
    fork = os.fork

    def fork_and_note() -> int:
        pids.append(fork())
        return pids[-1]

    def measure() -> None:
        os.fork = fork_and_note
        rate(*DESIGNS[name])
        for pid in pids:
            with pytest.raises(ChildProcessError):
                os.waitpid(pid, 0)
        print(len(pids))

    with RunningProgram(measure, name=NAME) as running:
        servers = AT_ONCE if name == "prefork" else 1
        assert running.finish() == (0, f"{servers}\n", "")


def test_ends_all_servers_though_it_cannot_wait_for_them() -> None:
    """As where SIGCHLD is ignored, perhaps from the start."""

    def measure() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        server_rates.TIMEOUT = 10 * DEADLINE
        with pytest.raises(ChildProcessError):
            rate(*DESIGNS["prefork"])

    with RunningProgram(measure, name=NAME) as running:
        assert running.finish() == (0, "", "")


def test_a_process_each_leaves_no_zombies() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        design, _ = DESIGNS["a process each"]
        with RunningProgram(lambda: design(listener), name=NAME) as running:
            for _ in range(3):
                ask(address)
            server = psutil.Process(running.pid)
            deadline = time.monotonic() + DEADLINE
            while server.children() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not server.children()
            running.signal(signal.SIGTERM)
            assert running.finish().status == -signal.SIGTERM


@pytest.mark.parametrize("sent", [b"", b"a", b"half a league" * 1000])
def test_sends_back_all_that_came(sent: bytes) -> None:
    here, there = socket.socketpair()
    with here:
        here.sendall(sent)
        here.shutdown(socket.SHUT_WR)
        serve(there)
        with here.makefile("rb") as answers:
            assert answers.read() == sent.upper()
    assert there.fileno() == -1


def test_a_client_that_is_gone_does_not_end_a_server() -> None:
    here, there = socket.socketpair()
    here.sendall(b"half a league")
    here.close()
    serve(there)
    assert there.fileno() == -1


def test_one_after_another_serves_each_to_its_end() -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    for here, _ in pairs:
        here.sendall(b"half a league")
        here.shutdown(socket.SHUT_WR)
    accepted = [*((there, "") for _, there in pairs), OSError("no more")]
    with pytest.raises(OSError, match="no more"):
        one_after_another(Mock(accept=Mock(side_effect=accepted)))
    for here, there in pairs:
        assert there.fileno() == -1
        with here:
            assert here.recv(1024) == b"HALF A LEAGUE"


def test_a_server_that_is_silent_makes_it_fail_in_time() -> None:
    """So does a stranger that keeps the only process of a server."""

    def keep_silent(listener: socket.socket) -> None:
        kept = [listener.accept() for _ in range(AT_ONCE)]
        signal.pause()
        kept.clear()

    replace = {"DESIGNS": {"mine": (keep_silent, 1)}, "TIMEOUT": 0.2}
    with RunningProgram(NAME, "1", replace=replace) as running:
        ended = running.finish()
    # The server may be the first whose time is up.
    why = r"(timed out|\[Errno \d+\] .+|a server did not answer)"
    assert_exit_report(ended, rf"{NAME}: {why}\n", out="")


@pytest.mark.slow
@every_design
def test_reports_a_server_that_is_killed(name: str) -> None:
    replace = {**one_design(name), "os.fork": act_in_child(kill_self)}
    error_line(NAME, replace=replace)


@pytest.mark.parametrize("answer", [b"", b"half a league", b"HALF A LEAGUE!"])
def test_reports_another_answer(answer: bytes) -> None:
    def misunderstand(connection: socket.socket) -> None:
        with connection:
            while connection.recv(1024):
                pass
            connection.sendall(answer)

    stderr = error_line(NAME, replace={"serve": misunderstand})
    assert stderr == f"{NAME}: a server did not answer\n"


def test_reports_a_mistake_in_a_design() -> None:
    def misname(_: socket.socket) -> NoReturn:
        raise LookupError("a mistake")

    replace = {"DESIGNS": {"mine": (misname, 1)}}
    with RunningProgram(NAME, "1", replace=replace) as running:
        ended = running.finish()
    stderr = rf"{NAME}: child: LookupError\(.*\)\n{NAME}: .+\n"
    assert_exit_report(ended, stderr, out="")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one after another", "prefork"])
def test_servers_end_when_the_parent_was_killed(name: str) -> None:
    replace = {
        **one_design(name),
        "TIMEOUT": 0.2,
        "ask": lambda *_: None,  # or they might end before they answer
        "timeit": lambda *_, **__: kill_self(),
    }
    with RunningProgram(NAME, "1", replace=replace) as running:
        assert running.finish() == (-signal.SIGKILL, "", "")


def test_a_server_lives_so_long_and_no_longer() -> None:
    def measure() -> None:
        server_rates.TIMEOUT = 0.1
        begin = time.monotonic()
        here, there = socket.socketpair()
        with here, there:
            pid = start(lambda sock: print(sock.recv(1)), here)
            _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), time.monotonic() - begin < 5)

    with RunningProgram(measure) as running:
        out = f"{-signal.SIGALRM} True\n"
        assert running.finish() == (0, out, "")


def test_each_client_asks_before_the_first_reads() -> None:
    """So a design that can do several things at once has several to do."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            ask(listener.getsockname())

        with RunningProgram(run) as running:
            peers = [listener.accept()[0] for _ in range(AT_ONCE)]
            for peer in peers:
                with peer, peer.makefile("rb") as requests:
                    peer.sendall(requests.read().upper())
            listener.close()
            assert running.finish() == (0, "", "")


@pytest.mark.parametrize(
    "text", ["0", "-1", "101", "many", "1.5", "", "9" * 5000]
)
def test_count_is_a_number_from_one(text: str) -> None:
    with RunningProgram(NAME, "--", text) as running:
        status, out, err = running.finish()
    assert (status, out) == (2, "")
    *_, error = err.splitlines()
    assert error.startswith(f"{NAME}.py: error: argument COUNT: ")


@pytest.mark.parametrize(("arguments", "asked"), [([], 20), (["100"], 100)])
def test_asks_so_many_times(arguments: list[str], asked: int) -> None:
    def tell_and_end(_: object, __: int, count: int) -> NoReturn:
        sys.exit(str(count))

    replace = {"rate": tell_and_end}
    with RunningProgram(NAME, *arguments, replace=replace) as running:
        assert running.finish() == (Status(1), "", f"{asked}\n")
