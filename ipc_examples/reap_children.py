# SPDX-License-Identifier: 0BSD
"""Let children end while SIGCHLD is blocked, and wait for them in three ways.

Run it; it prints how many zombies each way leaves, of COUNT children or 30::

    python reap_children.py [COUNT]

Linux only: the third way needs pidfds.

.. testcode::

    from ipc_examples.reap_children import zombies_left, with_pidfds

    print(zombies_left(with_pidfds, 3))

.. testoutput::

    0
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from selectors import EVENT_READ, DefaultSelector
from typing import NoReturn


def wait_once(*_: object) -> None:
    """Wait for one child, as a handler of SIGCHLD.

    See :manpage:`waitpid(2)`.
    """
    os.waitpid(-1, os.WNOHANG)


def wait_for_all(*_: object) -> None:
    """Wait for all children that have ended, as a handler of SIGCHLD.

    See :manpage:`waitpid(2)`.
    """
    with suppress(ChildProcessError):  # there is no other
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def with_handler(handler: Callable[..., None]) -> None:
    """Let SIGCHLD through, which has waited, so that *handler* is called.

    See :manpage:`signal(7)`.
    """
    before = signal.signal(signal.SIGCHLD, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    signal.signal(signal.SIGCHLD, before)


def with_pidfds(pids: list[int]) -> None:
    """Wait for each child of *pids* when its pidfd says that it has ended.

    See :manpage:`pidfd_open(2)`.
    """
    with DefaultSelector() as selector, ExitStack() as pidfds:
        for pid in pids:
            pidfd = os.pidfd_open(pid)
            pidfds.callback(os.close, pidfd)  # however this ends
            selector.register(pidfd, EVENT_READ, pid)
        while selector.get_map():
            for key, _ in selector.select():
                os.waitpid(key.data, 0)
                selector.unregister(key.fd)


def zombies_left(way: Callable[[list[int]], None], count: int) -> int:
    """Let *count* children end; return how many *way* has not waited for.

    :raises OSError: if there is no room for them; its subclass
        :exc:`ChildProcessError` if one failed

    See :manpage:`waitid(2)`, WNOWAIT.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    pids: list[int] = []
    try:
        start_and_end(pids, count)
        how = os.WEXITED | os.WNOWAIT  # they remain zombies
        ended = [os.waitid(os.P_PID, pid, how) for pid in pids]
        if any(child and child.si_status for child in ended):
            raise ChildProcessError("a child failed")
        way(pids)
    finally:
        left = wait_for_rest(pids)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return left


def start_and_end(pids: list[int], count: int) -> None:
    """Fork *count* children, which end when all have been started.

    :param pids: their process ids are added
    :raises OSError: if there is no room for them

    See :manpage:`fork(2)`.
    """
    gate, keeper = os.pipe()
    try:
        while len(pids) < count:
            if (pid := os.fork()) == 0:
                wait_and_exit(gate, keeper)
            pids.append(pid)
    finally:
        os.close(keeper)  # which ends them
        os.close(gate)


def wait_and_exit(gate: int, keeper: int) -> NoReturn:
    """In a child: wait until nobody keeps the gate, and end."""
    status = 1
    try:
        os.close(keeper)
        os.read(gate, 1)
        status = 0
    except Exception as error:
        print(f"reap_children: child: {error}", file=sys.stderr)
    finally:
        os._exit(status)


def wait_for_rest(pids: list[int]) -> int:
    """Wait for those children that are left; return how many they are."""
    left = 0
    for pid in pids:
        with suppress(ChildProcessError):  # it was waited for
            os.waitpid(pid, 0)
            left += 1
    return left


def main() -> None:
    """Print how many zombies each way leaves."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Count zombies.")
    parser.add_argument("COUNT", nargs="?", type=int, default=30)
    if (count := parser.parse_args().COUNT) < 0:
        parser.error("COUNT is negative")
    ways = {
        "a handler that waits once": lambda _: with_handler(wait_once),
        "a handler that loops": lambda _: with_handler(wait_for_all),
        "a pidfd for each": with_pidfds,
    }
    try:
        for name, way in ways.items():
            zombies = zombies_left(way, count)
            print(f"{name}: {zombies} of {count} left", flush=True)
    except (OSError, AttributeError) as error:  # where there are no pidfds
        sys.exit(f"reap_children: {error}")


if __name__ == "__main__":
    main()
