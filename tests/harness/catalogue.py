"""Finds the programs, and sorts them by what they call: no list is kept.

=================  =========================================================
FORKING            have children
EXECUTING          run other programs
HANDLING           handle a signal that could end them
WITH_ARGUMENTS     have a command line to parse
BINDING, REACHING  have a name of their own; call or send to another's
SERVING            wait for a peer: they bind and do not reach
RECEIVING          of these, those that show what a peer sends
ECHOING            of these, those that send it back
SENDING            need a peer that waits: they reach and do not bind
FINISHING          need nobody: they talk to themselves, or to children
=================  =========================================================
"""

from __future__ import annotations

import ast
import functools
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = {file.stem: file for file in ROOT.glob("ipc_examples/[!_]*.py")}
PROGRAMS = sorted(FILES)


def programs_named(*endings: str, start: str = "") -> list[str]:
    """Return the programs whose names begin and end so."""
    return [p for p in PROGRAMS if p.startswith(start) and p.endswith(endings)]


def source(program: str) -> str:
    return FILES[program].read_text("utf-8")


@functools.cache
def calls_of(program: str) -> frozenset[str]:
    """Return the calls of *program*: "print", "os.fork", "listener.bind"."""
    return frozenset(
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(source(program)))
        if isinstance(node, ast.Call)
    )


def programs_calling(*names: str) -> list[str]:
    """Return the programs that make one of these calls, on any object."""
    return [
        p
        for p in PROGRAMS
        if any(call.split(".")[-1] in names for call in calls_of(p))
    ]


def handles_signals(program: str) -> bool:
    """Return True if *program* installs a handler for what can end it."""
    others = {"signal.SIGCHLD", "signal.SIGURG"}
    default = {"signal.SIG_DFL", "signal.SIG_IGN"}
    found = False
    for node in ast.walk(ast.parse(source(program))):
        if isinstance(node, ast.Call) and len(node.args) == 2:
            called, number, handler = map(ast.unparse, (node.func, *node.args))
            if called == "signal.signal" and number not in others:
                found |= handler not in default
    return found


FORKING = programs_calling("fork")
EXECUTING = programs_calling("execvp")
HANDLING = [p for p in PROGRAMS if handles_signals(p)]
WITH_ARGUMENTS = programs_calling("add_argument")
# Some talk to themselves, or to their children.
BINDING = programs_calling("bind", "create_server")
REACHING = programs_calling("connect", "create_connection", "sendto")
SERVING = [p for p in BINDING if p not in REACHING]  # wait for a peer
RECEIVING = [p for p in SERVING if "-->" in source(p)]  # show what it sends
ECHOING = [p for p in SERVING if p not in RECEIVING]  # send it back
SENDING = [p for p in REACHING if p not in BINDING]  # need one that waits
FINISHING = [p for p in PROGRAMS if p not in SERVING + SENDING]


def documented_command(program: str) -> str:
    """Return the line of its docstring that says how to run *program*."""
    line = re.search(
        rf"^    (.*\bpython {program}\.py\b.*)$", source(program), re.MULTILINE
    )
    assert line, f"{program}'s docstring does not say how to run it"
    return line[1]


def command_line(program: str, **values: str) -> str:
    """Return the command line of *program*, as its docstring gives it.

    A value takes the place of the word NAME or [NAME]; any other [NAME] is
    left out.
    """
    command = documented_command(program)
    for name, value in values.items():
        command = re.sub(rf"\[{name}\]|\b{name}\b", value, command)
    return re.sub(r" \[[A-Z]+\]", "", command)


def own_arguments(program: str) -> list[str]:
    """Return arguments for a program that needs no peer, or waits for one."""
    line = command_line(program, COUNT="1").rpartition(" | ")[2]
    return shlex.split(line)[2:]
