# SPDX-License-Identifier: 0BSD
"""Connect to a host and port, send one message, and close.

Start inet_stream_accept.py, then run, with the port that it shows::

    python inet_stream_connect.py HOST PORT

.. testcode::

    import socket
    from ipc_examples.inet_stream_connect import send

    with socket.create_server(("127.0.0.1", 0)) as listener:
        send("localhost", listener.getsockname()[1], b"Half a league")
        with listener.accept()[0] as connection:
            print(connection.recv(1024))

.. testoutput::

    b'Half a league'
"""

import argparse
import signal
import socket
import sys

MESSAGE = b"Half a league, half a league . . .\0"


def send(host: str, port: int, message: bytes) -> None:
    """Send *message* over a connection of its own.

    Each address of *host* is tried until one accepts.

    :raises OSError: if *host* is unknown, refuses, or breaks off

    See :manpage:`connect(2)` and :manpage:`tcp(7)`.
    """
    with socket.create_connection((host, port)) as connection:
        connection.sendall(message)


def port_number(text: str) -> int:
    """Return *text* as a port number.

    :raises argparse.ArgumentTypeError: if it is none
    """
    if text.isascii() and text.isdigit() and int(text) in range(1, 65536):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not from 1 to 65535")


def main() -> int:
    """Send the message; return the exit status."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    parser = argparse.ArgumentParser(description="Send one message.")
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("port", metavar="PORT", type=port_number)
    to = parser.parse_args()
    try:
        send(to.host, to.port, MESSAGE)
    except (OSError, UnicodeError) as error:
        where = f"{to.host} port {to.port}"
        print(f"inet_stream_connect: {where}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
