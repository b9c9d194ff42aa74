"""What every test of a program needs."""

from __future__ import annotations

import os
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGURG)


@pytest.fixture(autouse=True)
def _same_signals() -> Iterator[None]:
    """Undo what a program called in this process does to signals."""
    handlers = {number: signal.getsignal(number) for number in NUMBERS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@pytest.fixture
def empty_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Change to an empty directory; at the end it must be empty again."""
    with tempfile.TemporaryDirectory(prefix="ipc-") as directory:
        monkeypatch.chdir(directory)
        yield
        left = os.listdir(directory)
        monkeypatch.undo()
        assert not left
