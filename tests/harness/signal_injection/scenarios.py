"""What can happen to a program's processes when they make a call."""

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
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.harness.programs import (
    EXECUTING,
    FORKING,
    HANDLING,
    WITH_ARGUMENTS,
    calls_of,
    die,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, LAST = 3, 299  # the descriptors that a process may lose
# Calls that a signal may interrupt; all but one may fail.
CALLS = {
    *("accept", "bind", "connect", "create_connection", "create_server"),
    *("execvp", "fork", "getaddrinfo", "listen", "open", "pipe", "print"),
    *("read", "recv", "recvfrom", "recvmsg", "select", "send", "sendall"),
    *("sendmsg", "sendto", "sigwait", "socketpair", "waitpid", "write"),
}
FAILS = "fails once"
FINDS_NOTHING = "finds nothing ready once"
INTERRUPTED = "is interrupted by SIGTERM"
KILLED = "is killed once its work is done"
LOSES_ALL = "loses all its descriptors"
WOULD_BLOCK = "would block once"
WRONGLY_USED = "is given wrong arguments"


class Event(NamedTuple):
    """What happens to one of a program's processes when it makes a call."""

    call: str = ""
    what: str = ""
    to_child: bool = False

    def __str__(self) -> str:
        if self.what in {KILLED, LOSES_ALL}:
            return f"each child {self.what}"
        if self.call:
            whose = " in a child" if self.to_child else ""
            return f"{self.call}(){whose} {self.what}"
        return f"it {self.what}" if self.what else "nothing else happens"


def events_of(program: str, *, child: bool) -> Iterator[Event]:
    """Yield what a whole run, and every line of it, takes."""
    yield Event()
    if program in WITH_ARGUMENTS:
        yield Event(what=WRONGLY_USED)
    if program in FORKING:
        yield Event("os.fork", LOSES_ALL, to_child=True)
        yield Event("os.fork", KILLED, to_child=True)
    sides = {child, True} if program in FORKING else {False}
    for call, to_child in itertools.product(
        sorted(calls_of(program)), sorted(sides)
    ):
        if call.rpartition(".")[2] not in CALLS or not hasattr(
            *owner_of(call)
        ):
            continue
        if program in HANDLING + EXECUTING:
            yield Event(call, INTERRUPTED, to_child)
        if owner_of(call) == (selectors.DefaultSelector, "select"):
            yield Event(call, FINDS_NOTHING, to_child)
        if call in {"os.waitpid", "signal.sigwait"}:
            continue  # a test that made them fail would leave children
        if not (call == "os.fork" and to_child):
            yield Event(call, FAILS, to_child)
        if "BlockingIOError" in source(program):
            yield Event(call, WOULD_BLOCK, to_child)


def owner_of(call: str) -> tuple[Any, str]:
    """Return where a program finds what it calls, and its name there."""
    owner, _, name = call.rpartition(".")
    if not owner:
        return builtins, name
    if owner in sys.modules:
        return sys.modules[owner], name
    if name == "select":
        return selectors.DefaultSelector, name
    return socket.socket, name


@contextlib.contextmanager
def prepared(event: Event) -> Iterator[None]:
    """Let *event* happen when this process, or a child, makes its call."""
    owner, name = owner_of(event.call or "print")
    call = getattr(owner, name)
    parent, due = os.getpid(), [event.what] if event.call else []

    @functools.wraps(call)
    def call_after(*arguments: object, **named: object) -> object:
        after_fork = name == "fork" and event.to_child
        result = call(*arguments, **named) if after_fork else None
        if due and (os.getpid() != parent) is event.to_child:
            if due == [FINDS_NOTHING]:
                due.clear()
                return []
            act(due.pop())
        return result if after_fork else call(*arguments, **named)

    setattr(owner, name, call_after)
    try:
        yield
    finally:
        due.clear()  # or it would happen to the test, which prints as well


def act(what: str) -> None:
    if what == FAILS:
        raise OSError(errno.EIO, "It fails")
    if what == WOULD_BLOCK:
        raise BlockingIOError(errno.EAGAIN, "It would block")
    if what == INTERRUPTED:
        os.kill(os.getpid(), signal.SIGTERM)
    elif what == LOSES_ALL:
        os.closerange(FIRST, LAST + 1)
    elif what == KILLED:
        os._exit = lambda _: die()  # type: ignore[assignment,return-value]
