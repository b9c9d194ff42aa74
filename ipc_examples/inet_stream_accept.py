# SPDX-License-Identifier: 0BSD
r"""Accept connections one after another and print what they bring.

Run it, then inet_stream_connect.py in a second terminal; end it by ^C::

    python inet_stream_accept.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise.

.. testcode::

    import socket
    from ipc_examples.inet_stream_accept import escaped

    client, connection = socket.socketpair()
    with client, connection:
        client.sendall(b"Half a league,\0half a\x1b[2J league . . .\0")
        print(f"-->{escaped(connection.recv(1024))}")

.. testoutput::

    -->Half a league,
    -->half a\x1b[2J league . . .
"""

import argparse
import signal
import socket
import sys
import time
from typing import NoReturn

BUFFER_SIZE = 16384  # bytes that one recv() returns at most
RETRY_DELAY = 1.0  # seconds, after an accept() that failed
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def serve(listener: socket.socket) -> NoReturn:
    """Accept one connection after another; print what each brings.

    :raises OSError: if standard output fails

    See :manpage:`accept(2)`, "Errors": there may be no free descriptor.
    """
    while True:
        try:
            connection, _ = listener.accept()
        except OSError as error:
            print(f"inet_stream_accept: {error}", file=sys.stderr)
            time.sleep(RETRY_DELAY)  # or a lasting cause would keep us busy
            continue
        with connection:
            while data := receive(connection):
                print(f"-->{escaped(data)}", flush=True)
            print("Ending connection", flush=True)


def receive(connection: socket.socket) -> bytes:
    """Return what *connection* brings next, nothing at its end.

    If the peer breaks off, that is the end as well.

    See :manpage:`recv(2)`.
    """
    try:
        return connection.recv(BUFFER_SIZE)
    except OSError as error:  # the client's misfortune, not ours
        print(f"inet_stream_accept: {error}", file=sys.stderr)
        return b""


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
        sys.exit(f"inet_stream_accept: {subject}: {error}")


if __name__ == "__main__":
    main()
