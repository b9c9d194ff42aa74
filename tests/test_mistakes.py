"""Each classic mistake has a program that makes it, and one that does not."""

from __future__ import annotations

import ast
import difflib
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pages
import pytest
import transcript

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "reference/mistakes.md"
FOLDERS = {path.name: path for path in pages.DOCS.glob("mistakes/*")}
LINES = range(10, 41)
CHANGES = 12  # lines, the docstring's two included
STRICT = [sys.executable, "-I", "-X", "dev", "-W", "error"]
every_mistake = pytest.mark.parametrize("name", sorted(FOLDERS))
every_program = pytest.mark.parametrize(
    "program",
    [
        pytest.param(path, id=f"{name}-{path.stem}")
        for name, folder in sorted(FOLDERS.items())
        for path in sorted(folder.glob("*.py"))
    ],
)


def sections() -> list[str]:
    """Return the sections of the page."""
    text = (pages.DOCS / PAGE).read_text("utf-8")
    return re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]


def section_of(name: str) -> str:
    """Return the section about a mistake."""
    (found,) = (text for text in sections() if f"mistakes/{name}/" in text)
    return found


def transcripts_of(name: str) -> list[transcript.Transcript]:
    """Return the transcripts of a section."""
    return [
        transcript.parse(block.text)
        for block in pages.blocks_of(section_of(name))
        if block.name == "{transcript}"
    ]


def texts(run: transcript.Transcript) -> list[str]:
    """Return what a transcript shows, line by line."""
    return [line.text for _, line in run.lines()]


HANGS = [
    name
    for name in sorted(FOLDERS)
    for text in sections()
    if f"mistakes/{name}/" in text and "$ timeout " in text
]


def test_there_is_a_section_for_each() -> None:
    assert FOLDERS
    assert len(sections()) == len(FOLDERS)


@every_mistake
class TestMistake:
    def test_has_two_programs(self, name: str) -> None:
        names = {path.name for path in FOLDERS[name].iterdir()}
        assert names - {"__pycache__"} == {"broken.py", "fixed.py"}

    def test_both_are_shown(self, name: str) -> None:
        broken, fixed = (
            f"../mistakes/{name}/{file}" for file in ("broken.py", "fixed.py")
        )
        assert [
            (block.info, block.text.strip())
            for block in pages.blocks_of(section_of(name))
            if block.name == "{literalinclude}"
        ] == [
            (f"{{literalinclude}} {broken}", ":class: broken"),
            (f"{{literalinclude}} {fixed}", f":diff: {broken}"),
        ]

    def test_both_are_run(self, name: str) -> None:
        runs = transcripts_of(name)
        assert {run.folder for run in runs} == {f"mistakes/{name}"}
        commands = [
            "\n".join(
                line.text
                for _, line in run.lines()
                if line.kind is transcript.Kind.COMMAND
            )
            for run in runs
        ]
        assert ["python broken.py" in text for text in commands] == [
            True,
            False,
        ]
        assert ["python fixed.py" in text for text in commands] == [
            False,
            True,
        ]

    def test_the_runs_differ(self, name: str) -> None:
        broken, fixed = map(texts, transcripts_of(name))
        assert fixed != [text.replace("broken", "fixed") for text in broken]

    def test_is_explained_in_a_chapter(self, name: str) -> None:
        section = section_of(name)
        title = section.partition("\n")[0].removeprefix("## ").lower()
        here = re.sub(r"[^\w -]", "", title).replace(" ", "-")
        (chapter,) = re.findall(r"\]\(\.\./(tutorial/.+\.md)#.+\)", section)
        text = (pages.DOCS / chapter).read_text("utf-8")
        assert f"](../{PAGE}#{here})" in text

    def test_programs_differ_little(self, name: str) -> None:
        broken, fixed = (
            (FOLDERS[name] / file).read_text("utf-8").splitlines()
            for file in ("broken.py", "fixed.py")
        )
        changed = [
            line for line in difflib.ndiff(broken, fixed) if line[0] in "+-"
        ]
        assert 2 < len(changed) <= CHANGES

    def test_fixed_program_runs(self, name: str, tmp_path: Path) -> None:
        shutil.copy(FOLDERS[name] / "fixed.py", tmp_path)
        done = subprocess.run(
            [*STRICT, "fixed.py"],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert os.listdir(tmp_path) == ["fixed.py"]


@pytest.mark.parametrize("name", HANGS)
def test_a_hang_is_shown_to_begin(name: str) -> None:
    broken, fixed = map(texts, transcripts_of(name))
    assert broken[-2:] == ["echo $?", "124"]
    begun = broken[1:-2]
    assert begun
    assert begun == fixed[1 : len(begun) + 1] != fixed[1:]


@every_program
class TestProgram:
    def test_is_short(self, program: Path) -> None:
        assert len(program.read_text("utf-8").splitlines()) in LINES

    def test_says_whether_it_is_broken(self, program: Path) -> None:
        first = str(ast.get_docstring(ast.parse(program.read_text("utf-8"))))
        assert re.match(r"(Broken: )?[^\W_][^:]*\.", first)
        assert first.startswith("Broken: ") == (program.name == "broken.py")

    def test_imports_the_standard_library_only(self, program: Path) -> None:
        imports = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(program.read_text("utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [str(node.module)]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
        }
        assert imports <= sys.stdlib_module_names
