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
import os
import signal
import socket
import sys
import traceback
from typing import BinaryIO, NamedTuple, NoReturn


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
    try:
        for _ in range(workers):
            team.append(start_worker(team))
        for first in range(0, len(lines), workers):
            pairs = list(
                zip(team, lines[first : first + workers], strict=False)
            )
            for worker, line in pairs:
                worker.requests.sendall(line + b"\n")
            answers += [receive(worker) for worker, _ in pairs]
    finally:
        for worker in team:
            close(worker)  # tells the worker that there is no more
        statuses = [os.waitpid(worker.pid, 0)[1] for worker in team]
    if any(statuses):
        raise ChildProcessError("a worker failed")
    return answers


def start_worker(team: list[Worker]) -> Worker:
    """Fork a worker; it lives until the parent closes its channel."""
    parents, childs = socket.socketpair()
    with childs:
        try:
            worker = Worker(os.fork(), parents, parents.makefile("rb"))
        except OSError:
            parents.close()
            raise
        if worker.pid == 0:
            answer_and_exit(childs, (*team, worker))
    return worker


def answer_and_exit(
    channel: socket.socket, inherited: tuple[Worker, ...]
) -> NoReturn:
    """In the child: answer line by line, then leave the process."""
    status = 1
    try:
        for worker in inherited:
            close(worker)  # or those channels would never end
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


def receive(worker: Worker) -> bytes:
    """Return the next answer of *worker*.

    :raises ConnectionError: if the worker ended instead
    """
    answer = worker.answers.readline()
    if not answer.endswith(b"\n"):
        raise ConnectionError(f"worker {worker.pid} ended without an answer")
    return answer.removesuffix(b"\n")


def close(worker: Worker) -> None:
    """Close the channel to *worker*."""
    worker.answers.close()
    worker.requests.close()


def main() -> int:
    """Print an answer to each line of standard input; return the status."""
    argparse.ArgumentParser(description="Answer each line.").parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        lines = [line.removesuffix(b"\n") for line in sys.stdin.buffer]
        for answer in distribute(lines):
            sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.flush()
    except OSError as error:
        print(f"skeleton: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
