"""Measures what connections cost the servers: ``python tests/bench.py``.

For each server and number of connections: how much its resident memory grows
for each idle connection, and its processor time for each message. A server of
one connection after another accepts no more than one; the system keeps the
others in its queue, up to a limit, and so does the table.
"""

from __future__ import annotations

import contextlib
import resource
import sys
import tempfile
import time

import psutil
from peers import STREAM, address_in, open_socket
from programs import Running

CONNECTIONS = (10, 100, 1000)
MESSAGES = 10_000
QUEUE = 100  # connections that every listener lets wait


def settled(server: psutil.Process, descriptors: int) -> int:
    """Wait until a server has so many descriptors; return its memory."""
    while server.num_fds() < descriptors:
        time.sleep(0.01)
    return int(server.memory_info().rss)


def processor_time(server: psutil.Process) -> float:
    """Return the seconds that a server has used of a processor."""
    used = server.cpu_times()
    return float(used.user + used.system)


def measure(program: str, connections: int) -> tuple[float, float]:
    """Return KB for a connection, and microseconds for a message."""
    at_once = program.endswith("_select")
    with Running(program) as running, contextlib.ExitStack() as stack:
        address = address_in(running.line())
        server = psutil.Process(running.pid)
        peers = [stack.enter_context(open_socket(program))]
        peers[0].connect(address)
        peers[0].sendall(b"first")
        assert running.line() == "-->first"
        descriptors = server.num_fds()
        before = settled(server, descriptors)
        for _ in range(connections - 1):
            peer = stack.enter_context(open_socket(program))
            peer.connect(address)
            peers.append(peer)
        if at_once:
            after = settled(server, descriptors + connections - 1)
        else:
            after = settled(server, descriptors)
        start = processor_time(server)
        talking = peers if at_once else peers[:1]
        for number in range(MESSAGES):
            talking[number % len(talking)].sendall(b"message")
            assert running.line() == "-->message"
        used = processor_time(server) - start
    return (after - before) / 1024 / connections, used / MESSAGES * 1e6


def main() -> int:
    """Print a table; return the exit status."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(CONNECTIONS) + 100
    if hard != resource.RLIM_INFINITY and hard < wanted:
        print(f"bench: may have {hard} descriptors only", file=sys.stderr)
        return 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    print(f"{'':20} connections  KB each  microseconds a message  relative")
    for program in STREAM:
        first = 0.0
        for connections in CONNECTIONS:
            if not program.endswith("_select") and connections > QUEUE:
                print(f"{program:20}{connections:12}  one after another")
                continue
            with (
                tempfile.TemporaryDirectory() as folder,
                contextlib.chdir(folder),
            ):
                memory, used = measure(program, connections)
            first = first or used
            print(
                f"{program:20}{connections:12}{memory:9.2f}{used:24.1f}"
                f"{used / first:10.2f}"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
