"""Where, by its source, a signal may cost a program some tidiness."""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING

from programs import FORKING, source

if TYPE_CHECKING:
    from collections.abc import Iterator

# They let signals wait, so that nothing is left behind.
UNDISTURBED = [p for p in FORKING if "SIG_UNBLOCK" in source(p)]


@functools.cache
def unguarded(program: str) -> set[int]:
    """Return at which lines a signal may leave something to the system.

    Where something is open, or a child is there, that is not yet in the care
    of a ``with`` or ``try``; and where it is just being closed.
    """
    lines: set[int] = set()
    if program in UNDISTURBED:
        return lines
    for node in ast.walk(ast.parse(source(program))):
        if isinstance(node, ast.With | ast.Try):
            lines |= {*range(node.lineno, node.body[0].lineno)}
        if isinstance(node, ast.Try):
            for last in node.finalbody:
                lines |= {*range(last.lineno, (last.end_lineno or 0) + 1)}
        if isinstance(node, ast.FunctionDef):
            text = ast.unparse(node)
            if "os.close(" in text or ".detach()" in text:  # bare numbers
                lines |= {*range(node.lineno, (node.end_lineno or 0) + 1)}
            lines |= {*after_fork(node)}
    return lines


def after_fork(function: ast.FunctionDef) -> Iterator[int]:
    """Yield the lines from a fork to the ``try`` or wait that comes next.

    Between them may be what the child does, and a handler.
    """
    forked = False
    for statement in statements_of(function):
        text = ast.unparse(statement)
        if forked:
            guard = isinstance(statement, ast.Try) or "os.waitpid(" in text
            last = statement.lineno if guard else statement.end_lineno or 0
            yield from range(statement.lineno, last + 1)
            forked = isinstance(statement, ast.If) or "signal.signal(" in text
            forked &= not guard
        elif isinstance(statement, ast.Assign) and "os.fork()" in text:
            forked = True


def statements_of(block: ast.FunctionDef | ast.With) -> Iterator[ast.stmt]:
    for statement in block.body:
        yield statement
        if isinstance(statement, ast.With):
            yield from statements_of(statement)
