# SPDX-License-Identifier: 0BSD
"""Measure how many requests a second a server answers in each of its designs.

Run it; in each round four clients at once ask each design, COUNT times::

    python server_rates.py [COUNT] [DESIGN]

The figure is the median of the rounds, the higher of two in the middle. DESIGN
is the name of the only one to measure. Put your own design into DESIGNS, or
measure it alone. It is a function that serves the clients of a listener:

.. testcode::

    from ipc_examples.server_rates import one_after_another, rate

    print(rate(one_after_another, count=1) > 0)

.. testoutput::

    True
"""

import argparse
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from timeit import timeit

MESSAGE = b"half a league"
BUFFER_SIZE = 1024  # bytes
AT_ONCE = 4  # clients that ask together, and processes that share a listener
ROUNDS = 5
TIMEOUT = 10.0  # seconds that a client waits, and that a server lives


def serve(connection: socket.socket) -> None:
    """Send back in capitals what a client sends, until it ends.

    :param connection: it is closed then

    See :manpage:`recv(2)` and :manpage:`send(2)`.
    """
    with connection, suppress(OSError):  # the client may be gone
        while data := connection.recv(BUFFER_SIZE):
            connection.sendall(data.upper())


def one_after_another(listener: socket.socket) -> None:
    """Serve each client to its end, and then the next.

    :param listener: its queue is where the others wait
    :raises OSError: if no connection can be accepted

    See :manpage:`accept(2)`.
    """
    while True:
        serve(listener.accept()[0])


def a_process_each(listener: socket.socket) -> None:
    """Serve each client in a child of its own.

    :param listener: the parent accepts from it
    :raises OSError: if no connection can be accepted, or no child started

    See :manpage:`fork(2)`.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leave no zombies
    while True:
        connection, _ = listener.accept()
        with connection:  # the child has its own copy
            start(serve, connection)


Design = Callable[[socket.socket], None]
DESIGNS: dict[str, tuple[Design, int]] = {  # each with its processes
    "one after another": (one_after_another, 1),
    "a process each": (a_process_each, 1),
    "prefork": (one_after_another, AT_ONCE),
}


def rate(design: Design, processes: int = 1, count: int = 1) -> float:
    """Return how many requests a second a design answers.

    :param design: what serves the clients of a listener
    :param processes: how many of them share it
    :param count: how many times AT_ONCE clients ask; all within TIMEOUT
    :raises OSError: if there is no room, or no answer
    """
    servers: list[int] = []
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            while len(servers) < processes:
                servers.append(start(design, listener))
        ask(address)  # the first time, all is slow
        return AT_ONCE * count / timeit(lambda: ask(address), number=count)
    finally:
        for server in servers:
            os.kill(server, signal.SIGTERM)  # it would serve for ever
        for server in servers:
            os.waitpid(server, 0)


def ask(address: tuple[str, int]) -> None:
    """Let AT_ONCE clients send a request each, then read the answers.

    :param address: the server's host and port
    :raises OSError: if a server cannot be reached, or does not answer

    See :manpage:`connect(2)` and :manpage:`shutdown(2)`.
    """
    clients = []
    try:
        for _ in range(AT_ONCE):
            clients.append(socket.create_connection(address, TIMEOUT))
            clients[-1].sendall(MESSAGE)
            clients[-1].shutdown(socket.SHUT_WR)
        for client in clients:
            if client.makefile("rb").read() != MESSAGE.upper():
                raise ConnectionError("a server did not answer")
    finally:
        for client in clients:
            client.close()


def start(work: Design, sock: socket.socket) -> int:
    """Fork a process that works with a socket; return its id.

    :param work: it is done when the process ends
    :param sock: for the work
    :raises OSError: if there is no room for a process

    See :manpage:`fork(2)` and :manpage:`setitimer(2)`.
    """
    if (pid := os.fork()) == 0:
        try:
            signal.setitimer(signal.ITIMER_REAL, TIMEOUT)  # if left alone
            work(sock)
        except Exception as error:
            print(f"server_rates: child: {error!r}", file=sys.stderr)
        finally:
            os._exit(1)  # never into the parent's code
    return pid


def main() -> None:
    """Print the median of each design's rounds."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends all at once
    parser = argparse.ArgumentParser(description="Compare server designs.")
    parser.add_argument("COUNT", nargs="?", type=int, default=20)
    parser.add_argument("DESIGN", nargs="?", choices=DESIGNS, metavar="DESIGN")
    args = parser.parse_args()
    if args.COUNT not in range(1, 101):  # or a server's time may not suffice
        parser.error(f"argument COUNT: {args.COUNT} is not from 1 to 100")
    names = [args.DESIGN] if args.DESIGN else [*DESIGNS]
    try:
        rates: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(min(ROUNDS, args.COUNT)):
            for name, each in rates.items():
                each.append(rate(*DESIGNS[name], args.COUNT))
        print(f"{'':20}requests a second")
        for name, each in rates.items():
            print(f"{name:20}{sorted(each)[len(each) // 2]:17.0f}", flush=True)
    except OSError as error:
        sys.exit(f"server_rates: {error}")


if __name__ == "__main__":
    main()
