"""Programs are sorted by what they call, and run as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase

from tests.harness import catalogue
from tests.harness.examples import examples

if TYPE_CHECKING:
    from pathlib import Path

ONE = '''"""Ask.

    $ echo | python one.py HOST [PORT] [COUNT] 'a b'
"""
os.fork()
self.sock.bind(("", 0))
signal.signal(signal.SIGCHLD, reap)
signal.signal(signal.SIGURG, note)
signal.signal(signal.SIGINT, signal.SIG_DFL)
'''
TWO = "signal.signal(signal.SIGINT, stop)\n"


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let there be two programs."""
    files = {name: tmp_path / f"{name}.py" for name in ("one", "two")}
    for name, text in ("one", ONE), ("two", TWO):
        files[name].write_text(text)
    monkeypatch.setattr(catalogue, "FILES", files)
    monkeypatch.setattr(catalogue, "PROGRAMS", ["one", "two"])


def test_programs_are_found_by_their_names() -> None:
    assert catalogue.programs_named("e", "o") == ["one", "two"]
    assert catalogue.programs_named("o") == ["two"]
    assert catalogue.programs_named("e", "o", start="o") == ["one"]


def test_programs_are_found_by_what_they_call() -> None:
    found = catalogue.calls_of("one")
    assert found == {"os.fork", "self.sock.bind", "signal.signal"}
    assert catalogue.programs_calling("bind", "accept") == ["one"]
    assert catalogue.programs_calling("signal") == ["one", "two"]
    assert catalogue.programs_calling("sock") == []


def test_who_handles_what_could_end_it() -> None:
    assert not catalogue.handles_signals("one")
    assert catalogue.handles_signals("two")
    block = "block(signal.SIG_BLOCK, {})\n"
    catalogue.FILES["one"].write_text(ONE + block.format("signal.SIGIO"))
    assert not catalogue.handles_signals("one")
    catalogue.FILES["one"].write_text(ONE + block.format("signal.SIGTERM"))
    assert catalogue.handles_signals("one")


def test_a_program_says_how_to_run_it() -> None:
    line = "$ echo | python one.py HOST [PORT] [COUNT] 'a b'"
    assert catalogue.documented_command("one") == line
    assert catalogue.command_line("one", HOST="::1", PORT="7") == (
        "$ echo | python one.py ::1 7 'a b'"
    )
    assert catalogue.own_arguments("one") == ["HOST", "1", "a b"]
    catalogue.FILES["one"].write_text(ONE.replace("[COUNT]", "[PORT ...]"))
    assert catalogue.own_arguments("one") == ["127.0.0.1", "1", "a b"]
    with pytest.raises(AssertionError, match="two's docstring does not say"):
        catalogue.documented_command("two")


def test_examples_are_the_same_in_each_run() -> None:
    chosen: Any = examples(7)
    assert chosen.max_examples == 7
    assert chosen.derandomize
    assert chosen.phases == (Phase.generate,)
    assert (chosen.deadline, chosen.database) == (None, None)
