# SPDX-License-Identifier: 0BSD
r"""Connect two programs by a pipe, as a shell does for ``prog1 | prog2``.

Run it, each program in quotes with its arguments::

    python pipeline.py "printf 'one\ntwo\n'" "wc -l"

The result is the second program's exit status, as in a shell:

.. testcode::

    from ipc_examples.pipeline import run

    print(run(["echo", "Bright star"], ["grep", "-q", "moon"]))

.. testoutput::

    1
"""

import argparse
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM)


def run(first: list[str], second: list[str]) -> int:
    """Run *first* with its output piped to *second*; wait for both.

    :returns: the exit status of *second*, or 128 + N if signal N ended it
    :raises OSError: if there is no room for a pipe or a process

    See :manpage:`pipe(2)` and :manpage:`waitpid(2)`.
    """
    children: list[int] = []
    with signals(signal.SIG_BLOCK):  # or one could come between fork and wait
        try:
            reader, writer = os.pipe()
            with os.fdopen(reader), os.fdopen(writer, "w"):
                children.append(start(first, stdin=0, stdout=writer))
                children.append(start(second, stdin=reader, stdout=1))
            # Both ends are closed, or the second would never see the end.
            with signals(signal.SIG_UNBLOCK):
                statuses = [os.waitpid(child, 0)[1] for child in children]
        except BaseException:  # a signal, say
            end(children)
            raise
    status = os.waitstatus_to_exitcode(statuses[-1])
    return status if status >= 0 else 128 - status


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


def end(children: list[int]) -> None:
    """Send SIGTERM to the children that have not ended; wait for them."""
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
    for child in children:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def start(command: list[str], *, stdin: int, stdout: int) -> int:
    """Fork a child that becomes *command*; return its process id.

    :param stdin: the descriptor that the program shall have as number 0
    :param stdout: the descriptor that the program shall have as number 1
    :raises OSError: if there is no room for a process

    See :manpage:`fork(2)`, :manpage:`dup2(2)` and :manpage:`execvp(3)`.
    """
    child = os.fork()
    if child == 0:
        try:
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            # Python ignores SIGPIPE, and exec would hand that on.
            for number in (signal.SIGPIPE, *STOPPING):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
            os.execvp(command[0], command)  # noqa: S606 - we are the shell
        except OSError as error:
            print(f"pipeline: {command[0]}: {error}", file=sys.stderr)
        finally:
            os._exit(127)  # as a shell does
    return child


def main() -> int:
    """Run two programs joined by a pipe; return the second one's status."""
    for number in STOPPING:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    parser = argparse.ArgumentParser(description="Run PROG1 | PROG2.")
    parser.add_argument("programs", metavar="PROG", nargs=2, type=shlex.split)
    first, second = parser.parse_args().programs
    if not (first and second):
        parser.error("PROG is a command, not an empty string")
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # or an end of the pipe would take its place
            os.open(os.devnull, os.O_RDWR)
    try:
        return run(first, second)
    except OSError as error:
        print(f"pipeline: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
