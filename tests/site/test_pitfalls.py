"""Each classic mistake has a program that makes it, and one that does not."""

from __future__ import annotations

import ast
import contextlib
import difflib
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ipcdocs.transcript import syntax
from tests.harness import markdown_blocks, run_and_report

PAGE = "reference/mistakes.md"
FOLDERS = {path.name: path for path in markdown_blocks.DOCS.glob("pitfalls/*")}
LINES = range(10, 41)
CHANGES = 12  # lines, the docstring's two included
STRICT = [sys.executable, "-I", "-X", "dev", "-W", "error"]
every_pitfall = pytest.mark.parametrize("name", sorted(FOLDERS))
PROGRAMS = sorted(markdown_blocks.DOCS.glob("pitfalls/*/*.py"))
RUN_AND_REPORT = Path(run_and_report.__file__)
DEADLINE = 30  # seconds
# A program that a shell has started in the background would ignore ^C.
INTERRUPTIBLE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def for_each(programs: list[Path]) -> pytest.MarkDecorator:
    """Return a mark that runs a test for each of some programs."""
    names = [f"{path.parent.name}-{path.stem}" for path in programs]
    return pytest.mark.parametrize("program", programs, ids=names)


def sections() -> list[str]:
    """Return the sections of the page."""
    text = (markdown_blocks.DOCS / PAGE).read_text("utf-8")
    return re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]


def section_of(name: str) -> str:
    """Return the section about a mistake."""
    (found,) = (text for text in sections() if f"pitfalls/{name}/" in text)
    return found


def transcripts_of(name: str) -> list[syntax.Transcript]:
    """Return the transcripts of a section."""
    return [
        syntax.parse(block.text)
        for block in markdown_blocks.blocks_of(section_of(name))
        if block.name == "{transcript}"
    ]


def lines_shown(run: syntax.Transcript) -> list[str]:
    """Return the lines that a transcript shows."""
    return [line.text for _, line in run.lines()]


HANGING_PITFALLS = [
    name
    for name in sorted(FOLDERS)
    for text in sections()
    if f"pitfalls/{name}/" in text and "$ timeout " in text
]
HANGING_PROGRAMS = [FOLDERS[name] / "broken.py" for name in HANGING_PITFALLS]


def test_there_is_a_section_for_each() -> None:
    assert FOLDERS
    assert len(sections()) == len(FOLDERS)


@every_pitfall
class TestPitfall:
    def test_a_pitfall_has_two_programs(self, name: str) -> None:
        names = {path.name for path in FOLDERS[name].iterdir()}
        assert names - {"__pycache__"} == {"broken.py", "fixed.py"}

    def test_both_programs_are_shown(self, name: str) -> None:
        broken, fixed = (
            f"../pitfalls/{name}/{file}" for file in ("broken.py", "fixed.py")
        )
        assert [
            (block.info, block.text.strip())
            for block in markdown_blocks.blocks_of(section_of(name))
            if block.name == "{literalinclude}"
        ] == [
            (f"{{literalinclude}} {broken}", ":class: broken"),
            (f"{{literalinclude}} {fixed}", f":diff: {broken}"),
        ]

    def test_both_programs_are_run(self, name: str) -> None:
        runs = transcripts_of(name)
        assert {run.folder for run in runs} == {f"pitfalls/{name}"}
        commands = [
            "\n".join(
                line.text
                for _, line in run.lines()
                if line.kind is syntax.Kind.COMMAND
            )
            for run in runs
        ]
        assert "python broken.py" in commands[0]
        assert ["python fixed.py" in text for text in commands] == [
            False,
            True,
        ]

    def test_the_runs_differ(self, name: str) -> None:
        broken, fixed = map(lines_shown, transcripts_of(name))
        assert fixed != [text.replace("broken", "fixed") for text in broken]

    def test_is_explained_in_a_chapter(self, name: str) -> None:
        section = section_of(name)
        title = section.partition("\n")[0].removeprefix("## ").lower()
        here = re.sub(r"[^\w -]", "", title).replace(" ", "-")
        (chapter,) = re.findall(
            r"\]\(\.\./((?:tutorial|advanced)/.+\.md)#.+\)", section
        )
        text = (markdown_blocks.DOCS / chapter).read_text("utf-8")
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


def run(
    *command: str | Path, folder: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal; errors go where the output goes."""
    return subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=DEADLINE,
    )


def fixed_lines(name: str) -> set[int]:
    """Return the numbers of the lines that only a fixed program has."""
    broken, fixed = (
        (FOLDERS[name] / file).read_text("utf-8").splitlines()
        for file in ("broken.py", "fixed.py")
    )
    matcher = difflib.SequenceMatcher(None, broken, fixed, autojunk=False)
    return {
        number
        for kind, _, _, begin, end in matcher.get_opcodes()
        if kind != "equal"
        for number in range(begin + 1, end + 1)
    }


def run_and_report_on(
    program: str, folder: Path
) -> tuple[str, dict[str, object], list[int]]:
    """Run a program; return its output, what it has left, and lines not run.

    Of its children only those are told that did not end with the status 0.
    """
    done = run(*STRICT, RUN_AND_REPORT, "report", program, folder=folder)
    assert "Warning" not in done.stdout
    assert (done.returncode != 0) == ("Traceback" in done.stdout)
    left = ast.literal_eval((folder / "report").read_text())
    left["children"] = sorted({*left["children"]} - {0})
    left["files"] = sorted({*os.listdir(folder)} - {program, "report"})
    missed: list[int] = left.pop("missed")
    return done.stdout, left, missed


def shown_output_of(program: Path) -> tuple[list[str], syntax.Transcript]:
    """Return the output that the page shows first of a program, and where."""
    shown = next(
        each
        for each in transcripts_of(program.parent.name)
        if any(
            f"python {program.name}" in line.text for _, line in each.lines()
        )
    )
    lines = [line for _, line in shown.lines()]
    output = itertools.takewhile(
        lambda line: line.kind is syntax.Kind.OUTPUT, lines[1:]
    )
    return [line.text for line in output], shown


def compare(program: Path, output: str) -> None:
    """Compare an output with what the page shows of the program."""
    expected, shown = shown_output_of(program)
    lines = output.splitlines()
    if next(shown.lines())[1].text.endswith("| tail -1"):
        del lines[:-1]
    for i, (line, sample) in enumerate(zip(lines, expected, strict=False)):
        parts = shown.split(sample)
        parts[::2] = map(re.escape, parts[::2])
        parts[1::2] = [shown.varying[part] for part in parts[1::2]]
        if re.fullmatch("".join(parts), line):
            lines[i] = sample
    assert lines == expected, output


NOTHING: dict[str, object] = {
    "descriptors": [],
    "children": [],
    "forgotten": 0,
    "files": [],
}
# What the page says that a program leaves, or how its children end.
LEAVES: dict[str, dict[str, object]] = {
    "blocked_child/broken.py": {"children": [-signal.SIGKILL]},
    "blocked_child/fixed.py": {"children": [-signal.SIGTERM]},
    "one_wait/broken.py": {"forgotten": 2},
    "stolen_status/broken.py": {"children": [7]},
    "stolen_status/fixed.py": {"children": [7]},
    "broken_pipe_at_exit/broken.py": {"children": [120]},
    "broken_pipe_at_exit/fixed.py": {"children": [1]},
    "closed_by_exec/broken.py": {"children": [1]},
    "ignored_sigpipe/broken.py": {"children": [1]},
    "ignored_sigpipe/fixed.py": {"children": [-signal.SIGPIPE]},
    "open_in_parent/fixed.py": {"children": [-signal.SIGTERM]},
    "silent_client/fixed.py": {"children": [-signal.SIGTERM]},
    "stale_socket/broken.py": {"files": ["socket"]},
    "zombie/broken.py": {"forgotten": 3},
}


def leaves_of(program: Path) -> dict[str, object]:
    """Return the words of the page on what a program leaves."""
    return LEAVES.get(f"{program.parent.name}/{program.name}", {})


@pytest.mark.slow
@for_each([path for path in PROGRAMS if path not in HANGING_PROGRAMS])
def test_without_a_terminal_its_fixed_lines_run_and_nothing_is_left(
    program: Path, tmp_path: Path
) -> None:
    shutil.copy(program, tmp_path)
    broken = program.with_name("broken.py")
    if program != broken and leaves_of(broken).get("files"):
        run(sys.executable, broken, folder=tmp_path)
    output, left, missed = run_and_report_on(program.name, tmp_path)
    compare(program, output)
    assert left == NOTHING | leaves_of(program)
    if program.stem == "fixed":
        assert not fixed_lines(program.parent.name) & {*missed}, "not run"


@pytest.mark.slow
@for_each(HANGING_PROGRAMS)
def test_a_hang_ends_by_one_signal_and_leaves_nothing(
    program: Path, tmp_path: Path
) -> None:
    """Whoever else lives on has the output open, so its end does not come."""
    shutil.copy(program, tmp_path)
    begun, _ = shown_output_of(program)
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *STRICT, program.name],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    ) as hanging:
        assert hanging.stdout
        try:
            for line in begun:
                assert hanging.stdout.readline() == f"{line}\n"
            hanging.send_signal(signal.SIGINT)
            rest, _ = hanging.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"after ^C {program} or a child of it lives on")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(hanging.pid, signal.SIGKILL)
    assert rest.endswith("KeyboardInterrupt\n")
    assert "Warning" not in rest


# Without what the page says to be the cause, nothing hangs.
CAUSES = {
    "both_read_first": (
        "answer = ours.recv(1024)",
        'answer = b"none"',
        "who goes there?\nb'none'\n",
    ),
    "deaf_peer": (
        "peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)",
        "peer.close()",
        "waiting\n",
    ),
    "no_time_limit": (
        'client.sendall(b"who goes there?")',
        'peer = server.accept()[0]; peer.sendall(b"a friend"); peer.close()',
        "asked\nb'a friend'\n",
    ),
    "open_in_parent": (
        "os.wait()",
        "connection.close(); os.wait()",
        "b'onward'\nb''\n",
    ),
    "silent_client": (
        'print("asked"',
        'silent.close(); print("asked"',
        "asked\nb'who goes there?'\n",
    ),
    "two_full_pipes": (
        "100_000",
        "10",
        "writing 110 bytes\n110 of 110 bytes came back\n",
    ),
    "unclosed_end": (
        "while ",
        "os.dup2(reader, writer)\nwhile ",
        "b'Bright star'\nthe end\n",
    ),
}


@pytest.mark.slow
@for_each(HANGING_PROGRAMS)
def test_a_hang_has_no_other_cause(program: Path, tmp_path: Path) -> None:
    cause, other, output = CAUSES[program.parent.name]
    text = program.read_text("utf-8")
    assert text.count(cause) == 1
    (tmp_path / "other.py").write_text(text.replace(cause, other), "utf-8")
    leaves = leaves_of(program.with_name("fixed.py"))
    shown, left, _ = run_and_report_on("other.py", tmp_path)
    assert (shown, left) == (output, NOTHING | leaves)


RESET = "socket.SOL_SOCKET, socket.SO_LINGER, bytes([1]) + bytes(7)"
# A change to a fixed program's surroundings, and what it shows then.
OTHER_RUNS = {
    "silent_client": (
        'print("asked"',
        f'silent.setsockopt({RESET}); silent.close(); print("asked"',
        "asked\nb'who goes there?'\n",
    ),
    "str_for_bytes": (".decode()", "", "received as sent: False\n"),
    "trusted_pickle": (
        "pickle.dumps(Order())",
        "b'{\"order\": 600}'",
        "received {'order': 600}\n",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OTHER_RUNS))
def test_a_fixed_program_does_what_the_page_says_of_it(
    name: str, tmp_path: Path
) -> None:
    found, other, output = OTHER_RUNS[name]
    text = (FOLDERS[name] / "fixed.py").read_text("utf-8")
    assert text.count(found) == 1
    (tmp_path / "other.py").write_text(text.replace(found, other), "utf-8")
    done = run(*STRICT, "other.py", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, output)


@pytest.mark.slow
def test_a_name_in_use_is_not_removed(tmp_path: Path) -> None:
    program = FOLDERS["stale_socket"] / "fixed.py"
    name = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as live:
        live.bind(name)
        done = run(*STRICT, program, folder=tmp_path)
        assert done.stdout.endswith("[Errno 98] Address already in use\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"still there", name)
        assert live.recv(1024) == b"still there"
    (tmp_path / "socket").unlink()
    (tmp_path / "socket").write_text("a file")
    done = run(*STRICT, program, folder=tmp_path)
    assert done.stdout.endswith("[Errno 98] Address already in use\n")
    assert (tmp_path / "socket").read_text() == "a file"


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["broken", "fixed"])
def test_a_child_that_cannot_become_another_program_leaves(
    stem: str, tmp_path: Path
) -> None:
    program = FOLDERS["ignored_sigpipe"] / f"{stem}.py"
    shutil.copy(program, tmp_path)
    nowhere = {"PATH": str(tmp_path)}  # there is no program yes
    done = run(*STRICT, program.name, folder=tmp_path, env=nowhere)
    assert done.stdout == "b''\nyes ended with 127\n"


@pytest.mark.parametrize("name", HANGING_PITFALLS)
def test_a_hang_is_shown_to_begin(name: str) -> None:
    broken, fixed = map(lines_shown, transcripts_of(name))
    assert broken[-2:] == ["echo $?", "124"]
    begun = broken[1:-2]
    assert begun
    assert begun == fixed[1 : len(begun) + 1] != fixed[1:]


@for_each(PROGRAMS)
class TestProgram:
    def test_a_pitfalls_program_is_short(self, program: Path) -> None:
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
