"""Calls that a signal interrupts."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import signal
import socket
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest
from record import strace_log

from tests.harness.catalogue import (
    COMPUTING,
    ECHO_SERVERS,
    FORKING,
    FORKING_SERVERS,
    PROGRAMS,
    RECEIVERS,
    RELAYS,
    SENDERS,
    SUPERVISING,
    calls_of,
    own_arguments,
    source,
)
from tests.harness.fault_groups import FaultGroup
from tests.harness.peers import (
    STREAM_CLIENTS,
    STREAM_SERVERS,
    UDP_SENDERS,
    client_of,
    framed,
    open_socket,
    peer_of,
    received_by,
    report_of,
)
from tests.harness.running import (
    DEADLINE,
    STDIN,
    ExitReport,
    RunningProgram,
    act_in_child,
    assert_exit_report,
    main_of,
    short_waits,
    wait_until_blocked,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
MILLISECOND = 0.001
TICKS = 3  # at least, during each call that waits
CHILDREN = 16  # at most, of one program
LONG = bytes(10_000_000)  # more than a connection holds
INJECTED = re.compile(r"(\w+)(?:\(| resumed>).*\(INJECTED\)")
# Those that the system can interrupt and Python makes again, by the names that
# programs give them. Left out are open(), which no signal interrupts unless
# the file is a FIFO or a terminal, and connect(), which goes on when it is
# interrupted: strace cannot feign that.
CALLS = {
    "accept": "accept4",
    "epoll.poll": "epoll_wait",
    "os.read": "read",
    "os.readv": "readv",
    "os.wait": "wait4",
    "os.waitpid": "wait4",
    "os.write": "write",
    "os.writev": "writev",
    "recv": "recvfrom",
    "recvfrom": "recvfrom",
    "recvmsg": "recvmsg",
    "select.select": "pselect6",
    "selector.select": "epoll_wait",
    "send": "sendto",
    "sendall": "sendto",
    "sendmsg": "sendmsg",
    "sendto": "sendto",
    "settimeout": "poll",
}
# They serve one peer after another until a signal ends them.
ENDLESS = STREAM_SERVERS + ECHO_SERVERS + RELAYS + SUPERVISING

every_program = pytest.mark.parametrize("program", PROGRAMS)


def waiting_of(program: str) -> set[str]:
    """Return the system calls by which a program waits or moves data."""
    called = calls_of(program)
    if program in FORKING_SERVERS:
        called -= {"os.waitpid"}  # for a child that has ended: with WNOHANG
    names = called | {call.rpartition(".")[2] for call in called}
    return {CALLS[name] for name in names & CALLS.keys()}


class Timer:
    """Interrupts a process every millisecond."""

    def __init__(self) -> None:
        self.ticks, self.clock = os.pipe()
        self.gate, self.keeper = os.pipe()  # at which children wait
        os.set_blocking(self.clock, False)

    def start(self) -> None:
        os.fork = act_in_child(lambda: os.read(self.gate, 1))
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.set_wakeup_fd(self.clock, warn_on_full_buffer=False)
        signal.setitimer(signal.ITIMER_REAL, MILLISECOND, MILLISECOND)

    def let_tick(self, running: RunningProgram) -> None:
        """Wait until the call in which a process waits was interrupted.

        :raises TimeoutError: its timer does not tick
        """
        if running.name not in COMPUTING:
            wait_until_blocked(running.pid)
        os.read(self.ticks, 65536)  # those that came before
        for _ in range(TICKS):
            if not select.select([self.ticks], [], [], DEADLINE)[0]:
                raise TimeoutError(
                    running.describe_processes("a tick of its timer")
                )
            os.read(self.ticks, 1)
        os.write(self.keeper, bytes(CHILDREN))

    def close(self) -> None:
        for descriptor in (self.ticks, self.clock, self.gate, self.keeper):
            os.close(descriptor)


def play(
    program: str,
    prepare: Callable[[], object],
    started: Callable[[int], object] = int,
    hold: Callable[[RunningProgram], object] | None = None,
) -> ExitReport:
    """Run *program* after *prepare*, and give it the peer that it needs.

    :param started: called with the process id when the program was started
    :param hold: called when the program waits for a peer or a child
    """

    def prepare_and_run() -> None:
        prepare()
        main_of(program, *arguments, **names)()

    with contextlib.ExitStack() as stack:
        names = short_waits(program)
        go_on: Callable[[], object] = bool
        if program in SENDERS:
            peer, arguments = stack.enter_context(peer_of(program))
            if hold and program not in UDP_SENDERS:
                names = {
                    "MESSAGE": LONG if program in STREAM_CLIENTS else b"one"
                }
                go_on = let_wait(program, peer, stack)
        else:
            arguments = own_arguments(program)
        running = RunningProgram(prepare_and_run, stdin=STDIN, name=program)
        stack.enter_context(running)
        started(running.pid)
        if (
            hold
            and program in SENDERS + FORKING
            and program not in UDP_SENDERS
        ):
            hold(running)
            go_on()
        if program in SENDERS:
            assert received_by(peer)
        if program in (*RECEIVERS, *ENDLESS):
            serve_a_peer(program, running, hold or bool)
        return running.finish()


def let_wait(
    sender: str, peer: socket.socket, stack: contextlib.ExitStack
) -> Callable[[], object]:
    """Let *sender* wait for *peer*; return what ends that.

    But not a connection in the UNIX domain: that waits to be read.
    """
    other = stack.enter_context(open_socket(sender))
    if sender in STREAM_CLIENTS:
        if sender.startswith("inet_"):
            fill_queue(peer, other)
            return partial(received_by, peer)
        return bool
    other.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            other.sendto(b"", peer.getsockname())
            sent += 1
    return lambda: [peer.recv(1) for _ in range(sent)]


def fill_queue(peer: socket.socket, other: socket.socket) -> None:
    """Let *peer* have room for one connection only, and that taken."""
    peer.listen(0)
    other.connect(peer.getsockname())
    other.shutdown(socket.SHUT_WR)


def serve_a_peer(
    program: str,
    running: RunningProgram,
    hold: Callable[[RunningProgram], object],
) -> None:
    """Give a program that waits for a peer one; end it if it is ENDLESS."""
    first_line = running.line()
    hold(running)
    if program in SUPERVISING:
        assert report_of(program, first_line)
    else:
        with client_of(program, first_line) as client:
            if program in STREAM_SERVERS + ECHO_SERVERS:
                hold(running)
            exchange(program, running, client)
    if program in STREAM_SERVERS:
        assert running.line() == "Ending connection"
    if program in ENDLESS:
        running.signal(signal.SIGINT)


def exchange(
    program: str, running: RunningProgram, client: socket.socket
) -> None:
    if program in RECEIVERS:
        client.sendall(b"one\0")
        assert running.line() == "-->one"
    elif program in RELAYS:
        client.send(b"one")
        assert running.line().startswith("request ")
    else:
        client.sendall(one := framed(program, b"one"))
        assert client.recv(100) == one


def assert_nothing_happened(program: str, ended: ExitReport) -> None:
    status = -signal.SIGINT if program in ENDLESS else 0
    assert (ended.status, ended.err) == (status, "")


@pytest.mark.fault(
    FaultGroup.INTERRUPTED_CALLS, "a timer's signal every millisecond"
)
@pytest.mark.parametrize(
    # Any signal with a handler would end a supervisor, and a loop has a
    # wakeup descriptor of its own.
    "program",
    [
        p
        for p in PROGRAMS
        if p not in SUPERVISING and "add_signal_handler" not in source(p)
    ],
)
def test_timer_interrupts_a_waiting_call(program: str) -> None:
    with contextlib.closing(Timer()) as timer:
        ended = play(program, timer.start, hold=timer.let_tick)
    assert_nothing_happened(program, ended)


def test_connecting_in_the_unix_domain() -> None:
    """What no program can withstand: Python takes it for connected.

    So none of them has a handler that returns.
    """
    program = "unix_stream_connect"
    with (
        contextlib.closing(Timer()) as timer,
        peer_of(program) as (peer, arguments),
        open_socket(program) as other,
    ):
        fill_queue(peer, other)

        def start_and_run() -> None:
            timer.start()
            main_of(program, *arguments)()

        with RunningProgram(start_and_run, name=program) as running:
            ended = running.finish()
    why = re.escape(os.strerror(errno.ENOTCONN))
    assert_exit_report(ended, rf"{program}: peer: .*{why}\n", out="")


@pytest.mark.fault(
    FaultGroup.INTERRUPTED_CALLS, "every second call interrupted"
)
@every_program
def test_every_call_may_be_interrupted(program: str) -> None:
    try:
        traced, *_ = strace_log.command()
    except strace_log.Unrecordable as reason:
        pytest.skip(str(reason))
    # What a child becomes by exec may not repeat its calls.
    command = [traced, "-f", "-b", "execve", "-o", "traced"]
    inject = f"inject={','.join({*CALLS.values()})}:error=EINTR:when=1+2"
    with contextlib.ExitStack() as stack:

        def interrupt_calls(pid: int) -> None:
            os.waitpid(pid, os.WUNTRACED)  # it has stopped itself
            tracer = stack.enter_context(
                subprocess.Popen(
                    [*command, "-e", inject, "-p", str(pid)],
                    stderr=subprocess.PIPE,
                )
            )
            assert tracer.stderr
            assert b"attached" in tracer.stderr.readline()
            os.kill(pid, signal.SIGCONT)

        def stop_oneself() -> None:
            os.kill(os.getpid(), signal.SIGSTOP)

        ended = play(program, stop_oneself, interrupt_calls)
    with open("traced") as log:
        injected = {*INJECTED.findall(log.read())}
    os.unlink("traced")
    if missed := waiting_of(program) - injected:
        pytest.fail(
            f"{program} was to be interrupted in {', '.join(sorted(missed))} "
            f"too, not only in {', '.join(sorted(injected)) or 'nothing'}: "
            "it did not call that, or by another system call (see CALLS)",
            pytrace=False,
        )
    assert_nothing_happened(program, ended)
