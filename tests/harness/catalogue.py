"""Finds the programs, and sorts them by what they call: no list is kept.

================  ==========================================================
FORKING           have children
NOT_COLLECTING    of these, those that leave a child's end to the system
EXECUTING         run other programs
HANDLING_SIGNALS  handle a signal that could end them, or block it
WITH_ARGUMENTS    have a command line to parse
CALLING_BIND      have a name of their own
CALLING_CONNECT   connect, or send, to another's
SERVERS           wait for a peer: they bind and do not connect
RECEIVERS         of these, those that show what a peer sends
ECHO_SERVERS      of these, those that send it back
FORKING_SERVERS   servers that have children, and do not end by themselves
FEW_AT_ONCE       of these, those with as many children as clients at once
FRAMED            of these, those whose messages have their length in front
SELECTING         of the servers, those that wait for many peers at once
COMPUTING         work on while they wait: a signal tells them of input
SUPERVISING       wait for a peer too, but have a protocol of their own: they
                  start a command, and tell how it fares
SENDERS           need a peer that waits: they connect and do not bind
RELAYS            need a peer that waits, and wait for one: they bind, and
                  their arguments say to whom they send
STANDALONE        need nobody: they talk to themselves, or to children
MAKING_FILES      make a name in the file system: a socket's, a FIFO's
================  ==========================================================
"""

from __future__ import annotations

import ast
import functools
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOBODY = {"HOST": "127.0.0.1", "PORT": "1"}  # for a program's command line
FILES = {file.stem: file for file in ROOT.glob("ipc_examples/[!_]*.py")}
PROGRAMS = sorted(FILES)


def programs_named(*endings: str, start: str = "") -> list[str]:
    """Return the programs whose names begin and end so."""
    return [p for p in PROGRAMS if p.startswith(start) and p.endswith(endings)]


def source(program: str) -> str:
    return FILES[program].read_text("utf-8")


@functools.cache
def nodes_of(text: str) -> tuple[ast.AST, ...]:
    """Return all of the syntax tree of a program's source."""
    return tuple(ast.walk(ast.parse(text)))


@functools.cache
def calls_of(program: str) -> frozenset[str]:
    """Return the calls of *program*: "print", "os.fork", "listener.bind"."""
    return frozenset(
        ast.unparse(node.func)
        for node in nodes_of(source(program))
        if isinstance(node, ast.Call)
    )


@functools.cache
def names_called_by(program: str) -> frozenset[str]:
    """Return the same without the objects: "print", "fork", "bind"."""
    return frozenset(call.split(".")[-1] for call in calls_of(program))


def programs_calling(*names: str) -> list[str]:
    """Return the programs that make one of these calls, on any object."""
    return [p for p in PROGRAMS if not names_called_by(p).isdisjoint(names)]


def blocks_signals(program: str) -> bool:
    """Return True if *program* blocks signals, and names one that ends it."""
    text = source(program)
    ending = re.search(r"signal\.SIG(?:TERM|HUP|QUIT)\b", text)
    return "signal.SIG_BLOCK" in text and ending is not None


def handles_signals(program: str) -> bool:
    """Return True if *program* installs a handler for what can end it."""
    others = {"signal.SIGCHLD", "signal.SIGIO", "signal.SIGURG"}
    default = {"signal.SIG_DFL", "signal.SIG_IGN"}
    text = source(program)
    found = blocks_signals(program) or ".add_signal_handler(" in text
    for node in nodes_of(text):
        match node:
            case ast.Call(ast.Attribute(attr="signal"), [number, handler]):
                found |= (
                    ast.unparse(number) not in others
                    and ast.unparse(handler) not in default
                )
    return found


FORKING = programs_calling("fork")
NOT_COLLECTING = [
    p for p in FORKING if "signal.SIGCHLD, signal.SIG_IGN" in source(p)
]
EXECUTING = programs_calling("execvp")
HANDLING_SIGNALS = [p for p in PROGRAMS if handles_signals(p)]
WITH_ARGUMENTS = programs_calling("add_argument")
# Some talk to themselves, or to their children.
CALLING_BIND = programs_calling("bind", "create_server")
CALLING_CONNECT = programs_calling("connect", "create_connection", "sendto")
SUPERVISING = [p for p in programs_calling("Popen") if p in CALLING_BIND]
SERVERS = [p for p in CALLING_BIND if p not in CALLING_CONNECT + SUPERVISING]
RECEIVERS = [p for p in SERVERS if "-->" in source(p)]
ECHO_SERVERS = [p for p in SERVERS if p not in RECEIVERS]
FORKING_SERVERS = [p for p in FORKING if p in SERVERS]
FEW_AT_ONCE = [
    p
    for p in FORKING_SERVERS
    if re.search(r"^CHILDREN = \d\b", source(p), re.MULTILINE)
]
FRAMED = [p for p in ECHO_SERVERS if "class Reader" in source(p)]
SELECTING = [p for p in programs_calling("DefaultSelector") if p in SERVERS]
COMPUTING = [p for p in PROGRAMS if "os.O_ASYNC" in source(p)]
SENDERS = [p for p in CALLING_CONNECT if p not in CALLING_BIND]
MAKING_FILES = [p for p in SERVERS if "socket.AF_UNIX" in source(p)]
MAKING_FILES += programs_calling("mkfifo")


def documented_command(program: str) -> str:
    """Return the line of its docstring that says how to run *program*."""
    line = re.search(
        rf"^    (.*\bpython {program}\.py\b.*)$", source(program), re.MULTILINE
    )
    assert line, f"{program}'s docstring does not say how to run it"
    return line[1]


RELAYS = [
    p
    for p in CALLING_BIND
    if p in CALLING_CONNECT
    and re.search(r" HOST PORT(?! \[PORT)", documented_command(p))
]
NEEDING_A_PEER = SERVERS + SENDERS + RELAYS + SUPERVISING
STANDALONE = [p for p in PROGRAMS if p not in NEEDING_A_PEER]


def command_line(program: str, **values: str) -> str:
    """Return the command line of *program*, as its docstring gives it.

    A value takes the place of the word NAME or [NAME]; any other [NAME] is
    left out, and so is any [NAME ...].
    """
    command = re.sub(r" \[\w+ \.\.\.\]", "", documented_command(program))
    for name, value in values.items():
        command = re.sub(rf"\[{name}\]|\b{name}\b", value, command)
    return re.sub(r" \[[A-Z]+\]", "", command)


def own_arguments(program: str) -> list[str]:
    """Return arguments for a program that needs no peer, or waits for one.

    One that tries several ports finds nobody at one, and so does a relay.
    """
    values = {"COUNT": "1"}
    if "PORT ...]" in documented_command(program) or program in RELAYS:
        values |= NOBODY
    line = command_line(program, **values).rpartition(" | ")[2]
    return shlex.split(line)[2:]
