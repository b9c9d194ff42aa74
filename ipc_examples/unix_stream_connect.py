# SPDX-License-Identifier: 0BSD
"""Connect to a name in the file system, send one message, and close.

Start unix_stream_accept.py, then run::

    python unix_stream_connect.py PATH

.. testcode::

    import socket
    import tempfile
    from ipc_examples.unix_stream_connect import send

    with (
        tempfile.TemporaryDirectory() as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
    ):
        listener.bind(f"{directory}/socket")
        listener.listen()
        send(f"{directory}/socket", b"Half a league")
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


def send(path: str, message: bytes) -> None:
    """Send *message* over a connection of its own to the socket at *path*.

    :raises OSError: if nobody listens there, or the peer breaks off

    See :manpage:`unix(7)` and :manpage:`connect(2)`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall(message)


def main() -> None:
    """Send the message."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Send one message.")
    parser.add_argument("path", metavar="PATH")
    path = parser.parse_args().path
    try:
        send(path, MESSAGE)
    except OSError as error:
        sys.exit(f"unix_stream_connect: {path}: {error}")


if __name__ == "__main__":
    main()
