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
import os
import shlex
import signal
import sys

KEYBOARD = {signal.SIGINT, signal.SIGQUIT}  # ^C and ^\ reach all three of us
WAITED_FOR = {signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM, *KEYBOARD}


def run(first: list[str], second: list[str]) -> int:
    """Run *first* with its output piped to *second*; wait for both.

    This process may have no other thread: it could take our SIGCHLD.

    :returns: the exit status of *second*, or -N if signal N ended it
    :raises OSError: if there is no room for a pipe or a process

    See :manpage:`pipe(2)`, :manpage:`signal(7)` and :manpage:`sigprocmask(2)`.
    """
    children: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)  # or it might be dropped
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR - KEYBOARD)
    try:
        reader, writer = os.pipe()
        with open(reader), open(writer, "w"):
            children.append(start(first, stdin=0, stdout=writer))
            children.append(start(second, stdin=reader, stdout=1))
    finally:  # both ends are closed, or the second would never see the end
        ended = wait_for(children)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return os.waitstatus_to_exitcode(ended[children[1]])


def start(command: list[str], *, stdin: int, stdout: int) -> int:
    """Fork a child that becomes *command*; return its process id.

    :param stdin: the descriptor that the program is to have as number 0
    :param stdout: the descriptor that the program is to have as number 1
    :raises OSError: if there is no room for a process

    See :manpage:`fork(2)`, :manpage:`dup2(2)` and :manpage:`execvp(3)`.
    """
    if (child := os.fork()) == 0:
        try:
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            # exec closes the pipe's own ends: Python makes all close-on-exec.
            # Python ignores SIGPIPE. What is ignored or blocked, exec keeps.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED_FOR)
            os.execvp(command[0], command)
        except Exception as error:
            print(f"pipeline: {command[0]}: {error}", file=sys.stderr)
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
        finally:
            os._exit(126)  # as a shell says of what it cannot execute
    return child


def wait_for(children: list[int]) -> dict[int, int]:
    """Wait for *children*; pass SIGHUP and SIGTERM on to those still there.

    :returns: the wait status of each child

    See :manpage:`sigwait(3)` and :manpage:`waitpid(2)`.
    """
    ended: dict[int, int] = {}
    signal.pthread_sigmask(signal.SIG_BLOCK, KEYBOARD)  # as a shell, we wait
    while living := [child for child in children if child not in ended]:
        number = signal.sigwait(WAITED_FOR)
        if number not in {signal.SIGCHLD, *KEYBOARD}:
            for child in living:
                os.kill(child, number)
        # For one that has not ended this gives (0, 0).
        ended |= dict(os.waitpid(child, os.WNOHANG) for child in living)
    return ended


def main() -> None:
    """Run two programs joined by a pipe; end as the second one ended."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Run PROG1 | PROG2.")
    parser.add_argument("programs", metavar="PROG", nargs=2, type=shlex.split)
    if not all(programs := parser.parse_args().programs):
        parser.error("PROG is a command, not an empty string")
    try:
        while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
            pass  # it takes the place of a closed stream, as a pipe would
        os.close(descriptor)
        status = run(*programs)
    except OSError as error:
        sys.exit(f"pipeline: {error}")
    if -status in WAITED_FOR:
        signal.raise_signal(-status)  # a shell looks at how we die
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
