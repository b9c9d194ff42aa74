"""Datagrams: loss, floods and silence."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import socket
import struct
import sys

import pytest

from tests.harness.catalogue import PROGRAMS, source
from tests.harness.fault_groups import FaultGroup
from tests.harness.peers import (
    DATAGRAM_RECEIVERS,
    address_in,
    client_of,
    open_socket,
)
from tests.harness.running import (
    RunningProgram,
    assert_exit_report,
    short_timeouts,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
REPEATING_REQUESTS = [
    p for p in PROGRAMS if "recvfrom(" in source(p) and "TRIES" in source(p)
]
BURST = 20_000
# A classic BPF program, see bpf(4) and the kernel's networking/filter.rst:
# drop a packet if a random number is below a share of 2**32, else take it.
LOAD_RANDOM, IF_AT_LEAST, RETURN = 0x20, 0x35, 0x06
RANDOM = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM
SO_ATTACH_FILTER = 26

every_receiver = pytest.mark.parametrize("program", DATAGRAM_RECEIVERS)
every_requester = pytest.mark.parametrize("program", REPEATING_REQUESTS)
fault = pytest.mark.fault
needs_bpf = pytest.mark.skipif(
    sys.platform != "linux", reason="socket filters are Linux's"
)


def lossy(percent: int) -> dict[str, object]:
    """Return a replacement: a bound socket loses a share of what comes."""
    bind = socket.socket.bind
    share = min(percent * 2**32 // 100, 2**32 - 1)
    code = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (LOAD_RANDOM, 0, 0, RANDOM),
            (IF_AT_LEAST, 0, 1, share),
            (RETURN, 0, 0, 0xFFFFFFFF if percent < 100 else 0),
            (RETURN, 0, 0, 0),
        )
    )

    def bind_and_filter(bound: socket.socket, address: object) -> None:
        bind(bound, address)  # type: ignore[arg-type]
        room = ctypes.create_string_buffer(code)
        filters = struct.pack("HL", 4, ctypes.addressof(room))
        bound.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filters)

    return {"socket.socket.bind": bind_and_filter}


class TestReceivers:
    @fault(FaultGroup.DATAGRAMS, "a burst that overflows the receive buffer")
    @every_receiver
    def test_takes_the_first_of_a_burst(self, program: str) -> None:
        with (
            RunningProgram(program) as running,
            contextlib.ExitStack() as stack,
        ):
            client = stack.enter_context(client_of(program, running.line()))
            os.kill(running.pid, signal.SIGSTOP)
            os.waitpid(running.pid, os.WUNTRACED)
            client.setblocking(False)
            # The Internet domain drops what is too much, the other refuses.
            with contextlib.suppress(BlockingIOError):
                for number in range(BURST):
                    client.send(str(number).encode())
            os.kill(running.pid, signal.SIGCONT)
            assert running.finish() == (0, "-->0\n", "")

    @needs_bpf
    @fault(FaultGroup.DATAGRAMS, "the loss of 30 % of the datagrams")
    @every_receiver
    def test_survives_the_loss_of_some_datagrams(self, program: str) -> None:
        with RunningProgram(program, replace=lossy(30)) as running:
            with client_of(program, running.line()) as client:
                client.setblocking(False)
                with contextlib.suppress(OSError):  # it has had enough
                    for _ in range(100):
                        client.send(b"calm")
            assert running.finish() == (0, "-->calm\n", "")

    @needs_bpf
    @fault(FaultGroup.DATAGRAMS, "the loss of all datagrams")
    @every_receiver
    def test_waits_through_the_loss_of_all_datagrams(
        self, program: str
    ) -> None:
        with RunningProgram(program, replace=lossy(100)) as running:
            with client_of(program, running.line()) as client:
                for _ in range(100):
                    with contextlib.suppress(OSError):  # UNIX domain: told
                        client.send(b"lost")
            assert running.interrupt() == (-signal.SIGINT, "", "")

    @fault(FaultGroup.DATAGRAMS, "a sender without a name")
    @every_receiver
    def test_shows_what_an_unnamed_sender_sends(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            with open_socket(program) as sender:
                sender.sendto(b"calm", address_in(first))
                unix = sender.family == socket.AF_UNIX
                assert not (unix and sender.getsockname())
            assert running.finish() == (0, "-->calm\n", "")


class TestAsking:
    @needs_bpf
    @fault(FaultGroup.DATAGRAMS, "the loss of 30 % of the datagrams")
    @every_requester
    def test_asking_despite_loss_of_some(self, program: str) -> None:
        replace = lossy(30) | short_timeouts(program) | {"TRIES": 200}
        with RunningProgram(program, replace=replace) as running:
            status, out, err = running.finish()
        assert (status, err) == (0, "")
        assert re.search(r"-->(Half a league onward|b'1\.5 leagues')\n$", out)

    @needs_bpf
    @fault(FaultGroup.DATAGRAMS, "the loss of all datagrams")
    @every_requester
    def test_asking_despite_loss_of_all(self, program: str) -> None:
        replace = lossy(100) | short_timeouts(program) | {"TRIES": 2}
        with RunningProgram(program, replace=replace) as running:
            ended = running.finish()
        # The child, too, may find that its time is up.
        assert_exit_report(
            ended,
            rf"({program}: child: .*timed out.*\n)?"
            rf"{program}: no answer to 2 (requests|tries)\n",
        )
