# SPDX-License-Identifier: 0BSD
"""Send each of many clients back what it sends, and wait for none of them.

Run it, then speak to it, say with ``nc 127.0.0.1 PORT``; end it by ^C::

    python inet_stream_echo.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise.

.. testcode::

    import selectors
    import socket
    from ipc_examples.inet_stream_echo import Client, move_data

    peer, connection = socket.socketpair()
    with peer, connection:
        peer.sendall(b"Half a league")
        move_data(Client(connection), selectors.EVENT_READ)
        print(peer.recv(1024))

.. testoutput::

    b'Half a league'
"""

import argparse
import signal
import socket
import sys
import time
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector, DefaultSelector
from typing import Any, NoReturn

BUFFER_SIZE = 16384  # bytes that one recv() returns at most
LIMIT = 65536  # bytes that wait for a client; with more, it is not read
RETRY_DELAY = 1.0  # seconds, after an accept() that failed


class Client:
    """A connection, and what has yet to be sent on it."""

    def __init__(self, connection: socket.socket) -> None:
        """Begin with nothing to send."""
        self.connection = connection
        self.unsent = bytearray()
        self.has_ended = False  # it will send no more, but may still read


def serve(listener: socket.socket) -> NoReturn:
    """Accept, receive and send whatever can be done without waiting.

    See :manpage:`select(2)`.
    """
    listener.setblocking(False)
    retry_at = 0.0  # when to listen again, if accept() failed
    with DefaultSelector() as selector:
        selector.register(listener, EVENT_READ)
        try:
            while True:
                timeout = RETRY_DELAY if retry_at else None
                for key, events in selector.select(timeout):
                    if key.fileobj is listener:
                        if not accept_connection(selector, listener):
                            selector.unregister(listener)
                            retry_at = time.monotonic() + RETRY_DELAY
                    elif wanted := move_data(key.data, events):
                        selector.modify(key.fileobj, wanted, key.data)
                    else:
                        selector.unregister(key.fileobj)
                        key.data.connection.close()
                if retry_at and time.monotonic() >= retry_at:
                    retry_at = 0.0
                    selector.register(listener, EVENT_READ)
        finally:
            for key in tuple(selector.get_map().values()):
                sock: Any = key.fileobj
                sock.close()


def move_data(client: Client, events: int) -> int:
    """Receive what there is, send what there is room for.

    :param events: what the connection is ready for
    :returns: what to wait for next: to receive, unless the client has ended
        or does not read; to send, if something is left; 0 if neither

    See :manpage:`recv(2)` and :manpage:`send(2)`.
    """
    try:
        if events & EVENT_READ:
            data = client.connection.recv(BUFFER_SIZE)
            client.has_ended = not data
            client.unsent += data
        if client.unsent:
            sent = client.connection.send(client.unsent)
            del client.unsent[:sent]
    except BlockingIOError:
        pass  # there was nothing to receive, or no room after all
    except OSError as error:  # the client's misfortune, not ours
        print(f"inet_stream_echo: {error}", file=sys.stderr)
        return 0
    reading = not client.has_ended and len(client.unsent) < LIMIT
    return EVENT_READ * reading | EVENT_WRITE * bool(client.unsent)


def accept_connection(selector: BaseSelector, listener: socket.socket) -> bool:
    """Accept a connection, if one is still there, and register it.

    :returns: False if it has to be tried again later, as when no descriptor
        is free

    See :manpage:`accept(2)`, "Errors".
    """
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return True  # the client has left meanwhile
    except OSError as error:
        print(f"inet_stream_echo: {error}", file=sys.stderr)
        return False
    connection.setblocking(False)
    selector.register(connection, EVENT_READ, Client(connection))
    return True


def listener_at(host: str) -> socket.socket:
    """Open a listening socket at *host*, at a port that the system chooses.

    Where *host* has several addresses, the first that can be had is taken.

    :param host: a name or address of this machine; ``0.0.0.0`` stands for
        all its IPv4 addresses, and ``::`` for all its IPv6 addresses
    :raises OSError: if *host* is unknown; if none of its addresses can be
        had, for the reason of the last
    :raises UnicodeError: if *host* cannot be a name

    See :manpage:`getaddrinfo(3)`, :manpage:`bind(2)`, :manpage:`listen(2)`.
    """
    last_error = OSError("no address")
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    for family, _, _, _, address in found:
        try:  # socket(), bind() and listen() in one
            return socket.create_server(address, family=family)
        except OSError as error:
            last_error = error
    raise last_error


def main() -> None:
    """Serve until a signal ends it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Echo what clients send.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    subject = parser.parse_args().host
    try:
        with listener_at(subject) as listener:
            subject = "standard output"
            print(f"Socket has port {listener.getsockname()[1]}", flush=True)
            serve(listener)
    except (OSError, UnicodeError) as error:
        sys.exit(f"inet_stream_echo: {subject}: {error}")


if __name__ == "__main__":
    main()
