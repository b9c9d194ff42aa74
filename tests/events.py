"""What can happen to a program's processes when they make a call."""

from __future__ import annotations

import builtins
import contextlib
import errno
import functools
import os
import selectors
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from programs import FORKING, calls_of, die, source

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, LAST = 3, 299  # the descriptors that a process may lose
# Calls that a signal may interrupt; all but one may fail.
CALLS = {
    *("accept", "bind", "connect", "create_connection", "create_server"),
    *("execvp", "fork", "getaddrinfo", "listen", "open", "pipe", "print"),
    *("read", "recv", "recvfrom", "recvmsg", "select", "send", "sendall"),
    *("sendmsg", "sendto", "socketpair", "waitpid", "write"),
}


class Event(NamedTuple):
    """What happens to one of a program's processes when it makes a call."""

    call: str = ""
    what: str = ""
    to_child: bool = False


def events_of(program: str, *, child: bool) -> Iterator[Event]:
    """Yield what a whole run, and every line of it, takes."""
    yield Event()
    yield Event(what="is used wrongly")
    if program in FORKING:
        yield Event("os.fork", "loses all descriptors", to_child=True)
        yield Event("os.fork", "is killed", to_child=True)
    for call in sorted(calls_of(program)):
        if call.rpartition(".")[2] not in CALLS or not hasattr(
            *owner_of(call)
        ):
            continue
        yield Event(call, "is interrupted", child)
        if call != "os.waitpid" and not (call == "os.fork" and child):
            yield Event(call, "fails", child)
        if "BlockingIOError" in source(program):
            yield Event(call, "has to wait", child)


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
            act(due.pop())
        return result if after_fork else call(*arguments, **named)

    setattr(owner, name, call_after)
    try:
        yield
    finally:
        due.clear()  # or it would happen to the test, which prints as well


def act(what: str) -> None:
    if what == "fails":
        raise OSError(errno.EIO, "It fails")
    if what == "has to wait":
        raise BlockingIOError(errno.EAGAIN, "It has to wait")
    if what == "is interrupted":
        os.kill(os.getpid(), signal.SIGINT)
    elif what == "loses all descriptors":
        os.closerange(FIRST, LAST + 1)
    elif what == "is killed":  # when it has done its work
        os._exit = lambda _: die()  # type: ignore[assignment,return-value]
