# SPDX-License-Identifier: 0BSD
r"""Serve many connections at once: ask select() which one has news.

Run it, then inet_stream_connect.py in other terminals; end it by ^C::

    python inet_stream_select.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise.

.. testcode::

    import socket
    from ipc_examples.inet_stream_select import read

    client, connection = socket.socketpair()
    with client, connection:
        client.sendall(b"Half a league, half a league . . .\0")
        print(read(connection))

.. testoutput::

    -->Half a league, half a league . . .
    True
"""

import argparse
import contextlib
import selectors
import signal
import socket
import sys
from typing import NoReturn

SIZE = 1024
IDLE = 5.0  # seconds


def listener_at(host: str) -> socket.socket:
    """Open a listening socket at *host*, at a port that the system chooses.

    Where *host* has several addresses, the first that can be had is taken.

    :param host: a name or address of this machine; ``0.0.0.0`` and ``::``
        stand for all its addresses
    :raises OSError: if *host* is unknown; if none of its addresses can be
        had, for the reason of the last

    See :manpage:`getaddrinfo(3)`, :manpage:`bind(2)`, :manpage:`listen(2)`.
    """
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    refusal = OSError("no address")
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as listener:
                listener.bind(address)
                listener.listen()
                return socket.socket(fileno=listener.detach())  # stays open
        except OSError as error:
            refusal = error
    raise refusal


def serve(listener: socket.socket, idle: float = IDLE) -> NoReturn:
    """Accept and read whatever is ready; print a line when nothing was.

    :param idle: seconds without any event after which to print it

    See :manpage:`select(2)`.
    """
    listener.setblocking(False)
    with selectors.DefaultSelector() as selector:
        watch(selector, listener)
        try:
            while True:
                ready = selector.select(idle)
                for key, _ in ready:
                    if key.data is listener:
                        welcome(selector, listener)
                    elif not read(key.data):
                        selector.unregister(key.data)
                        key.data.close()
                        watch(selector, listener)  # there is room again
                if not ready:
                    watch(selector, listener)
                    print("Do something else", flush=True)
        finally:
            for key in tuple(selector.get_map().values()):
                key.data.close()


def welcome(selector: selectors.BaseSelector, listener: socket.socket) -> None:
    """Accept a connection, if one is still there, and watch it as well."""
    try:
        connection = listener.accept()[0]
    except BlockingIOError:
        return
    except OSError as error:  # no descriptor is free: look again later
        print(f"inet_stream_select: {error}", file=sys.stderr)
        selector.unregister(listener)
        return
    connection.setblocking(False)
    watch(selector, connection)


def watch(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    """Watch *sock*, unless it is watched already."""
    with contextlib.suppress(KeyError):
        selector.register(sock, selectors.EVENT_READ, sock)


def read(connection: socket.socket) -> bool:
    """Print what *connection* brings now; tell whether more may come."""
    try:
        data = connection.recv(SIZE)
    except BlockingIOError:
        return True  # select() may raise a false alarm
    except OSError as error:
        print(f"inet_stream_select: {error}", file=sys.stderr)
        return False
    if not data:
        print("Ending connection", flush=True)
        return False
    for message in data.removesuffix(b"\0").split(b"\0"):
        print(f"-->{printable(message)}", flush=True)
    return True


def printable(message: bytes) -> str:
    """Return *message* as text, its control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = message.decode(encoding, "backslashreplace")
    if text.isprintable():  # by far the fastest way
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Serve until interrupted; return the exit status."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    parser = argparse.ArgumentParser(description="Print what clients send.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    host = parser.parse_args().host
    try:
        with listener_at(host) as listener:
            port = listener.getsockname()[1]
            print(f"Socket has port {port}", flush=True)
            serve(listener)
    except (OSError, UnicodeError) as error:
        print(f"inet_stream_select: {host}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
