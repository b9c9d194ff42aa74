"""Signals: ^C, SIGTERM, SIGHUP and SIGQUIT at any line, and SIGKILL."""

from __future__ import annotations

import importlib
import inspect
from types import CodeType
from typing import TYPE_CHECKING

import pytest

from tests.harness.catalogue import FILES, FORKING, PROGRAMS, source
from tests.harness.fault_groups import FaultGroup
from tests.harness.process_states import source_line
from tests.harness.signal_injection.faults import (
    faults_of_kills,
    faults_of_signals,
    first_of,
)
from tests.harness.small_process import in_small_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OF_A_CHILD = [
    pytest.mark.fault(
        FaultGroup.SIGNALS,
        "^C, SIGTERM, SIGHUP or SIGQUIT at any line of a child",
    )
]

# Each takes hundreds of runs: on a busy machine that may take a minute.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("empty_directory"),
]


@pytest.mark.fault(
    FaultGroup.SIGNALS, "^C, SIGTERM, SIGHUP or SIGQUIT at any line"
)
@pytest.mark.parametrize(
    "program",
    [pytest.param(p, marks=OF_A_CHILD * (p in FORKING)) for p in PROGRAMS],
)
def test_dies_of_a_signal_at_every_line(program: str) -> None:
    faults, lines = in_small_process(faults_of_signals, program)
    report(faults, lines_not_reached(program, lines))


@pytest.mark.fault(
    FaultGroup.CHILDREN, "a child killed before, during and after its message"
)
@pytest.mark.parametrize("program", FORKING)
def test_reports_a_child_killed_at_any_line(program: str) -> None:
    report(in_small_process(faults_of_kills, program, child=True))


@pytest.mark.fault(
    FaultGroup.CHILDREN, "a parent killed before its child ends"
)
@pytest.mark.parametrize("program", FORKING)
def test_children_end_when_the_parent_is_killed_at_any_line(
    program: str,
) -> None:
    report(in_small_process(faults_of_kills, program, child=False))


def lines_not_reached(program: str, reached: set[int]) -> Iterator[str]:
    """Yield the lines of a program's functions that are not among these."""
    lines: set[int] = set()
    codes = [compile(source(program), program, "exec")]
    for code in codes:
        codes += [
            constant
            for constant in code.co_consts
            if isinstance(constant, CodeType)
            and constant.co_name != "__annotate__"  # since Python 3.14
        ]
        if code.co_flags & inspect.CO_OPTIMIZED:  # of a function
            lines |= {line for *_, line in code.co_lines() if line}
            lines -= {code.co_firstlineno}
    for line in sorted(lines - reached):
        text = source_line(FILES[program], line)
        if not any(part in text for part in not_reached(program)):
            yield (
                f"{text}\n  no signal came here, since in no run was this "
                "line come to.\n  Each call in CALLS, in signal_injection/"
                "scenarios.py, fails once: the first time.\n  If only another "
                "peer brings the line about, write a part of it into\n  "
                f"NOT_REACHED in tests/programs/test_{program}.py"
            )


def not_reached(program: str) -> tuple[str, ...]:
    """Return parts of the lines that no run reaches, as its test says."""
    test = importlib.import_module(f"tests.programs.test_{program}")
    parts: tuple[str, ...] = getattr(test, "NOT_REACHED", ())
    return parts


def report(*faults: Iterable[str]) -> None:
    """Fail, with the first faults."""
    if first := first_of(*faults):
        pytest.fail("\n\n".join(first), pytrace=False)


@pytest.mark.parametrize("program", PROGRAMS)
def test_lines_not_reached_exist(program: str) -> None:
    for part in not_reached(program):
        if part not in source(program):
            pytest.fail(f"{program} has no line with {part}", pytrace=False)
