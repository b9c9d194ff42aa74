from __future__ import annotations

import os
import re
import signal
import struct

import pytest
from programs import Running, but_in_child, die, refusal

from ipc_examples.round_trips import CHANNELS, channel

NAME = "round_trips"


def test_prints_a_line_for_each_channel() -> None:
    with Running(NAME, "2") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    head, *lines = out.splitlines()
    assert head.split() == ["microseconds", "relative"]
    assert len(lines) == len(CHANNELS)
    for name, line in zip(CHANNELS, lines, strict=True):
        assert re.fullmatch(rf"{name} +\d+\.\d +\d+\.\d", line)
    assert lines[0].endswith(" 1.0")


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_leads_both_ways(name: str) -> None:
    one, other = channel(name)
    for sender, receiver in ((one, other), (other, one)):
        os.write(sender.writer, b"there")
        assert os.read(receiver.reader, 10) == b"there"
    one.close()
    other.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANNELS)
def test_can_be_ended_while_its_child_waits(name: str) -> None:
    def end_instead(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    replace = {"CHANNELS": [name], "os.write": end_instead}
    with Running(NAME, replace=replace) as running:
        status, _, err = running.finish()
    assert (status, err) == (143, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANNELS)
def test_reports_a_child_that_is_killed(name: str) -> None:
    replace = {
        "CHANNELS": [name],
        "TEN_SECONDS": struct.pack("ll", 0, 50_000),
        "os.fork": but_in_child(die),
    }
    refusal(NAME, replace=replace)


@pytest.mark.parametrize("count", ["0", "-1", "", "many", "1.5"])
def test_counts_from_one(count: str) -> None:
    with Running(NAME, count) as running:
        status, out, err = running.finish()
    assert (status, out) == (2, "")
    usage, error = err.splitlines()
    assert usage == "usage: round_trips.py [-h] [COUNT]"
    assert error.startswith("round_trips.py: error: argument COUNT: ")


def test_says_what_a_count_is() -> None:
    with Running(NAME, "0") as running:
        assert running.finish().err.endswith(
            "argument COUNT: 0 is less than one\n"
        )
