"""Children from whom their parent hears nothing, or too little."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, NoReturn

from tests.harness.running import (
    RunningProgram,
    act_in_child,
    outliving_child,
)

if TYPE_CHECKING:
    from collections.abc import Callable

settimeout = socket.socket.settimeout


def connect_only(listener: socket.socket, *_: bytes) -> NoReturn:
    """Connect to the parent, and leave without a byte."""
    with socket.create_connection(listener.getsockname()):
        os._exit(0)


def tell_and_set(listener: socket.socket, seconds: float) -> None:
    """Print the limit of a wait for the child, and set it."""
    print(f"accept: {seconds} s", flush=True)
    settimeout(listener, seconds)


def reports_of_mistake(
    program: str, mistake: Callable[[], None]
) -> tuple[str, str]:
    """Return the lines of child and parent if the child makes a mistake.

    The parent has little patience, and goes on when the child has ended: or it
    might end before the child has come so far.
    """
    fork = outliving_child(act_in_child(mistake))
    replace = {"os.fork": fork, "TIMEOUT": 0.05}
    with RunningProgram(program, replace=replace) as running:
        status, out, err = running.finish()
    assert (status, out) == (1, "")
    child, parent = err.splitlines()
    return child, parent
