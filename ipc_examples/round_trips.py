# SPDX-License-Identifier: 0BSD
"""Measure how long a message takes to another process and back.

Run it; each figure is the median of COUNT round trips::

    python round_trips.py [COUNT]

.. testcode::

    from ipc_examples.round_trips import measure

    print(measure("pipe", count=10) > 0)

.. testoutput::

    True
"""

import argparse
import os
import re
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

CHANNELS = ("pipe", "UNIX stream", "UNIX datagram", "UDP", "TCP")
MESSAGE = bytes(64)
WARM_UP = 1  # round trip that does not count: a new process is slow at first
TIMEOUT = struct.pack("ll", 10, 0)  # a struct timeval: seconds, microseconds
Endpoint = tuple[Any, Any]  # what to read from and write to, or twice one


def measure(name: str, count: int) -> float:
    """Return the median of *count* round trips, in microseconds.

    :param name: one of CHANNELS
    :raises OSError: if there is no room; its subclass
        :exc:`ChildProcessError` if the child failed

    See :manpage:`fork(2)`, :manpage:`write(2)` and :manpage:`read(2)`.
    """
    (reader, writer), child_end = channel(name)
    times = []
    with reader, writer:
        with child_end[0], child_end[1]:
            if (child := os.fork()) == 0:
                echo_and_exit(child_end, (reader, writer))
        try:
            for _ in range(WARM_UP + count):
                start = time.perf_counter()
                os.write(writer.fileno(), MESSAGE)
                if os.read(reader.fileno(), len(MESSAGE)) != MESSAGE:
                    raise ChildProcessError("the child sent no echo")
                times.append(time.perf_counter() - start)
        finally:
            os.kill(child, signal.SIGTERM)  # it echoes until then
            os.waitpid(child, 0)
    return sorted(times[WARM_UP:])[count // 2] * 1e6


def echo_and_exit(child_end: Endpoint, parent_end: Endpoint) -> NoReturn:
    """In the child: send back what comes, until the parent is gone."""
    try:
        for end in parent_end:
            end.close()
        reader, writer = child_end
        while data := os.read(reader.fileno(), len(MESSAGE)):
            os.write(writer.fileno(), data)
    except Exception as error:
        print(f"round_trips: child: {error!r}", file=sys.stderr)
    finally:
        os._exit(1)  # never into the parent's code


def channel(name: str) -> tuple[Endpoint, Endpoint]:
    """Open the channel called *name*; return both its ends.

    :raises OSError: if there is no room

    See :manpage:`pipe(2)`, :manpage:`socketpair(2)`, :manpage:`connect(2)`,
    and :manpage:`socket(7)`, ``SO_RCVTIMEO``.
    """
    kind = socket.SOCK_STREAM if "stream" in name else socket.SOCK_DGRAM
    if name == "pipe":
        (reader1, writer1), (reader2, writer2) = os.pipe(), os.pipe()
        here = open(reader1, "rb", 0), open(writer2, "wb", 0)
        return here, (open(reader2, "rb", 0), open(writer1, "wb", 0))
    if name == "TCP":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            one = socket.create_connection(listener.getsockname())
            other, _ = listener.accept()
    elif name == "UDP":
        one, other = socket.socket(type=kind), socket.socket(type=kind)
        other.bind(("127.0.0.1", 0))
        one.connect(other.getsockname())
        other.connect(one.getsockname())
    else:
        one, other = socket.socketpair(type=kind)
    for end in one, other:  # or one that is left alone would wait for ever
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEOUT)
    return (one, one), (other, other)


def main() -> None:
    """Print one line for each kind of channel."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    parser = argparse.ArgumentParser(description="Time five channels.")
    parser.add_argument("COUNT", nargs="?", default="2000")
    if not re.fullmatch("[1-9][0-9]{0,6}", text := parser.parse_args().COUNT):
        parser.error(f"argument COUNT: {text!r:.20} is not from 1 to 9999999")
    if hasattr(os, "sched_setaffinity"):  # on one processor, for all alike
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    try:
        costs = [measure(name, int(text)) for name in CHANNELS]
        print(f"{'':14}microseconds  relative")
        for name, cost in zip(CHANNELS, costs, strict=True):
            print(f"{name:14}{cost:12.1f}{cost / costs[0]:10.1f}", flush=True)
    except OSError as error:
        sys.exit(f"round_trips: {error}")


if __name__ == "__main__":
    main()
