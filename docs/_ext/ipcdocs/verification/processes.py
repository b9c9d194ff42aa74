# SPDX-License-Identifier: 0BSD
"""Works on several things at a time, each in a process of its own.

A process may die of what it does, or never be done with it. The standard
library's pools then give up everything, and do not tell which piece it was.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Tell = Callable[[object], None]
    Work = Callable[[str, Tell], None]

LIMIT = 300.0  # seconds; a process that takes longer will never be done
FORK = get_context("fork")


class Worker:
    """A process that works on one thing, and tells how far it is."""

    def __init__(self, work: Work, name: str) -> None:
        """Start it.

        :param work: a function of a name and of another function, which sends
            an object to this process
        """
        self.name = name
        self.last: object = None  # that it sent
        self.receiver, self.sender = FORK.Pipe(duplex=False)
        self.process = FORK.Process(target=self.run, args=(work,), name=name)
        with self.sender:
            self.process.start()

    def run(self, work: Work) -> None:
        """Work; if that takes too long, print where it is, and end."""
        os.register_at_fork(after_in_child=self.sender.close)
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        work(self.name, self.sender.send)

    def has_ended(self) -> bool:
        """Take the next object that has been sent; return False if one was."""
        try:
            self.last = self.receiver.recv()
        except EOFError:
            self.end()
            return True
        return False

    def end(self) -> None:
        """Wait until the process has ended."""
        self.receiver.close()
        self.process.join()

    def how_it_ended(self) -> str:
        """Return the exit status, or the signal that ended it, in words."""
        status = self.process.exitcode or 0
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with exit status {status}"


def work_on_each(
    work: Work, names: Iterable[str], at_once: int
) -> Iterator[Worker]:
    """Yield the processes that work on *names* as they end.

    :param at_once: how many there are at a time
    """
    waiting, working = [*names][::-1], set[Worker]()
    try:
        while waiting or working:
            while waiting and len(working) < at_once:
                working.add(Worker(work, waiting.pop()))
            ready = connection.wait([each.receiver for each in working])
            for worker in [each for each in working if each.receiver in ready]:
                if worker.has_ended():
                    working.remove(worker)
                    yield worker
    finally:
        for worker in working:
            worker.process.kill()
            worker.end()
