from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
from programs import Running, descriptors, refusal

from ipc_examples import skeleton
from ipc_examples.skeleton import distribute

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "skeleton"


def answers_to(lines: list[bytes], workers: int = 2) -> str:
    """Return what *workers* answer, and see that all is well."""
    with Running(lambda: print(distribute(lines, workers))) as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    return out


@pytest.mark.parametrize(
    ("stdin", "answers"),
    [
        (b"", ""),
        (b"one\n", "ONE\n"),
        (b"one\ntwo\nthree\nfour\nfive\n", "ONE\nTWO\nTHREE\nFOUR\nFIVE\n"),
        (b"one\ntwo", "ONE\nTWO\n"),
        (b"\n\none\n", "\n\nONE\n"),
        (b"one\rtwo\r\n", "ONE\rTWO\r\n"),
    ],
)
def test_answers_each_line_in_order(stdin: bytes, answers: str) -> None:
    with Running(NAME, stdin=stdin) as running:
        assert running.finish() == (0, answers, "")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3, 10])
def test_any_number_may_work(workers: int) -> None:
    lines = [b"one", b"two", b"three"]
    assert answers_to(lines, workers) == "[b'ONE', b'TWO', b'THREE']\n"


@pytest.mark.slow
def test_a_line_may_exceed_every_buffer() -> None:
    lines = [bytes([65 + n]) * 1_000_000 for n in range(5)]
    with Running(lambda: print(distribute(lines) == lines)) as running:
        assert running.finish() == (0, "True\n", "")


@pytest.mark.slow
def test_the_work_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    def pid(_: bytes) -> bytes:
        return str(os.getpid()).encode()

    monkeypatch.setattr(skeleton, "work", pid)
    one, other, *rest = re.findall(r"\d+", answers_to([b""] * 4))
    assert one != other
    assert rest == [one, other]


@pytest.mark.slow
def test_a_worker_holds_no_channel_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def count(_: bytes) -> bytes:
        return str(len(descriptors())).encode()

    monkeypatch.setattr(skeleton, "work", count)
    counts = re.findall(r"\d+", answers_to([b""] * 3, workers=3))
    assert len(set(counts)) == 1


def kill_oneself(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b"never"


@pytest.mark.parametrize("end", [lambda _: os._exit(0), kill_oneself])
def test_reports_a_worker_that_ends(end: Callable[[bytes], bytes]) -> None:
    error = refusal(NAME, stdin=b"one\n", replace={"work": end})
    assert re.search(r"worker \d+ gave no answer", error)


def test_reports_a_worker_that_fails_without_a_line() -> None:
    replace = {"answer_and_exit": lambda *_: os._exit(3)}
    assert refusal(NAME, replace=replace) == "skeleton: a worker failed\n"


def test_shows_where_the_work_failed() -> None:
    with Running(NAME, stdin=b"one\n", replace={"work": int}) as running:
        status, out, err = running.finish()
    assert (status, out) == (1, "")
    assert err.startswith("Traceback")
    assert "ValueError: invalid literal for int()" in err
    assert re.search(
        r"^skeleton: worker \d+ gave no answer", err, re.MULTILINE
    )


def test_reports_that_the_work_met_an_error_of_the_system() -> None:
    def open_it(line: bytes) -> bytes:
        with open(line, "rb") as file:
            return file.read()

    with Running(NAME, stdin=b"/no\n", replace={"work": open_it}) as running:
        status, out, err = running.finish()
    assert (status, out) == (1, "")
    assert re.fullmatch(
        r"skeleton: worker: .*No such file or directory: b'/no'\n"
        r"skeleton: worker \d+ gave no answer\n",
        err,
    )
