"""Descriptors: closed, useless or many."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import runpy
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from peers import peer_of
from programs import (
    DEADLINE,
    FILES,
    FINISHING,
    PROGRAMS,
    RECEIVING,
    SENDING,
    Running,
    command_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
STREAMS = ("stdin", "stdout", "stderr")
STDIN = b"one\ntwo\nthree\n"
SELECT_LIMIT = 1024

fault = pytest.mark.fault


@contextlib.contextmanager
def command_of(program: str) -> Iterator[list[str]]:
    """Yield a program's file and its arguments, for one run."""
    file = str(FILES[program])
    if program in SENDING:
        with peer_of(program) as (_, arguments):
            yield [file, *arguments]
    else:
        line = command_line(program, COUNT="1").rpartition(" | ")[2]
        yield [file, *shlex.split(line)[2:]]


def run(command: list[str]) -> None:
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")


def told(program: str) -> str:
    """Return what a program may say of a fault: one line each process."""
    others = "|printf|wc" if program == "pipeline" else ""
    return rf"(({program}{others}): .*\n)*"


@pytest.mark.parametrize("number", range(3), ids=STREAMS)
class TestClosedAtStart:
    @fault("standard input, output or error closed at start")
    @pytest.mark.parametrize("program", FINISHING + SENDING)
    def test_finishes(self, program: str, number: int) -> None:
        def start() -> None:
            os.close(number)
            setattr(sys, STREAMS[number], None)
            run(command)

        with (
            command_of(program) as command,
            Running(start, stdin=STDIN) as running,
        ):
            status, out, err = running.finish()
        assert re.fullmatch(told(program), err)
        assert err or status == 0
        assert out or err or program in SENDING or number == 1

    @fault("standard input, output or error closed at start")
    @pytest.mark.parametrize("program", RECEIVING)
    def test_waits_for_a_peer(self, program: str, number: int) -> None:
        ready, begun = os.pipe()

        def start() -> None:
            os.close(number)
            setattr(sys, STREAMS[number], None)
            install = signal.signal

            def install_and_tell(*handler: object) -> object:
                before = install(*handler)  # type: ignore[arg-type]
                os.write(begun, b".")
                return before

            signal.signal = install_and_tell  # type: ignore[assignment]
            run(command)

        with (
            command_of(program) as command,
            Running(start) as running,
            open(ready, "rb", 0) as notice,
        ):
            os.close(begun)
            assert notice.read(1)
            status, _, err = running.interrupt()
        assert (status, err) == (130, "")


@pytest.mark.parametrize("program", FINISHING + RECEIVING)
class TestUselessOutput:
    # Python itself adds a note when it cannot write the rest at the end.
    NOTE = r"(Exception ignored.*\n(OSError|BrokenPipeError): .*\n)?"

    def told_to(self, program: str, stdout: int) -> str:
        with command_of(program) as command:
            ended = subprocess.run(
                [sys.executable, "-I", *command],
                input=STDIN,
                stdout=stdout,
                stderr=subprocess.PIPE,
                timeout=DEADLINE,
                check=False,
            )
        assert ended.returncode in (1, 120)
        error = ended.stderr.decode()
        assert re.fullmatch(rf"{told(program)}{self.NOTE}", error)
        return error

    @pytest.mark.skipif(
        not os.path.exists("/dev/full"), reason="needs /dev/full"
    )
    @fault("output to a full device")
    def test_full_device(self, program: str) -> None:
        with open("/dev/full", "wb") as full:
            error = self.told_to(program, full.fileno())
        assert "No space left" in error or error == "wc: write error\n"

    @fault("output that nobody reads any more")
    def test_closed_pipe(self, program: str) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as closed:
            if program == "pipeline":  # SIGPIPE ends its second program
                with command_of(program) as command:
                    ended = subprocess.run(
                        [sys.executable, *command], stdout=closed, check=False
                    )
                assert ended.returncode == 128 + signal.SIGPIPE
            else:
                error = self.told_to(program, closed.fileno())
                assert "Broken pipe" in error


@fault("descriptors beyond 1023")
@pytest.mark.parametrize("program", PROGRAMS)
def test_many_descriptors(program: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < 2 * SELECT_LIMIT:
        pytest.skip(f"this process may have {hard} descriptors only")

    def start() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * SELECT_LIMIT, hard))
        fill = [os.dup(0) for _ in range(SELECT_LIMIT)]
        try:
            run(command)
        finally:
            for descriptor in fill:
                os.close(descriptor)

    with (
        command_of(program) as command,
        Running(start, stdin=STDIN) as running,
    ):
        if program in RECEIVING:
            running.line()
            assert running.interrupt() == (130, "", "")
            return
        status, out, err = running.finish()
    if err:
        assert (status, out) == (1, "")
        assert re.fullmatch(told(program), err)
        assert "filedescriptor out of range in select()" in err
    else:
        assert (status, bool(out)) == (0, program not in SENDING)
