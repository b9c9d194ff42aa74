"""The recorder writes what is new, and nothing when something is wrong."""

from __future__ import annotations

import functools
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pages
import pytest
import recorder
import recording
import strace
import terminals

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
RUN = "$ python -m ipc_examples.fork\n"


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return where the only recording goes."""
    monkeypatch.setattr(recorder, "RECORDINGS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["recorder.py"])
    return tmp_path / "fork.json"


def record(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    block = pages.Block(1, "{transcript}", f":record: fork\n\n{text}")
    found = {"fork": ("docs/page.md", block)}
    monkeypatch.setattr(recorder, "recorded", lambda: found)
    return recorder.main()


@pytest.fixture
def traced() -> None:
    """Skip a test that needs strace where it cannot be had."""
    try:
        strace.command()
    except strace.Unrecordable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def shown() -> str:
    """Return a transcript of a page."""
    _, block = recorder.recorded()["fork"]
    return block.text.partition("\n\n")[2]


def test_no_strace(
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(file.parent))
    assert record(monkeypatch, RUN) == 1
    assert capsys.readouterr() == (
        "",
        "record: fork: strace is not installed\n",
    )
    assert not file.exists()


def test_strace_may_not_trace(
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    refusal = "strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted"
    refused = file.with_name("strace")
    refused.write_text(f"#!/bin/sh\necho '{refusal}' >&2\nexit 1\n")
    refused.chmod(0o755)
    monkeypatch.setenv("PATH", str(file.parent))
    assert record(monkeypatch, RUN) == 1
    assert capsys.readouterr() == ("", f"record: fork: {refusal}\n")
    assert not file.exists()


def test_no_such_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["recorder.py", "fork", "spoon"])
    assert recorder.main() == 1
    assert capsys.readouterr() == ("", "record: no page has :record: spoon\n")


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$ python -m ipc_examples.fork spoon\n", "shows something else"),
        ("$ python -c 'input()'\nnever\n", "shows nothing more for"),
    ],
)
def test_a_program_that_fails_or_hangs(
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    reason: str,
) -> None:
    hasty = functools.partial(terminals.run, deadline=2)
    monkeypatch.setattr(terminals, "run", hasty)
    assert record(monkeypatch, text) == 1
    assert reason in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.usefixtures("traced")
def test_a_recording_that_tells_the_same_stays(
    monkeypatch: pytest.MonkeyPatch, file: Path, shown: str
) -> None:
    file.write_text("{")
    assert record(monkeypatch, shown) == 0
    made = recording.load(file)
    for step in made.steps:
        step.waited = False
    file.write_text(made.dump())
    assert record(monkeypatch, shown) == 0
    assert recording.load(file) == made
    file.write_text(replace(made, steps=made.steps[:-1]).dump())
    assert record(monkeypatch, shown) == 0
    assert len(recording.load(file).steps) == len(made.steps)


@pytest.mark.parametrize(
    ("signal", "calls"),
    [
        # It is ignored, so only a process that is traced is interrupted.
        ("SIGCHLD", ["SIGCHLD", "read"]),
        ("SIGINT", ["read", "SIGINT", "read"]),
    ],
)
def test_an_interrupted_call(signal: str, calls: list[str]) -> None:
    trace = f"""\
1.0 read(3<socket:[7]>, 0x7f00, 64) = -1 EINTR (Interrupted system call)
2.0 --- {signal} {{si_signo={signal}}} ---
3.0 read(3<socket:[7]>, "one", 64) = 3
"""
    assert [call.name for call in strace.parse(trace)] == calls
