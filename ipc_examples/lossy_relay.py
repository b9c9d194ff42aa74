# SPDX-License-Identifier: 0BSD
"""Pass datagrams on as a bad network does: lose, double and delay some.

Start a receiver of datagrams, then this with the receiver's host and port, and
let senders send to the port that this one prints::

    python lossy_relay.py HOST PORT [SEED]

What the receiver answers goes the same way back. SEED, a number, decides what
becomes of the first datagram, of the second, and so on:

.. testcode::

    import random

    from ipc_examples.lossy_relay import fate

    chance = random.Random(3)
    print([fate(chance.random())[0] for _ in range(7)])

.. testoutput::

    ['doubled', 'passed', 'late', 'passed', 'passed', 'lost', 'lost']
"""

import argparse
import random
import re
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import Any

LOST, DOUBLED, LATE = 0.2, 0.1, 0.1  # shares of all datagrams
DELAY = 0.3  # seconds, of one that is late
CLIENTS = 100  # at most; for one more the oldest is forgotten
HELD = 100  # copies that wait; while there are so many, what comes is lost


def fate(draw: float) -> tuple[str, list[float]]:
    """Return what becomes of a datagram: a word, and the delay of each copy.

    Delays are in seconds. A datagram that is lost has none.

    :param draw: at random, from 0 to 1
    """
    if draw < LOST:
        return "lost", []
    if draw < LOST + DOUBLED:
        return "doubled", [0, 0]
    if draw < LOST + DOUBLED + LATE:
        return "late", [DELAY]
    return "passed", [0]


class Relay:
    """Stands between a server and its clients.

    :param front: bound; clients send to it
    :param server: the server's address, of the same family
    """

    def __init__(self, front: socket.socket, server: tuple[Any, ...]) -> None:
        """Watch *front*, which becomes non-blocking."""
        front.setblocking(False)
        self.front, self.server = front, server
        self.backs: dict[Any, socket.socket] = {}  # by the client's address
        self.selector = selectors.DefaultSelector()
        self.selector.register(front, selectors.EVENT_READ, (front, None))

    def run(self, chance: Callable[[], float]) -> None:
        """Pass datagrams on, for ever; print what becomes of each.

        :param chance: draws a number from 0 to 1, which decides it
        :raises OSError: if it can wait no more, or not print

        See :manpage:`recvfrom(2)` and :manpage:`udp(7)`.
        """
        number, held = count(), list[tuple[float, int, Any, bytes]]()
        while True:
            rest = held[0][0] - time.monotonic() if held else None
            for key, _ in self.selector.select(rest):
                receiver, answer = key.data
                try:
                    data, source = receiver.recvfrom(65536)
                    send = answer or self.way_for(source)
                except OSError:  # nobody is there, or there is no room
                    continue
                full = len(held) >= HELD
                word, delays = ("lost", []) if full else fate(chance())
                print("answer" if answer else "request", word, flush=True)
                for delay in delays:
                    due = time.monotonic() + delay
                    heappush(held, (due, next(number), send, data))
            while held and held[0][0] <= time.monotonic():
                *_, send, data = heappop(held)
                with suppress(OSError):  # this one is lost as well
                    send(data)

    def way_for(self, client: tuple[Any, ...]) -> Callable[[bytes], int]:
        """Return what sends to the server, from a socket for this client.

        :raises OSError: if there is no room for one more socket

        See :manpage:`connect(2)`.
        """
        if client not in self.backs:
            if len(self.backs) >= CLIENTS:
                with self.backs.pop(next(iter(self.backs))) as oldest:
                    self.selector.unregister(oldest)
            back = socket.socket(self.front.family, socket.SOCK_DGRAM)
            back.setblocking(False)
            back.connect(self.server)
            self.backs[client] = back
            data = back, lambda answer: self.front.sendto(answer, client)
            self.selector.register(back, selectors.EVENT_READ, data)
        return self.backs[client].send


def port_number(text: str) -> int:
    """Return *text* as a port number.

    :raises argparse.ArgumentTypeError: if it is none
    """
    if re.fullmatch("[0-9]{1,5}", text) and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r:.20} is not from 1 to 65535")


def main() -> None:
    """Pass on to a host and port what comes to a port of the loopback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Pass datagrams on, or not.")
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("port", metavar="PORT", type=port_number)
    parser.add_argument("seed", metavar="SEED", type=int, nargs="?", default=3)
    to = parser.parse_args()
    family = socket.AF_INET6 if ":" in to.host else socket.AF_INET
    subject = f"{to.host} port {to.port}"
    try:
        *_, server = socket.getaddrinfo(to.host, to.port, family)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as front:
            front.bind(("::1" if ":" in to.host else "127.0.0.1", 0))
            relay = Relay(front, server)
            subject = "standard output"  # as long as it runs
            print(f"Socket has port {front.getsockname()[1]}", flush=True)
            relay.run(random.Random(to.seed).random)  # noqa: S311 - no secret
    except (OSError, UnicodeError) as error:
        sys.exit(f"lossy_relay: {subject}: {error}")


if __name__ == "__main__":
    main()
