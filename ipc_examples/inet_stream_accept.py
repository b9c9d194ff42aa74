# SPDX-License-Identifier: 0BSD
r"""Accept connections one after another and print what they bring.

Run it, then inet_stream_connect.py in a second terminal; end it by ^C::

    python inet_stream_accept.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise.

.. testcode::

    import socket
    from ipc_examples.inet_stream_accept import serve

    client, connection = socket.socketpair()
    with connection:
        with client:
            client.sendall(b"Half a league,\0half a league . . .\0")
        serve(connection)

.. testoutput::

    -->Half a league,
    -->half a league . . .
    Ending connection
"""

import argparse
import signal
import socket
import sys
import time

SIZE = 1024
PAUSE = 1.0  # seconds


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


def accepted(listener: socket.socket) -> socket.socket:
    """Wait for a connection and accept it, however often that fails.

    See :manpage:`accept(2)`, "Errors": a descriptor must be free, for one.
    """
    while True:
        try:
            return listener.accept()[0]
        except OSError as error:
            print(f"inet_stream_accept: {error}", file=sys.stderr)
            time.sleep(PAUSE)  # or a lasting cause would keep us busy


def serve(connection: socket.socket) -> None:
    """Print what *connection* brings, until the peer closes or breaks off.

    See :manpage:`recv(2)`.
    """
    while True:
        try:
            data = connection.recv(SIZE)
        except OSError as error:
            print(f"inet_stream_accept: {error}", file=sys.stderr)
            return
        if not data:
            print("Ending connection", flush=True)
            return
        for message in data.removesuffix(b"\0").split(b"\0"):
            print(f"-->{printable(message)}", flush=True)


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
            while True:
                with accepted(listener) as connection:
                    serve(connection)
    except (OSError, UnicodeError) as error:
        print(f"inet_stream_accept: {host}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
