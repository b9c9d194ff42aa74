"""Docstrings name what is returned, and use the fields of reST."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from ipcdocs.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
FOLDERS = ("docs/_ext", "docs/_tools", "tests")
FILES = [file for name in FOLDERS for file in (ROOT / name).rglob("*.py")]
GOOGLE = re.compile(r"^\s*(Args|Raises|Returns|Yields):$", re.MULTILINE)
NO_NOUN = re.compile(
    r"(Return|Yield|Say|Tell) (how|if|what|where|whether|which|who)\b"
)


def functions(file: Path) -> Iterator[tuple[ast.FunctionDef, str]]:
    """Yield the functions of a file that have a docstring, with it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            yield node, ast.get_docstring(node) or ""


def raised_by(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the names of the errors that a function raises by itself."""
    nodes: list[ast.AST] = [*function.body]
    while nodes:
        match node := nodes.pop():
            case ast.FunctionDef() | ast.ClassDef():
                continue
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name))):
                yield name
        nodes += ast.iter_child_nodes(node)


def faults_of(file: Path) -> Iterator[str]:
    """Yield the faults of a file's docstrings."""
    for function, docstring in functions(file):
        where = f"{file.relative_to(ROOT)}:{function.lineno} {function.name}()"
        if GOOGLE.search(docstring):
            yield f"{where}: write fields of reST, such as ':raises OSError:'"
        if NO_NOUN.match(docstring):
            yield f"{where}: name the thing: {docstring.splitlines()[0]}"
        if not re.match("_|test_", function.name):
            for error in {*raised_by(function)}:
                if error not in docstring:
                    yield f"{where}: write ':raises {error}:', and when"


def test_docstrings_are_of_one_convention() -> None:
    if faults := [fault for file in FILES for fault in faults_of(file)]:
        pytest.fail("\n".join(faults), pytrace=False)


BAD = '''
def load():
    """Return what is there.

    Args:
        nothing: to be said.
    """
    def within():
        raise KeyError("another's")
    raise ValueError("nothing is there")
'''


def test_what_breaks_the_convention_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    assert [*faults_of(tmp_path / "bad.py")] == [
        "bad.py:2 load(): write fields of reST, such as ':raises OSError:'",
        "bad.py:2 load(): name the thing: Return what is there.",
        "bad.py:2 load(): write ':raises ValueError:', and when",
    ]
