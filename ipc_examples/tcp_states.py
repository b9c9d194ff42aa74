# SPDX-License-Identifier: 0BSD
"""Follow both ends of a TCP connection from state to state; Linux only.

Run it::

    python tcp_states.py

Each line has a call, and the states of both ends after it:

.. testcode::

    from ipc_examples.tcp_states import follow

    for call, client, server in follow():
        print(f"{call:24} {client:11} {server}")

.. testoutput::

    listen                   CLOSED      LISTEN
    connect                  ESTABLISHED ESTABLISHED
    accept                   ESTABLISHED ESTABLISHED
    client shuts down        FIN_WAIT2   CLOSE_WAIT
    server sends             FIN_WAIT2   CLOSE_WAIT
    server closes            TIME_WAIT   CLOSED
    client closes            TIME_WAIT   CLOSED
"""

import re
import signal
import socket
import sys
import time
from collections.abc import Iterator

TABLE = "/proc/net/tcp"  # listeners and ends of connections, over IPv4
STATES = {  # as in Linux's net/tcp_states.h
    "01": "ESTABLISHED",
    "02": "SYN_SENT",
    "03": "SYN_RECV",
    "04": "FIN_WAIT1",
    "05": "FIN_WAIT2",
    "06": "TIME_WAIT",
    "08": "CLOSE_WAIT",
    "09": "LAST_ACK",
    "0A": "LISTEN",
    "0B": "CLOSING",
}
# Most end at once, when the other end's system answers.
PASSING = {"SYN_SENT", "SYN_RECV", "FIN_WAIT1", "LAST_ACK", "CLOSING"}
PAUSE = 0.01  # seconds between two looks

Ends = tuple[str, str]  # the states of the client's end and the server's


def follow() -> Iterator[tuple[str, str, str]]:
    """Make a connection and end it; yield each call and both ends' states.

    :raises OSError: if there is no room for a socket, or no table

    See :manpage:`tcp(7)`, :manpage:`shutdown(2)` and :manpage:`proc(5)`.
    """
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        client.bind(("127.0.0.1", 0))  # so that its port is known
        ports = client.getsockname()[1], listener.getsockname()[1]
        yield "listen", *settled(*ports)
        client.connect(listener.getsockname())
        yield "connect", *settled(*ports)
        server, _ = listener.accept()
        listener.close()
        with server:
            yield "accept", *settled(*ports)
            client.shutdown(socket.SHUT_WR)
            yield "client shuts down", *settled(*ports)
            server.sendall(b"onward")
            yield "server sends", *settled(*ports)
            client.recv(1024)  # only its own direction has ended
        yield "server closes", *settled(*ports)
    yield "client closes", *settled(*ports)


def settled(client: int, server: int) -> Ends:
    """Return the states of both ends once they change no more by themselves.

    It waits for as long as the other end's system does not answer, or has no
    room for the data in front of a FIN.

    :param client: its port
    :param server: its port
    :raises OSError: if there is no table
    """
    before, now = None, look(client, server)
    while now != before or PASSING.intersection(now):
        time.sleep(PAUSE)
        before, now = now, look(client, server)
    return now


def look(client: int, server: int) -> Ends:
    """Return the states of both ends at this moment.

    What the table does not have is CLOSED, or was never there. A listener's
    line names no peer: its port is 0.

    :param client: its port
    :param server: its port
    :raises OSError: if there is no table

    See :manpage:`proc(5)`, ``/proc/net/tcp``.
    """
    with open(TABLE) as file:
        table = file.read()
    listening = state_in(table, server, 0)
    return (
        state_in(table, client, server),
        state_in(table, server, client, otherwise=listening),
    )


def state_in(
    table: str, local: int, peer: int, otherwise: str = "CLOSED"
) -> str:
    """Return the state of the socket with these ports.

    :param otherwise: if the table does not have it
    """
    line = rf":{local:04X} \w+:{peer:04X} (\w\w) "
    found = re.search(line, table)
    return STATES.get(found[1], found[1]) if found else otherwise


def main() -> None:
    """Print the states after each call."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing to tidy up
    try:
        for call, client, server in follow():
            print(f"{call:18} {client:11} {server}", flush=True)
    except OSError as error:
        sys.exit(f"tcp_states: {error}")


if __name__ == "__main__":
    main()
