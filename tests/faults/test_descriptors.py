"""Descriptors: closed, useless or many."""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import re
import resource
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.catalogue import (
    ECHO_SERVERS,
    EXECUTING,
    FILES,
    FORKING,
    PROGRAMS,
    RECEIVERS,
    RELAYS,
    SENDERS,
    SERVERS,
    STANDALONE,
    SUPERVISING,
    own_arguments,
)
from tests.harness.fault_groups import FaultGroup
from tests.harness.peers import (
    DATAGRAM_RECEIVERS,
    client_of,
    framed,
    message_of,
    open_socket,
    peer_of,
    received_by,
    report_of,
    send_to,
    stop_server,
)
from tests.harness.running import (
    STDIN,
    ExitReport,
    RunningProgram,
    assert_exit_report,
    assert_idle,
    main_of,
    outcome_of,
    short_waits,
)
from tests.harness.signal_injection.checkpoints import next_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
STREAMS = ("stdin", "stdout", "stderr")
SELECT_LIMIT = 1024
ENDLESS = SERVERS + RELAYS + SUPERVISING

fault = pytest.mark.fault


@contextlib.contextmanager
def command_of(program: str) -> Iterator[list[str]]:
    """Yield a program's file and its arguments, for one run.

    A sender that ended well must have delivered what it sends.
    """
    file = str(FILES[program])
    if program in SENDERS:
        with peer_of(program) as (peer, arguments):
            yield [file, *arguments]
            assert received_by(peer) == message_of(program)
    else:
        yield [file, *own_arguments(program)]


def run(command: list[str]) -> None:
    program = Path(command[0]).stem
    if names := short_waits(program):
        main_of(program, *command[1:], **names)()
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")


def any_stderr_of(program: str) -> str:
    """Return a pattern for the errors of a program: a line each process."""
    others = "|printf|wc" if program == "pipeline" else ""
    return rf"(({program}{others}): .*\n)*"


def close(number: int) -> None:
    """Close a standard stream, as Python finds it closed at its start."""
    os.close(number)
    setattr(sys, STREAMS[number], None)


@functools.cache
def usual_output(program: str) -> str:
    with command_of(program) as command:
        action = functools.partial(run, command)
        with RunningProgram(action, stdin=STDIN, name=program) as running:
            status, out, err = running.finish()
    assert (status, err) == (0, "")
    return without_times(out)


def speak_and_be_left(program: str, address: str | tuple[str, int]) -> None:
    """Say one thing to a receiver; see that a server ends the connection."""
    with open_socket(program) as peer:
        peer.connect(address)
        peer.sendall(one := framed(program, b"one"))
        if program in ECHO_SERVERS:
            assert peer.recv(100) == one
        if program not in DATAGRAM_RECEIVERS:
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(1) == b""


def without_times(output: str) -> str:
    """Return it without what was measured: 12.5, or a number in a column."""
    return re.sub(r" *\d+\.\d| {3,}\d+$", "", output, flags=re.MULTILINE)


@pytest.mark.parametrize("number", range(3), ids=STREAMS)
class TestClosedAtStart:
    @fault(
        FaultGroup.STANDARD_STREAMS,
        "standard input, output or error closed at start",
    )
    @pytest.mark.parametrize("program", STANDALONE + SENDERS)
    def test_finishes_with_a_stream_closed(
        self, program: str, number: int
    ) -> None:
        def start() -> None:
            close(number)
            run(command)

        with (
            command_of(program) as command,
            RunningProgram(start, stdin=STDIN, name=program) as running,
        ):
            ended = running.finish()
        if ended.err and number < 2:  # it cannot do without
            stderr = rf"({program}|wc): .*Bad file descriptor\n"
            assert_exit_report(ended, stderr, out="")
        else:
            usual = "" if number == 1 else usual_output(program)
            ended = ended._replace(out=without_times(ended.out))
            assert ended == (0, usual, "")

    @fault(
        FaultGroup.STANDARD_STREAMS,
        "standard input, output or error closed at start",
    )
    @pytest.mark.parametrize("program", SERVERS)
    def test_waits_for_a_peer_with_a_stream_closed(
        self, program: str, number: int
    ) -> None:
        ready, bound = os.pipe()
        bind = socket.socket.bind

        def bind_and_tell(receiver: socket.socket, address: object) -> None:
            bind(receiver, address)  # type: ignore[arg-type]
            os.write(bound, f"{receiver.getsockname()!r}\n".encode())

        def start() -> None:
            close(number)
            run(command)

        replace = {"socket.socket.bind": bind_and_tell}
        with (
            command_of(program) as command,
            RunningProgram(start, replace=replace, name=program) as running,
            open(ready, "rb", 0) as notice,
        ):
            os.close(bound)
            address = ast.literal_eval(notice.readline().decode())
            peers = 1 if program in DATAGRAM_RECEIVERS else 2
            for _ in range(peers):
                assert_idle(running.pid)
                speak_and_be_left(program, address)
            once = program in DATAGRAM_RECEIVERS
            status, out, err = (
                running.finish() if once else running.interrupt()
            )
        assert (status, err) == (0 if once else -signal.SIGINT, "")
        shows = number != 1 and program in RECEIVERS
        assert out.count("-->one\n") == (peers if shows else 0)


@pytest.mark.parametrize("program", STANDALONE + ENDLESS)
class TestUselessOutput:
    """Each program says so itself, whatever Python may add at its end.

    A child may be the one that says it; then its parent says that it failed.
    """

    # Python itself adds a note when it cannot write the rest at the end.
    NOTE = r"(Exception ignored.*\n(OSError|BrokenPipeError): .*\n)?"

    def ended(
        self, program: str, stdout: int, *, sigpipe_ignored: bool = False
    ) -> ExitReport:
        """Return the exit report of *program*."""
        with command_of(program) as command:
            return outcome_of(
                [sys.executable, "-I", *command],
                name=program,
                input=STDIN.decode(),
                stdout=stdout,
                stderr=subprocess.PIPE,
                restore_signals=not sigpipe_ignored,
            )

    def assert_reports_output_error(
        self, program: str, ended: ExitReport, why: str
    ) -> None:
        """See that *program* says *why* it could not write."""
        own = rf"{program}: \[{why}\n"
        if program in ENDLESS:
            own = rf"{program}: standard output: \[{why}\n"
        if program in FORKING:
            child = rf"{program}: child: .*\n"
            number, text = why.removeprefix("Errno ").split(r"\] ")
            of_child = rf"{program}: child: \w+\({number}, '{text}'\)\n"
            own = rf"(({child})?{own}|{of_child}{program}: .*\n)"
        # It is 120 if Python could not write the rest at the end.
        assert_exit_report(
            ended,
            own + self.NOTE,
            status=120 if "Exception ignored" in ended.err else 1,
        )

    @pytest.mark.skipif(
        not os.path.exists("/dev/full"), reason="needs /dev/full"
    )
    @fault(FaultGroup.STANDARD_STREAMS, "output to a full device")
    def test_reports_output_to_a_full_device(self, program: str) -> None:
        with open("/dev/full", "wb") as full:
            ended = self.ended(program, full.fileno())
        if program in EXECUTING:  # its second program says it
            assert_exit_report(ended, r"wc: .+\n")
        else:
            why = r"Errno 28\] No space left on device"
            self.assert_reports_output_error(program, ended, why)

    @fault(FaultGroup.STANDARD_STREAMS, "output that nobody reads any more")
    @fault(FaultGroup.STANDARD_STREAMS, "SIGPIPE at its default, and ignored")
    @pytest.mark.parametrize("ignored", [False, True])
    def test_reports_output_to_a_closed_pipe(
        self, program: str, *, ignored: bool
    ) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as closed:
            ended = self.ended(
                program, closed.fileno(), sigpipe_ignored=ignored
            )
        if program in EXECUTING:  # its second program ends as in a shell
            assert ended == (128 + signal.SIGPIPE, "", "")
        else:
            why = r"Errno 32\] Broken pipe"
            self.assert_reports_output_error(program, ended, why)


def run_with_few(few: int, main: Callable[[], object]) -> None:
    """Run a program that may open a *few* more at a time."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = next_descriptor() + few
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, limit[1]))
    try:
        main()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


@fault(FaultGroup.DESCRIPTORS, "no free descriptor, early or late")
@pytest.mark.parametrize("program", STANDALONE)
def test_reports_that_no_descriptor_is_free(
    program: str, record_property: Callable[[str, object], None]
) -> None:
    untidy = program == "round_trips"  # it leaves closing to the end
    left = 0
    with command_of(program) as (_, *arguments):
        main = main_of(program, *arguments, **short_waits(program))
        for few in range(10):
            action = functools.partial(run_with_few, few, main)
            with RunningProgram(action, stdin=STDIN, name=program) as running:
                ended = running.finish()
            if untidy:
                err, found = re.subn(r"left open: .*\n", "", ended.err)
                ended = ended._replace(err=err)
                left += found
            if ended.status == 0:
                assert ended.err == ""
                break
            assert_exit_report(
                ended, f"(?!$){any_stderr_of(program)}", status=ended.status
            )
        else:
            pytest.fail("it never had enough")
    if untidy:
        assert left
        record_property("instead", "skeleton")


@fault(FaultGroup.DESCRIPTORS, "descriptors beyond 1023")
@pytest.mark.parametrize("program", PROGRAMS)
def test_works_with_descriptors_beyond_1023(program: str) -> None:
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
        RunningProgram(start, stdin=STDIN, name=program) as running,
    ):
        if program in ECHO_SERVERS:
            with client_of(program, running.line()) as client:
                client.sendall(one := framed(program, b"one"))
                assert client.recv(100) == one
            assert running.interrupt() == (-signal.SIGINT, "", "")
            return
        if program in SUPERVISING:
            assert report_of(program, running.line())
            assert running.interrupt().status == -signal.SIGINT
            return
        if program in RECEIVERS:
            first = running.line()
            send_to(program, first, b"one")
            assert running.line() == "-->one"
            stop_server(program, running, first)
            return
        if program in RELAYS:
            with client_of(program, running.line()) as client:
                client.send(b"one")
                assert running.line().startswith("request ")
            assert running.interrupt().err == ""
            return
        ended = running.finish()
    if ended.err:
        told_it = rf"{program}: filedescriptor out of range in select\(\)\n"
        assert_exit_report(
            ended, rf"({program}: child: .*\n)?{told_it}", out=""
        )
    else:
        assert (ended.status, bool(ended.out)) == (0, program not in SENDERS)
