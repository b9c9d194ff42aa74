"""The promises of every program: found by globbing, never listed."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import io
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tokenize
from typing import TYPE_CHECKING

import pytest
from record import recorder

from tests.harness import recordings
from tests.harness.catalogue import (
    ECHO_SERVERS,
    FILES,
    FORKING,
    FRAMED,
    NOBODY,
    PROGRAMS,
    RECEIVERS,
    RELAYS,
    ROOT,
    SENDERS,
    SERVERS,
    STANDALONE,
    SUPERVISING,
    WITH_ARGUMENTS,
    command_line,
    documented_command,
    own_arguments,
    programs_named,
    source,
)
from tests.harness.fault_groups import FaultGroup
from tests.harness.peers import UDP_SENDERS, nobody_for
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    Status,
    assert_exit_report,
    outcome_of,
    wait_until_blocked,
)
from tests.harness.signal_injection.checkpoints import STOPPING

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
CODE_LINES = 90
COLUMNS = 79
NOT_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
STRICT = f"{sys.executable} -I -X dev -W error "

every_program = pytest.mark.parametrize("program", PROGRAMS)
with_arguments = pytest.mark.parametrize("program", WITH_ARGUMENTS)


def docstring(program: str) -> str:
    return ast.get_docstring(ast.parse(source(program)), clean=False) or ""


def imported_by(program: str) -> set[str]:
    """Return the top-level modules that *program* imports, "." if relative."""
    modules = set()
    for node in ast.walk(ast.parse(source(program))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(
                "." if node.level else (node.module or "").split(".")[0]
            )
    return modules


def code_lines(program: str) -> set[int]:
    """Return the lines that hold more than a comment or a docstring."""
    lines = {
        line
        for token in tokenize.generate_tokens(
            io.StringIO(source(program)).readline
        )
        if token.type not in NOT_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source(program))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return lines


class TestText:
    @every_program
    def test_begins_with_its_licence(self, program: str) -> None:
        first = source(program).partition("\n")[0]
        assert first == "# SPDX-License-Identifier: 0BSD"

    @every_program
    def test_docstring_begins_with_one_sentence(self, program: str) -> None:
        first, second, *_ = docstring(program).splitlines()
        assert re.fullmatch(r"[A-Z][^.]*(\.\w[^.]*)*\.", first)
        assert not second

    @every_program
    def test_docstring_says_how_to_run_it(self, program: str) -> None:
        assert command_line(program)

    @every_program
    def test_docstring_has_an_example_that_runs(self, program: str) -> None:
        code, output = ".. testcode::\n\n    ", ".. testoutput::\n\n    "
        assert code in docstring(program).partition(output)[0]
        assert output in docstring(program)

    @every_program
    def test_imports_the_standard_library_only(self, program: str) -> None:
        assert imported_by(program) <= sys.stdlib_module_names

    @pytest.mark.parametrize("program", FORKING)
    def test_child_leaves_whatever_happens(self, program: str) -> None:
        """Each fork has an ``os._exit`` in a ``finally``."""
        text = ast.unparse(ast.parse(source(program)))
        leaving = re.findall(r"finally:\n +os\._exit\(", text)
        assert len(leaving) == text.count("os.fork()")

    @every_program
    def test_hides_no_standard_module(self, program: str) -> None:
        assert program not in sys.stdlib_module_names

    @every_program
    def test_a_program_is_short(self, program: str) -> None:
        assert len(code_lines(program)) <= CODE_LINES

    @every_program
    def test_lines_fit_beside_the_sidebar(self, program: str) -> None:
        assert max(map(len, source(program).splitlines())) <= COLUMNS


class TestName:
    """What the tests find by what a program calls, its name says as well."""

    @pytest.mark.parametrize(
        ("endings", "found", "how"),
        [
            (("_receive", "_accept", "_select"), RECEIVERS, "print -->"),
            (("_echo",), ECHO_SERVERS, "bind, and not print -->"),
            (("_send", "_connect"), SENDERS, "connect or send, not bind"),
        ],
        ids=["receivers", "echo", "senders"],
    )
    def test_does_what_the_end_of_its_name_says(
        self, endings: tuple[str, ...], found: list[str], how: str
    ) -> None:
        if others := {*programs_named(*endings)} - {*found}:
            pytest.fail(
                f"{sorted(others)}: what ends in {' or '.join(endings)} has "
                f"to {how}; tests/harness/catalogue.py finds it by that",
                pytrace=False,
            )

    @pytest.mark.parametrize(
        "program", [p for p in SERVERS + SENDERS if p not in FRAMED]
    )
    def test_name_begins_with_family_and_type(self, program: str) -> None:
        family = "unix" if "socket.AF_UNIX" in source(program) else "inet"
        datagram = "socket.SOCK_DGRAM" in source(program)
        start = f"{family}_{'datagram' if datagram else 'stream'}_"
        if not program.startswith(start):
            pytest.fail(
                f"{program} needs a peer, or waits for one: let its name "
                f"begin with {start}",
                pytrace=False,
            )


class TestPlaces:
    """A program has a test, a page, and a transcript that is recorded."""

    @every_program
    def test_a_program_has_its_own_tests(self, program: str) -> None:
        test = f"tests/programs/test_{program}.py"
        if not (ROOT / test).exists():
            ask_for(f"{test} is missing: copy that of a program that is close")

    @every_program
    def test_a_page_includes_the_program(self, program: str) -> None:
        include = re.compile(
            rf"^```+\{{literalinclude\}} \S*ipc_examples/{program}\.py$",
            re.MULTILINE,
        )
        pages = (ROOT / "docs").rglob("*.md")
        if not any(include.search(page.read_text("utf-8")) for page in pages):
            ask_for(
                f"no page below docs includes ipc_examples/{program}.py, "
                "by literalinclude: write one, or a section of a chapter"
            )

    @every_program
    def test_a_program_has_a_recorded_transcript(self, program: str) -> None:
        names = recordings_of(program)
        if not names:
            ask_for(
                f"no {{transcript}} below docs runs ipc_examples.{program} "
                f"and has the option record: write :record: {program} into "
                f"one, and run nox -s record -- {program}"
            )
        runs = [recordings.load(name) for name in names]
        assert any(program in run.sources for run in runs)


def recordings_of(program: str) -> list[str]:
    """Return the names of the transcripts that run *program*, if recorded."""
    command = re.compile(rf"\bipc_examples\.{program}\b")
    return [
        name
        for name, (_, block) in recorder.recorded().items()
        if command.search(block.text)
    ]


def ask_for(what: str) -> None:
    """Fail, as something is missing."""
    pytest.fail(what, pytrace=False)


@every_program
def test_does_nothing_when_imported(program: str) -> None:
    numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}

    def load() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        names = runpy.run_path(str(FILES[program]), run_name=program)
        assert callable(names["main"])
        assert set(map(signal.getsignal, numbers)) == {signal.SIG_DFL}

    with RunningProgram(load) as running:
        assert running.finish() == (0, "", "")


@every_program
def test_main_returns_nothing(program: str) -> None:
    """So the guard may call it; what ends badly says so by sys.exit()."""
    main = importlib.import_module(f"ipc_examples.{program}").main
    assert inspect.get_annotations(main) == {"return": None}
    assert source(program).endswith(
        '\nif __name__ == "__main__":\n    main()\n'
    )


@every_program
def test_has_a_parser_only_for_arguments(program: str) -> None:
    words = documented_command(program).partition(f"{program}.py")[2]
    assert ("argparse" in imported_by(program)) is bool(words)


@with_arguments
def test_help_begins_with_the_usage(program: str) -> None:
    with RunningProgram(program, "--help") as running:
        ended = running.finish()
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"usage: {program}.py [-h]")


@pytest.mark.fault(FaultGroup.SIGNALS, "a signal while the arguments are read")
@pytest.mark.parametrize("number", STOPPING)
@with_arguments
def test_can_be_ended_before_it_begins(program: str, number: int) -> None:
    """It dies at once; or, if it binds a name, just after: it blocks them."""

    def interrupt(_: object) -> argparse.Namespace:
        signal.raise_signal(number)
        return argparse.Namespace(path="socket")

    replace = {"argparse.ArgumentParser.parse_args": interrupt}
    with RunningProgram(program, replace=replace) as running:
        assert running.finish() == (-number, "", "")
    assert not os.path.exists("socket")


@with_arguments
def test_refuses_too_many_arguments(program: str) -> None:
    with RunningProgram(program, *["more"] * 9) as running:
        ended = running.finish()
    name = re.escape(f"{program}.py")
    stderr = rf"usage: {name} \[-h\].*\n(  .*\n)*{name}: error: .*\n"
    assert_exit_report(ended, stderr, status=2, out="")


class TestCopiedAlone:
    """By the very command that the docstring gives, in strictest Python."""

    @pytest.fixture(autouse=True)
    def _copy(
        self, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copy(FILES[program], tmp_path)
        monkeypatch.chdir(tmp_path)

    def command(self, line: str) -> list[str]:
        strict = re.sub(r"\bpython ", STRICT, line)
        return ["sh", "-c", f"exec {strict}"]

    @pytest.mark.parametrize("program", STANDALONE)
    def test_a_copy_finishes(self, program: str) -> None:
        ended = outcome_of(
            self.command(command_line(program, **NOBODY)),
            name=program,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        assert (ended.status, ended.err) == (0, "")
        assert ended.out or program == "skeleton"  # which was given nothing
        assert os.listdir() == [f"{program}.py"]

    @pytest.mark.parametrize("program", SERVERS + RELAYS + SUPERVISING)
    def test_a_copy_is_ended_by_control_c(self, program: str) -> None:
        arguments = " ".join(own_arguments(program))
        with subprocess.Popen(
            self.command(f"python {program}.py {arguments}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            try:
                assert running.stdout
                assert running.stdout.readline()
                wait_until_blocked(running.pid)
                running.send_signal(signal.SIGINT)
                _, err = running.communicate(timeout=DEADLINE)
            finally:
                running.kill()
        assert (Status(running.returncode), err) == (-signal.SIGINT, "")
        assert os.listdir() == [f"{program}.py"]

    @pytest.mark.parametrize("program", SENDERS)
    def test_a_copy_reports_that_nobody_is_there(self, program: str) -> None:
        """Over UDP a sender is not told."""
        with nobody_for(program) as arguments:
            ended = outcome_of(
                self.command(f"python {program}.py {' '.join(arguments)}"),
                name=program,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        if program in UDP_SENDERS:
            assert ended == (0, "", "")
        else:
            assert_exit_report(ended, rf"{program}: .+\n", out="")
        assert os.listdir() == [f"{program}.py"]
