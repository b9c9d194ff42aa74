# SPDX-License-Identifier: 0BSD
"""Count how often epoll tells of the same bytes, and what stays behind.

Run it, on Linux::

    python edge_triggered.py

The bytes are read in pieces. An edge is told once, whatever is left:

.. testcode::

    import select
    from ipc_examples.edge_triggered import read_when_told

    print(read_when_told(0))
    print(read_when_told(select.EPOLLET))

.. testoutput::

    Count(wakeups=5, reads=5, left=0)
    Count(wakeups=1, reads=1, left=8)
"""

import os
import select
import signal
import sys
from typing import NamedTuple

MESSAGE = b"Half a lea"  # ten bytes
PIECE = 2  # bytes that one read() asks for


class Count(NamedTuple):
    """How often epoll woke us, how often we read, how many bytes are left."""

    wakeups: int
    reads: int
    left: int


def read_when_told(
    mode: int, *, drain: bool = False, rearm: bool = False
) -> Count:
    """Write MESSAGE to a pipe; read a piece of it when epoll tells us.

    :param mode: 0, EPOLLET or EPOLLONESHOT
    :param drain: whether to read on until nothing is left
    :param rearm: whether to ask for the next event after each
    :raises OSError: if there is no room

    See :manpage:`epoll(7)` and :manpage:`epoll_ctl(2)`.
    """
    wakeups = reads = 0
    reader, writer = os.pipe()
    try:
        os.set_blocking(reader, False)
        os.write(writer, MESSAGE)
        with select.epoll() as epoll:
            epoll.register(reader, select.EPOLLIN | mode)
            while epoll.poll(0):  # nothing more will come: do not wait
                wakeups += 1
                reads += read_pieces(reader, drain=drain)
                if rearm:
                    epoll.modify(reader, select.EPOLLIN | mode)
        return Count(wakeups, reads, bytes_left(reader))
    finally:
        os.close(reader)
        os.close(writer)


def read_pieces(reader: int, *, drain: bool) -> int:
    """Read a piece, or all of them.

    :param drain: whether to read until the system says that nothing is left
    :returns: how many calls it took, the last one included
    :raises OSError: if the read fails

    See :manpage:`read(2)`, EAGAIN.
    """
    reads = 1
    try:
        while os.read(reader, PIECE) and drain:
            reads += 1
    except BlockingIOError:
        pass  # nothing is left
    return reads


def bytes_left(reader: int) -> int:
    """Return how many bytes wait in a pipe, by taking them out.

    :raises OSError: if the read fails
    """
    try:
        return len(os.read(reader, len(MESSAGE)))
    except BlockingIOError:
        return 0


def main() -> None:
    """Print a line for each way to be told."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not hasattr(select, "epoll"):
        sys.exit("edge_triggered: this system has no epoll")
    edge, once = select.EPOLLET, select.EPOLLONESHOT
    try:
        counts = {
            "level": read_when_told(0),
            "edge": read_when_told(edge),
            "edge, all read": read_when_told(edge, drain=True),
            "one-shot": read_when_told(once),
            "one-shot, rearmed": read_when_told(once, rearm=True),
        }
        print(f"{'':18} wakeups  reads  bytes left", flush=True)
        for name, count in counts.items():
            line = f"{count.wakeups:8}{count.reads:7}{count.left:12}"
            print(f"{name:18}{line}", flush=True)
    except OSError as error:
        sys.exit(f"edge_triggered: {error}")


if __name__ == "__main__":
    main()
