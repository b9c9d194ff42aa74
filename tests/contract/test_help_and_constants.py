"""A program's help says what its docstring says; its test, its constants.

So whoever changes the command line changes the docstring, and whoever changes
a constant changes the test.
"""

from __future__ import annotations

import ast
import functools
import importlib
import re
import shlex
import unicodedata

import pytest

from tests.harness.catalogue import (
    PROGRAMS,
    WITH_ARGUMENTS,
    documented_command,
    source,
)
from tests.harness.running import RunningProgram

BY_EFFECT = {"CODES", "ESCAPES", "STOPPING", "KEYBOARD", "WAITED_FOR"}
ESCAPING = [p for p in PROGRAMS if "\nESCAPES = " in source(p)]
TURNING = ["LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"]
HELP = """\
usage: {program}.py [-h] {words}

{sentence}

positional arguments:
{names}

options:
  -h, --help  show this help message and exit
"""


def documented_words(program: str) -> list[str]:
    """Return the words of its docstring's command line: "HOST", "[PORT]".

    Where that is an example in quotes, each stands for a name, which the
    program itself gives.
    """
    words = documented_command(program).partition(f"{program}.py")[2]
    if "'" not in words and '"' not in words:
        return words.split()
    (metavar,) = re.findall(r'metavar="(\w+)"', source(program))
    return [metavar for _ in shlex.split(words)]


@pytest.mark.parametrize("program", WITH_ARGUMENTS)
def test_help_is_what_the_docstring_says(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with RunningProgram(program, "--help") as running:
        ended = running.finish()
    words = documented_words(program)
    sentence = ended.out.split("\n\n")[1]
    assert re.fullmatch(r"[A-Z].*[^.]\.", sentence)
    names = dict.fromkeys(re.findall(r"\w+", " ".join(words)))
    documented = HELP.format(
        program=program,
        words=" ".join(words),
        sentence=sentence,
        names="\n".join(f"  {name}" for name in names),
    )
    assert ended == (0, documented, "")


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


@pytest.mark.parametrize("program", PROGRAMS)
def test_constants_are_in_its_test(program: str) -> None:
    name = f"tests.programs.test_{program}"
    in_test = getattr(importlib.import_module(name), "CONSTANTS", {})
    if in_test != (constants := constants_of(program)):
        pytest.fail(
            f"tests/programs/test_{program}.py has CONSTANTS = {in_test!r}.\n"
            f"If {program}.py is right, it should have\n\n"
            f"CONSTANTS = {constants!r}",
            pytrace=False,
        )


@functools.cache
def unsafe_on_a_line() -> set[int]:
    """Return the code points that move a cursor, or break or turn a line.

    NUL is not among them: it ends a message.
    """
    return {
        code
        for code, character in enumerate(map(chr, range(0x110000)))
        if unicodedata.category(character) in {"Cc", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in TURNING
    } - {0}


@pytest.mark.parametrize("program", ESCAPING)
def test_escapes_what_is_unsafe_on_a_line(program: str) -> None:
    module = importlib.import_module(f"ipc_examples.{program}")
    assert {*module.ESCAPES} == unsafe_on_a_line()
