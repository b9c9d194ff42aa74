# SPDX-License-Identifier: 0BSD
"""Send one datagram to a name in the file system.

Start unix_datagram_receive.py, then run::

    python unix_datagram_send.py PATH

The sender's own socket needs no name:

.. testcode::

    import socket
    import tempfile
    from ipc_examples.unix_datagram_send import send

    with (
        tempfile.TemporaryDirectory() as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(f"{directory}/socket")
        send(f"{directory}/socket", b"The sea is calm tonight")
        print(receiver.recv(1024))

.. testoutput::

    b'The sea is calm tonight'
"""

import argparse
import signal
import socket
import sys

MESSAGE = b"The sea is calm tonight, the tide is full . . .\0"


def send(path: str, message: bytes) -> None:
    """Send *message* as one datagram to the socket named *path*.

    :raises OSError: if there is no such name, or nobody receives at it

    See :manpage:`unix(7)` and :manpage:`sendto(2)`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(message, path)


def main() -> None:
    """Send the message."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Send one datagram.")
    parser.add_argument("path", metavar="PATH")
    path = parser.parse_args().path
    try:
        send(path, MESSAGE)
    except OSError as error:
        sys.exit(f"unix_datagram_send: {path}: {error}")


if __name__ == "__main__":
    main()
