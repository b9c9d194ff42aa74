"""Calls that a signal interrupts."""

from __future__ import annotations

import contextlib
import importlib
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import strace
from peers import peer_of, send_to, taken_by
from programs import (
    PROGRAMS,
    RECEIVING,
    SENDING,
    Ended,
    Running,
    command_line,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
MILLISECOND = 0.001
# Those that one may repeat: not close(), nor connect(), which goes on.
CALLS = (
    "accept4,epoll_wait,poll,read,readv,recvfrom,recvmsg,select,pselect6,"
    "sendmsg,sendto,wait4,write,writev"
)

every_program = pytest.mark.parametrize("program", PROGRAMS)


def play(
    program: str, prepare: Callable[[], object], started: Callable[[int], None]
) -> Ended:
    """Run *program* after *prepare*, and give it the peer that it needs.

    :param started: called with the process id when the program was started
    """

    def run() -> None:
        prepare()
        module: Any = importlib.import_module(f"ipc_examples.{program}")
        sys.argv = [program, *arguments]
        sys.exit(module.main())

    with contextlib.ExitStack() as stack:
        if program in SENDING:
            peer, arguments = stack.enter_context(peer_of(program))
        else:
            line = command_line(program, COUNT="1").rpartition(" | ")[2]
            arguments = shlex.split(line)[2:]
        running = stack.enter_context(Running(run, stdin=b"one\ntwo\n"))
        started(running.pid)
        if program in SENDING:
            assert taken_by(peer)
        if program in RECEIVING:
            send_to(program, running.line(), b"one\0")
            assert running.line() == "-->one"
            if "_stream_" in program:
                assert running.line() == "Ending connection"
                running.signal(signal.SIGINT)
        return running.finish()


def assert_nothing_happened(program: str, ended: Ended) -> None:
    server = program in RECEIVING and "_stream_" in program
    assert (ended.status, ended.err) == (130 if server else 0, "")


@pytest.mark.fault("a timer's signal every millisecond")
@every_program
def test_timer(program: str) -> None:
    def start_timer() -> None:
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, MILLISECOND, MILLISECOND)

    ended = play(program, start_timer, lambda _: None)
    assert_nothing_happened(program, ended)


@pytest.mark.fault("every second call interrupted")
@every_program
def test_every_call(program: str) -> None:
    try:
        traced, *_ = strace.command()
    except strace.Unrecordable as reason:
        pytest.skip(str(reason))
    # What a child becomes by exec may not repeat its calls.
    follow = [] if "os.exec" in source(program) else ["-f"]
    with contextlib.ExitStack() as stack:

        def interrupt_calls(pid: int) -> None:
            os.waitpid(pid, os.WUNTRACED)  # it has stopped itself
            inject = f"inject={CALLS}:error=EINTR:when=1+2"
            command = [traced, *follow, "-o", "traced", "-e", inject]
            tracer = stack.enter_context(
                subprocess.Popen(
                    [*command, "-p", str(pid)], stderr=subprocess.PIPE
                )
            )
            assert tracer.stderr
            assert b"attached" in tracer.stderr.readline()
            os.kill(pid, signal.SIGCONT)

        def stop_oneself() -> None:
            os.kill(os.getpid(), signal.SIGSTOP)

        ended = play(program, stop_oneself, interrupt_calls)
    with open("traced") as log:
        assert "(INJECTED)" in log.read()
    os.unlink("traced")
    assert_nothing_happened(program, ended)
