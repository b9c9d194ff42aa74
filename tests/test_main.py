from __future__ import annotations

import ast
import runpy
import sys

from programs import PROGRAMS, ROOT, Running, source


def run(*arguments: str) -> Running:
    def run_package() -> None:
        sys.argv = ["ipc_examples", *arguments]
        sys.modules.pop("ipc_examples.__main__", None)  # pytest's import
        runpy.run_module("ipc_examples", run_name="__main__")

    return Running(run_package)


def test_lists_every_program_in_one_line() -> None:
    docstrings = [ast.get_docstring(ast.parse(source(p))) for p in PROGRAMS]
    firsts = [str(text).partition("\n")[0] for text in docstrings]
    with run() as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{program:24}{first}"
        for program, first in zip(PROGRAMS, firsts, strict=True)
    ]


def test_takes_no_arguments() -> None:
    with run("pipe") as running:
        status, out, err = running.finish()
    assert (status, out) == (2, "")
    assert err.startswith("usage: python -m ipc_examples [-h]\n")


def test_can_be_imported() -> None:
    names = runpy.run_path(str(ROOT / "ipc_examples" / "__main__.py"))
    assert [name for name, _ in names["programs"]()] == PROGRAMS
