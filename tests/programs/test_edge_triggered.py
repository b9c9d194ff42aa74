from __future__ import annotations

import errno
import os
import re
import select
from itertools import count
from typing import NoReturn

import pytest

from ipc_examples import edge_triggered
from ipc_examples.edge_triggered import (
    MESSAGE,
    bytes_left,
    read_pieces,
    read_when_told,
)
from tests.harness.running import RunningProgram, main_of

NAME = "edge_triggered"
CONSTANTS = {"MESSAGE": b"Half a lea", "PIECE": 2}
NOT_REACHED = ("this system has no epoll",)
TABLE = """\
                   wakeups  reads  bytes left
level                    5      5           0
edge                     1      1           8
edge, all read           1      6           0
one-shot                 1      1           8
one-shot, rearmed        5      5           0
"""

needs_epoll = pytest.mark.skipif(
    not hasattr(select, "epoll"), reason="this system has no epoll"
)


@needs_epoll
def test_prints_a_line_for_each_mode() -> None:
    with RunningProgram(NAME) as running:
        assert running.finish() == (0, TABLE, "")


def test_says_that_there_is_no_epoll() -> None:
    def run() -> None:
        vars(select).pop("epoll", None)
        main_of(NAME)()

    with RunningProgram(run, name=NAME) as running:
        error = f"{NAME}: this system has no epoll\n"
        assert running.finish() == (1, "", error)


@needs_epoll
@pytest.mark.parametrize(
    ("size", "level", "edge", "drained"),
    [
        (0, (0, 0, 0), (0, 0, 0), (0, 0, 0)),
        (1, (1, 1, 0), (1, 1, 0), (1, 2, 0)),
        (2, (1, 1, 0), (1, 1, 0), (1, 2, 0)),
        (3, (2, 2, 0), (1, 1, 1), (1, 3, 0)),
        (100, (50, 50, 0), (1, 1, 98), (1, 51, 0)),
    ],
)
def test_counts_wakeups_reads_and_what_is_left(
    size: int,
    level: tuple[int, int, int],
    edge: tuple[int, int, int],
    drained: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge_triggered, "MESSAGE", bytes(size))
    once = select.EPOLLONESHOT
    assert read_when_told(0) == level
    assert read_when_told(select.EPOLLET) == edge
    assert read_when_told(select.EPOLLET, drain=True) == drained
    assert read_when_told(once) == edge
    assert read_when_told(once, rearm=True) == level


@needs_epoll
def test_closes_its_pipe_when_a_read_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, "It fails")

    before = os.listdir("/dev/fd")
    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(OSError, match="It fails"):
        read_when_told(0)
    assert os.listdir("/dev/fd") == before


@needs_epoll
def test_reports_that_a_read_fails() -> None:
    numbers, read = count(), os.read

    def fail_at_the_fifth(descriptor: int, size: int) -> bytes:
        if next(numbers) == 4:
            raise OSError(errno.EIO, "It fails")
        return read(descriptor, size)

    with RunningProgram(
        NAME, replace={"os.read": fail_at_the_fifth}
    ) as running:
        status, out, err = running.finish()
    assert (status, out) == (1, "")
    assert re.fullmatch(rf"{NAME}: \[Errno {errno.EIO}\] It fails\n", err)


def test_reading_ends_at_the_end_of_the_pipe() -> None:
    reader, writer = os.pipe()
    os.write(writer, MESSAGE)
    os.close(writer)
    assert read_pieces(reader, drain=True) == len(MESSAGE) // 2 + 1
    assert bytes_left(reader) == 0
    os.close(reader)
