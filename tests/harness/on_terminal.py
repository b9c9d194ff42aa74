"""Starts a command on a pseudo-terminal, at the price of an exec.

pexpect's own spawn() forks in Python, and a fork of a worker copies the page
tables of every test: that takes fifteen times as long.
"""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import termios
from typing import TYPE_CHECKING

from pexpect import fdpexpect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SHELL = shutil.which("dash") or "/bin/sh"
ROWS = 24
# The first terminal that the leader of a session opens controls the session.
START = ': <"$0"; ulimit -S -c 0; exec "$@"'


class OnTerminal:
    """A command on a terminal of its own, which controls it.

    :param command: its words
    :param modes: local modes of the terminal, and whether they are on
    :param columns: of the terminal
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: str | Path,
        env: Mapping[str, str],
        modes: Mapping[int, bool],
        columns: int = 80,
    ) -> None:
        screen, terminal = pty.openpty()
        set_up(terminal, modes, columns)
        try:
            with as_at_login():
                self.process = subprocess.Popen(
                    [SHELL, "-c", START, os.ttyname(terminal), *command],
                    stdin=terminal,
                    stdout=terminal,
                    stderr=terminal,
                    cwd=cwd,
                    env=env,
                    start_new_session=True,
                )
        except BaseException:
            os.close(screen)
            raise
        finally:
            os.close(terminal)
        self.screen: fdpexpect.fdspawn[str] = fdpexpect.fdspawn(
            screen, encoding="utf-8", codec_errors="backslashreplace"
        )

    def end(self) -> None:
        """Kill the command, if it still runs, and close its terminal."""
        self.process.kill()
        self.process.wait()
        self.screen.close()


def set_up(terminal: int, modes: Mapping[int, bool], columns: int) -> None:
    """Give a terminal its size and its modes."""
    attributes = termios.tcgetattr(terminal)
    for mode, on in modes.items():
        attributes[3] = attributes[3] | mode if on else attributes[3] & ~mode
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    termios.tcsetwinsize(terminal, (ROWS, columns))


@contextlib.contextmanager
def as_at_login() -> Iterator[None]:
    """Let what is started meanwhile ignore no signal, and block none.

    nohup and a shell's `&` start us with some ignored. Exec gives a signal
    with a handler its default action.
    """
    mask = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    ignored = [
        number
        for number in signal.valid_signals()
        if signal.getsignal(number) == signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
