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
import re
import signal
import socket
import sys

MESSAGE = b"The sea is calm tonight, the tide is full . . .\0"


def send(host: str, port: int, message: bytes) -> None:
    """Send *message* as one datagram to *host*.

    :param host: an IPv6 address, if it has a colon; else an IPv4 address, or
        a name that stands for one
    :raises OSError: if *host* is unknown, or the system cannot send; not if
        nobody receives
    :raises UnicodeError: if *host* cannot be a name

    See :manpage:`getaddrinfo(3)`, :manpage:`sendto(2)` and :manpage:`udp(7)`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    *_, address = socket.getaddrinfo(host, port, family)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(message, address)


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
