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

import os
import signal
import socket
import sys
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import NoReturn

Channel = socket.socket  # one end of it: the parent's, or a worker's


def work(line: bytes) -> bytes:
    """Return the answer to *line*: one line without its newline."""
    return line.upper()


def distribute(lines: Iterable[bytes], workers: int = 2) -> Iterator[bytes]:
    """Yield the answers to *lines*, in their order, by child processes.

    Lines are taken as they come. The answer to one comes when as many more
    have been taken as there are workers, or when there are no more.

    :param lines: without newlines
    :param workers: how many children work on them, at least one
    :raises OSError: if there is no room, or if a worker failed
    :raises ValueError: if a line contains a newline
    """
    owing: deque[Channel] = deque()  # on which an answer is due, in order
    with worker_pool(workers) as channels:
        for line, channel in zip(lines, cycle(channels), strict=False):
            if len(owing) == workers:
                yield receive_answer(owing.popleft())
            channel.sendall(as_line(line))  # its worker owes nothing: it reads
            owing.append(channel)
        while owing:
            yield receive_answer(owing.popleft())


def receive_answer(channel: Channel) -> bytes:
    """Return the answer that a worker owes; nothing follows it.

    :raises ChildProcessError: if the worker ends before it has answered
    """
    with channel.makefile("rb") as answers:
        if not (answer := answers.readline()).endswith(b"\n"):
            raise ChildProcessError("a worker ended before it answered")
    return answer.removesuffix(b"\n")


def as_line(message: bytes) -> bytes:
    """Return *message* with the newline that ends it.

    :raises ValueError: if it contains a newline, or it would be two messages
    """
    if b"\n" in message:
        raise ValueError(f"more than one line: {message!r}")
    return message + b"\n"


@contextmanager
def worker_pool(workers: int) -> Iterator[list[Channel]]:
    """Start *workers* children; give the parent's ends of their channels.

    However it is left, they end, and it waits for them.

    :raises OSError: if there is no room for sockets or processes; its subclass
        :exc:`ChildProcessError` if a worker failed

    See :manpage:`shutdown(2)` and :manpage:`waitpid(2)`.
    """
    channels: list[Channel] = []
    pids: list[int] = []
    print(end="", flush=True)  # or each would write what is still unwritten
    try:
        while len(pids) < workers:
            pids.append(start_worker(channels))
        yield channels
        # close() might not do: whoever was forked since then holds a copy.
        for channel in channels:
            channel.shutdown(socket.SHUT_WR)
    except BaseException:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        raise
    finally:
        for channel in channels:
            channel.close()
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    if any(statuses):
        raise ChildProcessError("a worker failed")


def start_worker(channels: list[Channel]) -> int:
    """Fork a worker; return its process id.

    :param channels: the parent's ends; the new one is added
    :raises OSError: if there is no room for sockets or a process

    See :manpage:`fork(2)` and :manpage:`socketpair(2)`.
    """
    parent_end, child_end = socket.socketpair()
    channels.append(parent_end)
    with child_end:
        if (pid := os.fork()) == 0:
            answer_and_exit(child_end, channels)
    return pid


def answer_and_exit(channel: Channel, others: list[Channel]) -> NoReturn:
    """In the child: answer line by line, then leave the process."""
    status, parent = 1, os.getppid()
    try:
        for other in others:  # or they would stay open if the parent died
            other.close()
        with channel.makefile("rb") as lines:
            for line in lines:
                answer = work(line.removesuffix(b"\n"))
                print(end="", flush=True)  # what work() has printed
                channel.sendall(as_line(answer))
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
        stdin = open(0, "rb", closefd=False)
        lines = (line.removesuffix(b"\n") for line in stdin)
        with open(1, "wb", closefd=False) as stdout:
            for answer in distribute(lines):
                stdout.write(as_line(answer))
                stdout.flush()
    except OSError as error:
        sys.exit(f"skeleton: {error}")


if __name__ == "__main__":
    main()
