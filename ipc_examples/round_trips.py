# SPDX-License-Identifier: 0BSD
"""Measure how long a message takes to another process and back.

Run it; each figure is the mean of COUNT round trips::

    python round_trips.py [COUNT]

.. testcode::

    from ipc_examples.round_trips import measure

    print(measure("pipe", count=10) > 0)

.. testoutput::

    True
"""

import argparse
import contextlib
import os
import signal
import socket
import struct
import sys
import time
from typing import NamedTuple, NoReturn

CHANNELS = ("pipe", "UNIX stream", "UNIX datagram", "UDP", "TCP")
MESSAGE = bytes(64)
TEN_SECONDS = struct.pack("ll", 10, 0)


class End(NamedTuple):
    """One side of a channel: two descriptors, or twice the same."""

    reader: int
    writer: int

    def close(self) -> None:
        """Close it."""
        for descriptor in set(self):
            os.close(descriptor)


def channel(name: str) -> tuple[End, End]:
    """Open the channel called *name*; return both its ends."""
    if name == "pipe":
        (reader1, writer1), (reader2, writer2) = os.pipe(), os.pipe()
        return End(reader1, writer2), End(reader2, writer1)
    if name == "TCP":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            one = socket.create_connection(listener.getsockname())
            other, _ = listener.accept()
    elif name == "UDP":
        one, other = (socket.socket(type=socket.SOCK_DGRAM) for _ in "12")
        other.bind(("127.0.0.1", 0))
        one.connect(other.getsockname())
        other.connect(one.getsockname())
    else:
        style = socket.SOCK_STREAM if "stream" in name else socket.SOCK_DGRAM
        one, other = socket.socketpair(type=style)
    for end in one, other:  # or a peer that died would leave us waiting
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TEN_SECONDS)
    return End(*[one.detach()] * 2), End(*[other.detach()] * 2)


def measure(name: str, count: int) -> float:
    """Return the mean time of *count* round trips in microseconds.

    :param name: one of CHANNELS
    :raises OSError: if there is no room, or the child failed
    """
    end, childs = channel(name)
    with contextlib.closing(end):
        with contextlib.closing(childs):
            child = os.fork()
            if child == 0:
                echo_and_exit(end, childs, count)
        try:
            start = time.perf_counter()
            for _ in range(count):
                os.write(end.writer, MESSAGE)
                os.read(end.reader, len(MESSAGE))
            seconds = time.perf_counter() - start
        except BaseException:
            os.kill(child, signal.SIGKILL)  # it may be waiting for ever
            raise
        finally:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    return seconds / count * 1e6


def echo_and_exit(parents: End, end: End, count: int) -> NoReturn:
    """In the child: send *count* messages back, then leave the process."""
    status = 1
    try:
        parents.close()
        for _ in range(count):
            os.write(end.writer, os.read(end.reader, len(MESSAGE)))
        status = 0
    finally:
        os._exit(status)


def main() -> int:
    """Print one line for each kind of channel; return the exit status."""
    parent = os.getpid()

    def stop(number: int, _frame: object) -> None:
        if os.getpid() == parent:
            sys.exit(128 + number)
        os._exit(128 + number)  # not by way of the parent's code

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    parser = argparse.ArgumentParser(description="Time five channels.")
    parser.add_argument("COUNT", type=int, nargs="?", default=2000)
    if (count := parser.parse_args().COUNT) < 1:
        parser.error(f"argument COUNT: {count} is less than one")
    try:
        means = [measure(name, count) for name in CHANNELS]
        print(f"{'':14}microseconds  relative")
        for name, mean in zip(CHANNELS, means, strict=True):
            print(f"{name:14}{mean:12.1f}{mean / means[0]:10.1f}", flush=True)
    except OSError as error:
        print(f"round_trips: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
