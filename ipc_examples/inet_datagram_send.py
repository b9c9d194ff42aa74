# SPDX-License-Identifier: 0BSD
"""Send one datagram to a host and port.

Start inet_datagram_receive.py, then run, with the port that it shows::

    python inet_datagram_send.py HOST PORT

.. testcode::

    import socket
    from ipc_examples.inet_datagram_send import send

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        send("localhost", receiver.getsockname()[1], b"The sea is calm")
        print(receiver.recv(1024))

.. testoutput::

    b'The sea is calm'
"""

import argparse
import contextlib
import re
import signal
import socket
import sys

MESSAGE = b"The sea is calm tonight, the tide is full . . .\0"
TIMEOUT = 0.1  # seconds in which a refusal may come back


def send(host: str, port: int, message: bytes) -> None:
    """Send *message* as one datagram to *host*.

    Where *host* has several addresses, as ``localhost`` has, the next is
    tried when one refuses.

    :raises OSError: if *host* is unknown; if all refuse, as the first did
    :raises UnicodeError: if *host* cannot be a name

    See :manpage:`getaddrinfo(3)` and :manpage:`udp(7)`, "Error handling".
    """
    first_error: OSError | None = None
    found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as sender:
                sender.connect(address)  # only then do refusals reach us
                sender.send(message)
                await_refusal(sender)
                return
        except OSError as error:
            first_error = first_error or error
    raise first_error or OSError("no address")


def await_refusal(sender: socket.socket) -> None:
    """Return when nothing has come back for TIMEOUT seconds.

    :raises ConnectionRefusedError: if nobody receives at that port

    See :manpage:`udp(7)`, "Error handling".
    """
    sender.settimeout(TIMEOUT)
    with contextlib.suppress(TimeoutError):
        sender.recv(1)


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
    parser = argparse.ArgumentParser(description="Send one datagram.")
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("port", metavar="PORT", type=port_number)
    to = parser.parse_args()
    try:
        send(to.host, to.port, MESSAGE)
    except (OSError, UnicodeError) as error:
        sys.exit(f"inet_datagram_send: {to.host} port {to.port}: {error}")


if __name__ == "__main__":
    main()
