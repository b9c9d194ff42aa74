"""Runs a program and tells strace which of its lines is being executed.

``python trace_lines.py -m MODULE [ARGUMENT ...]`` or ``-c CODE``, as Python
itself. Each line of the program's own file is announced by a call that strace
sees and that does nothing: it asks for a file ``@line:12`` that is not there.
CODE may begin by ``import ipc_examples.PROGRAM as ...``, to change the program
before it runs: then these are the lines of PROGRAM.
What getaddrinfo() does depends on the machine, and what an import does on the
version of Python: that is between ``@quiet`` and ``@loud``.
"""

from __future__ import annotations

import contextlib
import importlib._bootstrap
import importlib.util
import os
import re
import socket
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType, FrameType

CHANGED = r"import (ipc_examples\.\w+) as "
Trace = Any  # a function that returns its like
FIND_ADDRESSES = socket.getaddrinfo


def tell_strace(text: str) -> None:
    with contextlib.suppress(OSError):
        os.stat(f"@{text}")


def tracer(file: str) -> Trace:
    def trace(frame: FrameType, event: str, _: object) -> Trace:
        if frame.f_code.co_filename != file:
            return None
        if event == "line":
            tell_strace(f"line:{frame.f_lineno}")
        elif event == "return" and (line := caller(frame, file)):
            tell_strace(f"line:{line}")
        return trace

    return trace


def caller(frame: FrameType, file: str) -> int | None:
    """Return the line of *file* at which the program goes on."""
    back = frame.f_back
    while back and back.f_code.co_filename != file:
        back = back.f_back
    return back.f_lineno if back else None


def profile(frame: FrameType, event: str, function: object) -> None:
    importing = importlib._bootstrap._find_and_load.__code__  # type: ignore[attr-defined]
    found = socket._socket.getaddrinfo  # type: ignore[attr-defined]
    if function is found or (
        frame.f_code is importing and event in ("call", "return")
    ):
        tell_strace("quiet" if event.endswith("call") else "loud")


def find_ipv4(*arguments: Any, **named: Any) -> list[Any]:  # noqa: ANN401
    """Find the addresses of a host that has none of IPv6, if it may be so.

    Whether localhost is ::1 as well depends on the machine.
    """
    found = FIND_ADDRESSES(*arguments, **named)
    return [each for each in found if each[0] == socket.AF_INET] or found


def load(option: str, program: str) -> tuple[CodeType, str]:
    """Return the program's code and the name of its file."""
    if option == "-c":
        return compile(program, "<string>", "exec", dont_inherit=True), "-c"
    spec = importlib.util.find_spec(program)
    assert spec
    assert spec.origin
    with open(spec.origin) as file:
        text = file.read()
    return compile(text, spec.origin, "exec", dont_inherit=True), spec.origin


def main() -> None:
    _, option, program, *arguments = sys.argv
    code, file = load(option, program)
    sys.argv[:] = [file, *arguments]
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__file__ = file
    socket.getaddrinfo = find_ipv4
    sys.setprofile(profile)
    changed = re.match(CHANGED, program) if option == "-c" else None
    traced = load("-m", changed[1])[1] if changed else code.co_filename
    sys.settrace(tracer(traced))
    exec(code, module.__dict__)  # noqa: S102 - that is what it is for


if __name__ == "__main__":
    main()
