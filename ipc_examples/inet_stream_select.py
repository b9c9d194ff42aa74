# SPDX-License-Identifier: 0BSD
r"""Serve many connections at once: ask select() which one has news.

Run it, then inet_stream_connect.py in other terminals; end it by ^C::

    python inet_stream_select.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise.

.. testcode::

    import socket
    from ipc_examples.inet_stream_select import read_available

    client, connection = socket.socketpair()
    with client, connection:
        client.sendall(b"Half a league, half a league . . .\0")
        print(read_available(connection))

.. testoutput::

    -->Half a league, half a league . . .
    True
"""

import argparse
import signal
import socket
import sys
import time
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from typing import Any, NoReturn

BUFFER_SIZE = 16384  # bytes that one recv() returns at most
IDLE = 5.0  # seconds without any event
RETRY_DELAY = 1.0  # seconds, after an accept() that failed
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def serve(listener: socket.socket, idle: float = IDLE) -> NoReturn:
    """Accept and read whatever is ready; print a line when nothing was.

    :param idle: seconds without any event after which to print it
    :raises OSError: if standard output fails

    See :manpage:`select(2)`.
    """
    listener.setblocking(False)
    retry_at = 0.0  # when to listen again, if accept() failed
    with DefaultSelector() as selector:
        selector.register(listener, EVENT_READ)
        try:
            while True:
                ready = selector.select(RETRY_DELAY if retry_at else idle)
                for key, _ in ready:
                    sock: Any = key.fileobj
                    if sock is listener:
                        if not accept_connection(selector, listener):
                            selector.unregister(listener)
                            retry_at = time.monotonic() + RETRY_DELAY
                    elif not read_available(sock):
                        print("Ending connection", flush=True)
                        selector.unregister(sock)
                        sock.close()
                if retry_at and time.monotonic() >= retry_at:
                    retry_at = 0.0
                    selector.register(listener, EVENT_READ)
                elif not ready and not retry_at:
                    print("Do something else", flush=True)
        finally:
            for key in tuple(selector.get_map().values()):
                sock = key.fileobj
                sock.close()


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
        print(f"inet_stream_select: {error}", file=sys.stderr)
        return False
    connection.setblocking(False)
    selector.register(connection, EVENT_READ)
    return True


def read_available(connection: socket.socket) -> bool:
    """Print what *connection* brings now.

    :returns: whether more may come
    :raises OSError: if standard output fails

    See :manpage:`recv(2)`.
    """
    try:
        data = connection.recv(BUFFER_SIZE)
    except BlockingIOError:
        return True  # select() may raise a false alarm
    except OSError as error:  # the client's misfortune, not ours
        print(f"inet_stream_select: {error}", file=sys.stderr)
        return False
    if data:
        print(f"-->{escaped(data)}", flush=True)
    return bool(data)


def escaped(messages: bytes) -> str:
    """Return *messages* as text, a line for each that a NUL ends.

    Control characters are escaped. A backslash is shown as it is.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = messages.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return text.translate(ESCAPES).replace("\0", "\n-->")


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
    parser = argparse.ArgumentParser(description="Print what clients send.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    subject = parser.parse_args().host
    try:
        with listener_at(subject) as listener:
            subject = "standard output"
            print(f"Socket has port {listener.getsockname()[1]}", flush=True)
            serve(listener)
    except (OSError, UnicodeError) as error:
        sys.exit(f"inet_stream_select: {subject}: {error}")


if __name__ == "__main__":
    main()
