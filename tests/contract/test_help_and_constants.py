"""What a program's own test says of it: its help, and its constants.

A new program's test has a HELP if it takes arguments, and CONSTANTS if it has
any. So whoever changes one of these says it twice.
"""

from __future__ import annotations

import ast
import importlib
from typing import Any

import pytest

from tests.harness.catalogue import PROGRAMS, WITH_ARGUMENTS, source
from tests.harness.running import RunningProgram

BY_EFFECT = {"CODES", "ESCAPES", "STOPPING", "KEYBOARD", "WAITED_FOR"}


def said_of(program: str, name: str) -> Any:  # noqa: ANN401
    """Return a value that the test of *program* gives a name."""
    test = importlib.import_module(f"tests.programs.test_{program}")
    return getattr(test, name, None)


def constants_of(program: str) -> dict[str, object]:
    """Return the values that *program* gives names in capitals."""
    module = importlib.import_module(f"ipc_examples.{program}")
    names = {
        name.id
        for node in ast.parse(source(program)).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and name.id.isupper()
    }
    values = {name: getattr(module, name) for name in names - BY_EFFECT}
    plain = (int, float, bytes, str, tuple, list)
    return {n: v for n, v in values.items() if isinstance(v, plain)}


@pytest.mark.parametrize("program", WITH_ARGUMENTS)
def test_help(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with RunningProgram(program, "--help") as running:
        ended = running.finish()
    assert ended == (0, said_of(program, "HELP"), "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_constants(program: str) -> None:
    assert constants_of(program) == (said_of(program, "CONSTANTS") or {})
