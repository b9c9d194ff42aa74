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
import re
import signal
import socket
import sys

MESSAGE = b"Half a league, half a league . . .\0"


def send(host: str, port: int, message: bytes) -> None:
    """Send *message* over a connection of its own.

    Each address of *host* is tried until one accepts.

    :raises OSError: if *host* is unknown, refuses, or breaks off
    :raises UnicodeError: if *host* cannot be a name

    See :manpage:`connect(2)` and :manpage:`tcp(7)`.
    """
    with socket.create_connection((host, port)) as connection:
        connection.sendall(message)


def port_number(text: str) -> int:
    """Return *text* as a port number.

    :raises argparse.ArgumentTypeError: if it is none
    """
    if re.fullmatch("[0-9]{1,5}", text) and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r:.20} is not from 1 to 65535")


def main() -> None:
    """Send the message."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Send one message.")
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("port", metavar="PORT", type=port_number)
    to = parser.parse_args()
    try:
        send(to.host, to.port, MESSAGE)
    except (OSError, UnicodeError) as error:
        sys.exit(f"inet_stream_connect: {to.host} port {to.port}: {error}")


if __name__ == "__main__":
    main()
