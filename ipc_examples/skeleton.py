# SPDX-License-Identifier: 0BSD
r"""Begin here: a parent hands lines of work to children, collects answers.

Run it; it answers each line of its standard input, in order::

    printf 'half a league\nonward\n' | python skeleton.py

Processes and channels are complete. Put your own work into work():

.. testcode::

    from ipc_examples.skeleton import distribute

    print(distribute([b"half a league", b"onward"], workers=2))

.. testoutput::

    [b'HALF A LEAGUE', b'ONWARD']
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Worker(NamedTuple):
    """A child process, and the parent's end of the channel to it."""

    pid: int
    requests: socket.socket
    answers: BinaryIO


def work(line: bytes) -> bytes:
    """Return the answer to *line*: one line without its newline."""
    return line.upper()


def distribute(lines: list[bytes], workers: int = 2) -> list[bytes]:
    """Return the answers to *lines*, worked out by child processes.

    :raises OSError: if there is no room, or a worker failed

    See :manpage:`fork(2)`, :manpage:`socketpair(2)`, :manpage:`waitpid(2)`.
    """
    team: list[Worker] = []
    answers: list[bytes] = []
    with signals(signal.SIG_BLOCK):  # or one could come between fork and wait
        try:
            with contextlib.ExitStack() as channels:
                team.extend(start_worker(channels) for _ in range(workers))
                with signals(signal.SIG_UNBLOCK):
                    for first in range(0, len(lines), workers):
                        answers += ask(team, lines[first : first + workers])
        finally:  # the channels are closed, which tells the workers to end
            statuses = [os.waitpid(worker.pid, 0)[1] for worker in team]
    if any(statuses):
        raise ChildProcessError("a worker failed")
    return answers


@contextlib.contextmanager
def signals(how: int) -> Iterator[None]:
    """Block or unblock SIGINT and SIGTERM for a while.

    See :manpage:`sigprocmask(2)`.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(how, STOPPING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker(channels: contextlib.ExitStack) -> Worker:
    """Fork a worker; it lives until the parent closes its channel.

    :param channels: closes the parent's ends of all channels
    """
    parents, childs = socket.socketpair()
    with childs:
        requests = channels.enter_context(parents)
        answers = channels.enter_context(parents.makefile("rb"))
        pid = os.fork()
        if pid == 0:
            answer_and_exit(childs, channels)
    return Worker(pid, requests, answers)


def answer_and_exit(
    channel: socket.socket, inherited: contextlib.ExitStack
) -> NoReturn:
    """In the child: answer line by line, then leave the process."""
    status = 1
    try:
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        inherited.close()  # or the other channels would never end
        with channel.makefile("rb") as requests:
            for line in requests:
                channel.sendall(work(line.removesuffix(b"\n")) + b"\n")
        status = 0
    except OSError as error:
        print(f"skeleton: worker: {error}", file=sys.stderr)
    except Exception:  # noqa: BLE001 - whatever it is, it must be seen
        traceback.print_exc()
    finally:
        os._exit(status)


def ask(team: list[Worker], lines: list[bytes]) -> Iterator[bytes]:
    """Give each worker a line; yield the answers.

    :raises ConnectionError: if a worker ended instead
    """
    for worker, line in zip(team, lines, strict=False):
        worker.requests.sendall(line + b"\n")
    for worker in team[: len(lines)]:
        answer = worker.answers.readline()
        if not answer.endswith(b"\n"):
            raise ConnectionError(f"worker {worker.pid} gave no answer")
        yield answer.removesuffix(b"\n")


def main() -> int:
    """Print an answer to each line of standard input; return the status."""
    for number in STOPPING:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    argparse.ArgumentParser(description="Answer each line.").parse_args()
    try:
        with open(0, "rb", closefd=False) as stdin:
            lines = [line.removesuffix(b"\n") for line in stdin]
        with open(1, "wb", closefd=False) as stdout:
            stdout.writelines(line + b"\n" for line in distribute(lines))
    except OSError as error:
        print(f"skeleton: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
