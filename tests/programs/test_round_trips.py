from __future__ import annotations

import os
import re
import signal
import socket
import struct
import sys
import time
from itertools import accumulate, chain
from typing import Any, NoReturn

import pytest

from ipc_examples import round_trips
from ipc_examples.round_trips import (
    CHANNELS,
    channel,
    echo_and_exit,
    measure,
)
from tests.harness.running import (
    RunningProgram,
    Status,
    act_in_child,
    assert_exit_report,
    error_line,
    kill_self,
    main_of,
)

NAME = "round_trips"
CONSTANTS = {
    "CHANNELS": ("pipe", "UNIX stream", "UNIX datagram", "UDP", "TCP"),
    "MESSAGE": bytes(64),
    "WARM_UP": 1,
    "TIMEOUT": struct.pack("ll", 10, 0),
}
SOON = struct.pack("ll", 0, 50_000)
# What an orphan says when nothing has come for so long.
WAITED = rf"({NAME}: child: BlockingIOError\(.*\)\n)?"

every_channel = pytest.mark.parametrize("name", CHANNELS)


def test_prints_a_line_for_each_channel() -> None:
    with RunningProgram(NAME, "2") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    head, *lines = out.splitlines()
    assert head == "              microseconds  relative"
    assert len(lines) == len(CHANNELS)
    for name, line in zip(CHANNELS, lines, strict=True):
        assert re.fullmatch(rf"{name} +\d+\.\d +\d+\.\d", line)
    assert lines[0].endswith(" 1.0")


def test_prints_what_was_measured() -> None:
    def pretend(name: str, count: int) -> float:
        return count * {"pipe": 0.5, "TCP": 2.25}.get(name, 1.0)

    table = """\
              microseconds  relative
pipe                   5.0       1.0
UNIX stream           10.0       2.0
UNIX datagram         10.0       2.0
UDP                   10.0       2.0
TCP                   22.5       4.5
"""
    with RunningProgram(NAME, "10", replace={"measure": pretend}) as running:
        assert running.finish() == (0, table, "")


@pytest.mark.parametrize(
    ("seconds", "microseconds"),
    [
        ([3.0], 3e6),
        ([1.0, 100.0, 2.0], 2e6),
        ([5.0, 1.0, 4.0, 2.0, 3.0], 3e6),
    ],
)
def test_tells_the_median_without_the_first_trips(
    seconds: list[float], microseconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those would make it less; it does not matter that they take longer.
    warm_up = [0.0] * round_trips.WARM_UP
    trips = [*warm_up, *seconds]
    # The clock is read before and after each trip; between two, not at all.
    readings = accumulate(chain.from_iterable((0.0, trip) for trip in trips))
    monkeypatch.setattr(time, "perf_counter", lambda: next(readings))
    with RunningProgram(
        lambda: print(measure("pipe", len(seconds)))
    ) as running:
        assert running.finish() == (0, f"{microseconds}\n", "")


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"),
    reason="this system binds no process to a processor",
)
def test_keeps_to_one_processor() -> None:
    """Or it would matter where the two processes are placed."""
    ours = os.sched_getaffinity(0)

    def tell(_: str, __: int) -> float:
        print(os.sched_getaffinity(0))
        return 1.0

    replace = {"measure": tell}
    with RunningProgram(NAME, "1", replace=replace) as running:
        for _ in CHANNELS:
            assert running.line() == str({min(ours)})
        assert running.finish().status == 0


def test_works_where_no_process_is_bound_to_a_processor() -> None:
    def run() -> None:
        vars(os).pop("sched_setaffinity", None)
        main_of(NAME, "1")()

    with RunningProgram(run, name=NAME) as running:
        status, _, err = running.finish()
    assert (status, err) == (0, "")


@every_channel
def test_a_channel_leads_both_ways(name: str) -> None:
    one, other = channel(name)
    for (_, writer), (reader, _) in ((one, other), (other, one)):
        os.write(writer.fileno(), b"there")
        assert os.read(reader.fileno(), 10) == b"there"
    for end in {*one, *other}:
        end.close()


@pytest.mark.parametrize("name", CHANNELS[1:])
def test_an_end_waits_ten_seconds_at_most(name: str) -> None:
    for end, _ in (ends := channel(name)):
        kept = end.getsockopt(
            socket.SOL_SOCKET,
            socket.SO_RCVTIMEO,
            len(round_trips.TIMEOUT),
        )
        assert struct.unpack("ll", kept) == (10, 0)
    for end, _ in ends:
        end.close()


@pytest.mark.slow
@every_channel
def test_can_be_ended_while_its_child_waits(name: str) -> None:
    def end_instead(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    replace = {
        "CHANNELS": [name],
        "TIMEOUT": SOON,
        "os.write": end_instead,
    }
    with RunningProgram(NAME, replace=replace) as running:
        ended = running.finish()
    assert_exit_report(ended, WAITED, status=-signal.SIGTERM, out="")


def test_a_child_echoes_until_its_channel_ends() -> None:
    here, there = channel("UNIX stream")
    with here[0], there[0]:
        here[1].sendall(b"a message")
        here[1].shutdown(socket.SHUT_WR)
        with RunningProgram(lambda: echo_and_exit(there, here)) as running:
            assert running.finish() == (1, "", "")
        assert here[0].recv(100) == b"a message"


@pytest.mark.slow
@every_channel
def test_a_child_ends_when_its_parent_was_killed(name: str) -> None:
    """That it does not keep a processor busy first, RunningProgram sees to.

    The parent dies before its first message: one that came later than SOON
    would end the child, or the parent, before.
    """
    replace = {
        "CHANNELS": [name],
        "TIMEOUT": SOON,
        "os.write": lambda *_: kill_self(),
    }
    with RunningProgram(NAME, replace=replace) as running:
        ended = running.finish()
    assert_exit_report(ended, WAITED, status=-signal.SIGKILL, out="")


@pytest.mark.slow
@every_channel
def test_reports_a_child_that_is_killed(name: str) -> None:
    replace = {
        "CHANNELS": [name],
        "TIMEOUT": SOON,
        "os.fork": act_in_child(kill_self),
    }
    error_line(NAME, replace=replace)


@pytest.mark.parametrize("sent", [b"", b"\0", b"\1" * 64])
def test_reports_a_child_that_sends_something_else(sent: bytes) -> None:
    def echo(child_end: Any, _: object) -> NoReturn:  # noqa: ANN401
        os.read(child_end[0].fileno(), 100)
        os.write(child_end[1].fileno(), sent)
        os._exit(0)

    replace = {"CHANNELS": ["UNIX datagram"], "echo_and_exit": echo}
    stderr = error_line(NAME, replace=replace)
    assert stderr == f"{NAME}: the child sent no echo\n"


def test_reports_a_childs_mistake() -> None:
    def misname_read() -> None:
        os.read = None  # type: ignore[assignment]

    replace = {"CHANNELS": ["pipe"], "os.fork": act_in_child(misname_read)}
    with RunningProgram(NAME, replace=replace) as running:
        ended = running.finish()
    why = r"(the child sent no echo|\[Errno 32\] Broken pipe)"
    stderr = rf"{NAME}: child: TypeError\(.*\)\n{NAME}: {why}\n"
    assert_exit_report(ended, stderr, out="")


@pytest.mark.parametrize(
    "count",
    [
        *("0", "-1", "", "many", "1.5", "1_0", " 1", "01", "10000000"),
        "\N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO}",
        pytest.param("9" * 5000, id="5000 digits"),
    ],
)
def test_count_is_a_number_from_one(count: str) -> None:
    with RunningProgram(NAME, count) as running:
        status, out, err = running.finish()
    assert (status, out) == (2, "")
    usage, error = err.splitlines()
    assert usage == "usage: round_trips.py [-h] [COUNT]"
    why = f"{count!r:.20} is not from 1 to 9999999"
    assert error == f"round_trips.py: error: argument COUNT: {why}"


@pytest.mark.parametrize(
    ("arguments", "count"),
    [([], 2000), (["1"], 1), (["9999999"], 9_999_999)],
)
def test_makes_so_many_trips(arguments: list[str], count: int) -> None:
    def tell_and_end(_: str, count: int) -> NoReturn:
        sys.exit(str(count))

    replace = {"measure": tell_and_end}
    with RunningProgram(NAME, *arguments, replace=replace) as running:
        assert running.finish() == (Status(1), "", f"{count}\n")
