"""What can go wrong in a run of a program: one thing, at one of its calls."""

from __future__ import annotations

import builtins
import contextlib
import errno
import functools
import itertools
import os
import selectors
import signal
import socket
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.harness.catalogue import (
    EXECUTING,
    FEW_AT_ONCE,
    FORKING,
    HANDLING_SIGNALS,
    WITH_ARGUMENTS,
    calls_of,
    source,
)
from tests.harness.running import kill_self

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, LAST = 3, 299  # the descriptors that a process may lose
# Calls that a signal may interrupt; all but one may fail. Builtins, and those
# of os, selectors, signal and socket: test_signal_injection.py looks there.
CALLS = {
    *("accept", "bind", "connect", "create_connection", "create_server"),
    *("execvp", "fork", "getaddrinfo", "listen", "open", "pipe", "print"),
    *("read", "recv", "recvfrom", "recvmsg", "select", "send", "sendall"),
    *("sendmsg", "sendto", "sigwait", "socketpair", "waitpid", "write"),
}
# Whose methods are replaced: for all of the kind.
KINDS: dict[object, str] = {
    selectors.DefaultSelector: "selector",
    socket.socket: "socket",
}


class Fault(StrEnum):
    """What goes wrong, in the words of a message: a call, a child, it ..."""

    NONE = ""
    BAD_ARGUMENTS = "is given wrong arguments"
    CLOSE_ALL_DESCRIPTORS = "loses all its descriptors"
    FAIL = "fails once"
    FIND_NOTHING = "finds nothing ready once"
    INTERRUPT = "is interrupted by SIGTERM"
    KILL_CHILD = "is killed once its work is done"
    WOULD_BLOCK = "would block once"


class Scenario(NamedTuple):
    """A run in which a fault happens when one of the processes calls."""

    call: str = ""
    fault: Fault = Fault.NONE
    in_child: bool = False

    def __str__(self) -> str:
        if self.fault in {Fault.KILL_CHILD, Fault.CLOSE_ALL_DESCRIPTORS}:
            return f"each child {self.fault}"
        if self.call:
            owner, name = owner_of(self.call)
            kind = KINDS.get(owner)
            call = f"{name}() of any {kind}" if kind else f"{self.call}()"
            where = "a child" if self.in_child else "the first process"
            return f"{call} in {where} {self.fault}"
        return f"it {self.fault}" if self.fault else "nothing else happens"


BASELINE = Scenario()


def scenarios_of(program: str) -> Iterator[Scenario]:
    """Yield the scenarios that together reach every line of *program*."""
    yield BASELINE
    if program in WITH_ARGUMENTS:
        yield Scenario(fault=Fault.BAD_ARGUMENTS)
    if program in FORKING and program not in FEW_AT_ONCE:
        # All children of a server would fail, and the next, without an end.
        for fault in (Fault.CLOSE_ALL_DESCRIPTORS, Fault.KILL_CHILD):
            yield Scenario("os.fork", fault, in_child=True)
    sides = (False, True) if program in FORKING else (False,)
    for call, in_child in itertools.product(replaceable_calls(program), sides):
        for fault in faults_of(program, call, in_child=in_child):
            yield Scenario(call, fault, in_child)


def replaceable_calls(program: str) -> list[str]:
    """Return the calls that may fail, each once however it is spelled."""
    found: dict[object, str] = {}
    for call in sorted(calls_of(program)):
        owner, name = owner_of(call)
        if name in CALLS and hasattr(owner, name):
            found.setdefault((owner, name), call)
    return [*found.values()]


def faults_of(program: str, call: str, *, in_child: bool) -> Iterator[Fault]:
    """Yield the faults that may happen at a call of *program*."""
    if program in HANDLING_SIGNALS + EXECUTING:
        yield Fault.INTERRUPT
    if owner_of(call) == (selectors.DefaultSelector, "select"):
        yield Fault.FIND_NOTHING
    if call in {"os.waitpid", "signal.sigwait"}:
        return  # a test that made them fail would leave children
    if call == "os.fork" and in_child:
        return
    # A server replaces the child that cannot accept: the next one could not.
    if not (program in FEW_AT_ONCE and in_child and call.endswith(".accept")):
        yield Fault.FAIL
    if "BlockingIOError" in source(program):
        yield Fault.WOULD_BLOCK


def owner_of(call: str) -> tuple[Any, str]:
    """Return the object in which a program finds a call, and its name."""
    owner, _, name = call.rpartition(".")
    if not owner:
        return builtins, name
    if owner in sys.modules:
        return sys.modules[owner], name
    if name == "select":
        return selectors.DefaultSelector, name
    return socket.socket, name


@contextlib.contextmanager
def arranged(scenario: Scenario) -> Iterator[None]:
    """Let the fault happen when this process, or a child, makes the call."""
    owner, name = owner_of(scenario.call or "print")
    call = getattr(owner, name)
    parent, due = os.getpid(), [scenario.fault] if scenario.call else []

    @functools.wraps(call)
    def call_after(*arguments: object, **named: object) -> object:
        after_fork = name == "fork" and scenario.in_child
        result = call(*arguments, **named) if after_fork else None
        if due and (os.getpid() != parent) is scenario.in_child:
            if due == [Fault.FIND_NOTHING]:
                due.clear()
                return []
            cause(due.pop())
        return result if after_fork else call(*arguments, **named)

    setattr(owner, name, call_after)
    try:
        yield
    finally:
        due.clear()  # or it would happen to the test, which prints as well


def cause(fault: Fault) -> None:
    """Let a fault happen to this process, in the middle of a call.

    :raises OSError: if the fault is that the call fails
    :raises BlockingIOError: if it is that the call would block
    """
    match fault:
        case Fault.FAIL:
            raise OSError(errno.EIO, "It fails")
        case Fault.WOULD_BLOCK:
            raise BlockingIOError(errno.EAGAIN, "It would block")
        case Fault.INTERRUPT:
            os.kill(os.getpid(), signal.SIGTERM)
        case Fault.CLOSE_ALL_DESCRIPTORS:
            os.closerange(FIRST, LAST + 1)
        case Fault.KILL_CHILD:
            os._exit = lambda _: kill_self()  # type: ignore[assignment,return-value]
