# SPDX-License-Identifier: 0BSD
"""Measures the designs of servers beside others: in C, and as in the manual.

``nox -s bench -- bench.designs`` runs it. Each of our designs is measured by
``server_rates`` in turn with the same service in C, if there is a compiler,
and with a server in the manner of Python's manual: the echo server of asyncio
with streams, the selector's with callbacks, and the mix-ins of socketserver.
What counts is the median of the ratios of the rounds: above 1 ours answers
more. The client is a Python program as well, and a part of each figure.

What a design needs is imported in its own process, and what compiles is not in
the process that forks: one that has imported more forks more slowly.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ipc_examples.server_rates import BUFFER_SIZE, DESIGNS, rate

if TYPE_CHECKING:
    import asyncio
    import socket

    from ipc_examples.server_rates import Design

C_DESIGNS = Path(__file__).with_name("designs.c")
EIGHT = Path(__file__).parents[2] / "designs"
ROUNDS = 9
COUNT = 100


def serve_by(kind: str, listener: socket.socket) -> None:
    import socketserver

    class Upper(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while data := self.request.recv(BUFFER_SIZE):
                self.request.sendall(data.upper())

    made: type[socketserver.TCPServer] = getattr(socketserver, kind)
    server = made(listener.getsockname(), Upper, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.serve_forever()


def manual_processes(listener: socket.socket) -> None:
    serve_by("ForkingTCPServer", listener)


def manual_threads(listener: socket.socket) -> None:
    serve_by("ThreadingTCPServer", listener)


def manual_selector(listener: socket.socket) -> None:
    """Serve by callbacks, which the selector keeps with the sockets."""
    import selectors

    selector = selectors.DefaultSelector()

    def accept(sock: socket.socket) -> None:
        connection, _ = sock.accept()
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, read)

    def read(connection: socket.socket) -> None:
        if data := connection.recv(BUFFER_SIZE):
            connection.send(data.upper())
        else:
            selector.unregister(connection)
            connection.close()

    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ, accept)
    while True:
        for key, _ in selector.select():
            key.data(key.fileobj)


def manual_asyncio(listener: socket.socket) -> None:
    """Serve by streams, each of which is closed, and waited for."""
    import asyncio

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(BUFFER_SIZE):
            writer.write(data.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def serve() -> None:
        server = await asyncio.start_server(handle, sock=listener)
        async with server:
            await server.serve_forever()

    asyncio.run(serve())


def in_c(program: str, design: str) -> Design:
    """Return a design that becomes the program in C."""

    def execute(listener: socket.socket) -> None:
        listener.set_inheritable(True)
        os.execv(program, [program, design, str(listener.fileno())])

    return execute


def compare(name: str, what: str, other: Design) -> None:
    """Print the rates of one of our designs and of another, in turn."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(rate(*DESIGNS[name], COUNT))
        theirs.append(rate(other, 1, COUNT))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(
        f"{name:18}{median(ours):8.0f}  {what:22}"
        f"{median(theirs):8.0f}{median(ratios):8.2f}",
        flush=True,
    )


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def compare_all(program: str) -> None:
    """Print a table; *program* is the one in C, if there is one."""
    sys.path.insert(0, str(EIGHT))
    import eight_designs  # noqa: F401 - it adds its designs

    print(f"{'':18}requests a second: ours, the other's, and the ratio")
    if program:
        compare("a process each", "in C, fork", in_c(program, "fork"))
        compare("one loop", "in C, epoll", in_c(program, "loop"))
        compare("asyncio", "in C, epoll", in_c(program, "loop"))
    compare("a process each", "ForkingTCPServer", manual_processes)
    compare("a thread each", "ThreadingTCPServer", manual_threads)
    compare("one loop", "the selector's manual", manual_selector)
    compare("asyncio", "asyncio's manual", manual_asyncio)


def main() -> None:
    """Compile the program in C; let a new process measure all."""
    import shutil
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        program = ""
        if compiler := shutil.which("cc"):
            program = f"{folder}/bench_designs"
            command = [compiler, "-O2", "-Wall", "-o", program, str(C_DESIGNS)]
            subprocess.run(command, check=True)
        else:
            print("There is no C compiler (cc) to compare by.", flush=True)
        measure = [sys.executable, "-m", "bench.designs", "measure", program]
        subprocess.run(measure, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        compare_all(sys.argv[2])
    else:
        main()
