# SPDX-License-Identifier: 0BSD
r"""Begin here: a parent hands lines of work to children, collects answers.

Run it; it answers each line of its standard input, in order::

    printf 'half a league\nonward\n' | python skeleton.py

Processes and channels are complete. Put your own work into work():

.. testcode::

    from ipc_examples.skeleton import distribute

    for answer in distribute([b"half a league", b"onward"], workers=2):
        print(answer)

.. testoutput::

    b'HALF A LEAGUE'
    b'ONWARD'
"""

import itertools
import os
import queue
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from threading import Thread
from typing import BinaryIO, NamedTuple, NoReturn


class Worker(NamedTuple):
    """A child process, and the parent's end of the channel to it."""

    pid: int
    requests: socket.socket
    answers: BinaryIO


Owing = queue.SimpleQueue[Worker | Exception | None]


def work(line: bytes) -> bytes:
    """Return the answer to *line*: one line without its newline."""
    return line.upper()


def distribute(lines: Iterable[bytes], workers: int = 2) -> Iterator[bytes]:
    """Yield the answers to *lines*, in their order, by child processes.

    :param lines: are taken as they come, without newlines
    :param workers: how many children work on them, at least one
    :raises OSError: if there is no room; its subclass
        :exc:`ChildProcessError` if a worker failed
    :raises ValueError: if a line contains a newline

    See :manpage:`fork(2)`, :manpage:`socketpair(2)`, :manpage:`waitpid(2)`.
    """
    team: list[Worker] = []
    owing: Owing = queue.SimpleQueue()  # who owes an answer, in order
    print(end="", flush=True)  # or each would write what is still unwritten
    with ExitStack() as channels:
        try:
            team.extend(start_worker(channels) for _ in range(workers))
            # The forks are over: now a thread may start.
            Thread(target=feed, args=(lines, team, owing), daemon=True).start()
            while worker := owing.get():
                if isinstance(worker, Exception):
                    raise worker
                answer = worker.answers.readline()
                if not answer.endswith(b"\n"):
                    raise ChildProcessError(f"worker {worker.pid} is silent")
                yield answer.removesuffix(b"\n")
        except BaseException:
            for worker in team:
                os.kill(worker.pid, signal.SIGTERM)
            raise
        finally:
            channels.close()  # which tells the workers to end
            statuses = [os.waitpid(worker.pid, 0)[1] for worker in team]
    if any(statuses):
        raise ChildProcessError("a worker failed")


def feed(lines: Iterable[bytes], team: list[Worker], owing: Owing) -> None:
    """Hand *lines* to the workers in turn; note in *owing* who got one."""
    try:
        for line, worker in zip(lines, itertools.cycle(team), strict=False):
            if b"\n" in line:
                raise ValueError(f"more than one line: {line!r}")
            worker.requests.sendall(line + b"\n")
            owing.put(worker)
        owing.put(None)
    except Exception as error:
        owing.put(error)


def start_worker(channels: ExitStack) -> Worker:
    """Fork a worker; it lives until the parent closes its channel.

    :param channels: closes the parent's ends of all channels
    :raises OSError: if there is no room for sockets or a process
    """
    parent_end, child_end = socket.socketpair()
    with child_end:
        requests = channels.enter_context(parent_end)
        answers = channels.enter_context(parent_end.makefile("rb"))
        if (pid := os.fork()) == 0:
            answer_and_exit(child_end, channels)
    return Worker(pid, requests, answers)


def answer_and_exit(channel: socket.socket, others: ExitStack) -> NoReturn:
    """In the child: answer line by line, then leave the process."""
    status, parent = 1, os.getppid()
    try:
        others.close()  # or these channels would never end
        with channel.makefile("rb") as requests:
            for line in requests:
                answer = work(line.removesuffix(b"\n"))
                if b"\n" in answer:
                    raise ValueError(f"work() gave more lines: {answer!r}")
                print(end="", flush=True)  # what work() has printed
                channel.sendall(answer + b"\n")
        status = 0
    except Exception:
        if os.getppid() == parent:  # or nobody waits for an answer
            traceback.print_exc()
    finally:
        os._exit(status)  # never into the parent's code


def main() -> None:
    """Print an answer to each line of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends all at once
    try:
        stdin = open(0, "rb", closefd=False)  # feed() may wait for it
        lines = (line.removesuffix(b"\n") for line in stdin)
        with open(1, "wb", closefd=False) as stdout:
            for answer in distribute(lines):
                stdout.write(answer + b"\n")
                stdout.flush()
    except OSError as error:
        sys.exit(f"skeleton: {error}")


if __name__ == "__main__":
    main()
