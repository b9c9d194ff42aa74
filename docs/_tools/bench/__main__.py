"""Measures what the stream servers cost: ``nox -s bench``.

For each server and number of connections: how much its resident memory grows
for each idle connection, and its processor time for each message. A server of
one connection after another accepts no more than one; the system keeps the
others in its queue, up to a limit, and so does the table.

Then the throughput beside server.c, if there is a compiler: the two
take turns, and what counts is the median of the ratios. A client sends the
messages one by one, or as many at once as fit into 64 KiB. The last column
compares the bytes for each second of the servers' processor time, which says
more where the machine has other things to do, or the client is the slowest.

Both write to /dev/null, lest a reader slow them down. They do not work alike,
and that is a part of what is compared. The server in C reads 1,024 bytes at
most, as the tutorial's did, and ours read more. Its stdio collects a block of
output before it calls write(2), while ours call it for each read, so that
nothing is lost when a signal ends them. And it prints a read as a string, up
to the first NUL: the messages that follow in the same read cost it nothing.
"""

from __future__ import annotations

import contextlib
import operator
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from tests.harness.catalogue import (
    ECHO_SERVERS,
    FILES,
    FRAMED,
    SELECTING,
    SERVERS,
)
from tests.harness.peers import DATAGRAM_RECEIVERS, address_in, open_socket
from tests.harness.running import RunningProgram

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONNECTIONS = (10, 100, 1000)
MESSAGES = 10_000
QUEUE = 100  # connections that every listener lets wait

STREAM_SERVERS = [p for p in SERVERS if p not in DATAGRAM_RECEIVERS + FRAMED]
C_SERVER = Path(__file__).with_name("server.c")
SENDINGS = ((1024, 1), (1024, 64), (35, 1872))  # bytes, messages at once
ROUNDS = 9
SECONDS = 0.2  # of sending, in each round


def settled(server: psutil.Process, descriptors: int) -> int:
    """Wait until a server has so many descriptors; return its memory."""
    while server.num_fds() < descriptors:
        time.sleep(0.01)
    return int(server.memory_info().rss)


def processor_time(server: psutil.Process) -> float:
    """Return the seconds that a server has used of a processor."""
    used = server.cpu_times()
    return float(used.user + used.system)


def tell(
    program: str, running: RunningProgram, peer: socket.socket, message: str
) -> None:
    """Send a message; wait until the server prints it or sends it back."""
    peer.sendall(message.encode())
    if program in ECHO_SERVERS:
        assert peer.recv(1024).decode() == message
    else:
        assert running.line() == f"-->{message}"


def measure(program: str, connections: int) -> tuple[float, float]:
    """Return KB for a connection, and microseconds for a message."""
    at_once = program in SELECTING
    with RunningProgram(program) as running, contextlib.ExitStack() as stack:
        address = address_in(running.line())
        server = psutil.Process(running.pid)
        peers = [stack.enter_context(open_socket(program))]
        peers[0].connect(address)
        tell(program, running, peers[0], "first")
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
            peer = talking[number % len(talking)]
            tell(program, running, peer, "message")
        used = processor_time(server) - start
    return (after - before) / 1024 / connections, used / MESSAGES * 1e6


@contextlib.contextmanager
def started(*command: str) -> Iterator[psutil.Popen]:
    """Run a server whose output nobody wants."""
    # With PYTHONUNBUFFERED each print would be several calls of write(2).
    usual = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with psutil.Popen(command, stdout=subprocess.DEVNULL, env=usual) as server:
        try:
            yield server
        finally:
            server.kill()


def connection_to(server: psutil.Popen) -> socket.socket:
    """Connect to a server as soon as it listens.

    :raises ChildProcessError: it has ended
    """
    while server.poll() is None:
        for found in server.net_connections("all"):
            if not found.laddr or found.raddr:
                continue
            peer = socket.socket(found.family, socket.SOCK_STREAM)
            with contextlib.suppress(ConnectionRefusedError):
                peer.connect(found.laddr)
                return peer
            peer.close()  # it is bound, and will listen
        time.sleep(0.01)
    raise ChildProcessError(f"the server ended with status {server.wait()}")


def take_answers(peer: socket.socket) -> None:
    """Read until the server closes."""
    while peer.recv(65536):
        pass


class Taken(NamedTuple):
    """What a server took from one connection."""

    size: int  # bytes
    seconds: float
    processor: float  # seconds of the server's processor time

    @property
    def rate(self) -> float:
        """Return the throughput in MB a second."""
        return self.size / self.seconds / 1e6


def throughput(server: psutil.Popen, message: bytes, at_once: int) -> Taken:
    """Send a server messages for a while; wait until it has taken them."""
    data = message * at_once
    size = 0
    with connection_to(server) as peer:
        answers = threading.Thread(target=take_answers, args=(peer,))
        answers.start()
        before = processor_time(server)
        start = time.perf_counter()
        while time.perf_counter() < start + SECONDS:
            peer.sendall(data)
            size += len(data)
        peer.shutdown(socket.SHUT_WR)
        answers.join()  # the server has read all, and closed
        seconds = time.perf_counter() - start
    return Taken(size, seconds, processor_time(server) - before)


def for_each_second(rounds: Iterable[Taken]) -> float:
    """Return the bytes for each second of processor time, in all rounds."""
    sizes, _, processor = zip(*rounds, strict=True)
    return float(sum(sizes) / sum(processor))


def compare(program: str, c_server: str) -> None:
    """Print the throughput of a program and of the server in C."""
    c_path = ["c"] if program.startswith("unix_") else []
    python = started(sys.executable, str(FILES[program]))
    with python as our_server, started(c_server, *c_path) as c:
        for size, at_once in SENDINGS:
            message = b"m" * (size - 1) + b"\0"
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(throughput(our_server, message, at_once))
                theirs.append(throughput(c, message, at_once))
            our_rates = [taken.rate for taken in ours]
            their_rates = [taken.rate for taken in theirs]
            ratios = map(operator.truediv, our_rates, their_rates)
            print(
                f"{program:20}{size:8}{at_once:10}"
                f"{statistics.median(our_rates):14.0f}"
                f"{statistics.median(their_rates):6.0f}"
                f"{statistics.median(ratios):8.2f}"
                f"{for_each_second(ours) / for_each_second(theirs):12.2f}",
                flush=True,
            )


def compare_all() -> None:
    """Print a table of throughputs, if there is a C compiler."""
    if not (compiler := shutil.which("cc")):
        print("No throughput: there is no C compiler (cc) to compare by.")
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        c_server = f"{folder}/bench_server"
        subprocess.run(
            [compiler, "-O2", "-o", c_server, str(C_SERVER)], check=True
        )
        print(
            f"{'':22} bytes   at once   MB/s: ours  in C   ratio   processor"
        )
        for program in STREAM_SERVERS:
            compare(program, c_server)


def main() -> int:
    """Print both tables; return the exit status."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(CONNECTIONS) + 100
    if hard != resource.RLIM_INFINITY and hard < wanted:
        print(f"bench: may have {hard} descriptors only", file=sys.stderr)
        return 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    print(f"{'':20} connections  KB each  microseconds a message  relative")
    for program in STREAM_SERVERS:
        first = 0.0
        for connections in CONNECTIONS:
            if program not in SELECTING and connections > QUEUE:
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
    print()
    compare_all()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
