# SPDX-License-Identifier: 0BSD
"""Receive one datagram at an Internet port that the system chose.

Run it, then inet_datagram_send.py in a second terminal::

    python inet_datagram_receive.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise:

.. testcode::

    from ipc_examples.inet_datagram_receive import receiver_at

    with receiver_at("127.0.0.1") as receiver:
        host, port = receiver.getsockname()
        print(host, 1024 <= port <= 65535)

.. testoutput::

    127.0.0.1 True
"""

import argparse
import signal
import socket
import sys

# C0 but NUL, DEL and C1; what reorders a line: U+2028 to 202E, 2066 to 2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def receive(receiver: socket.socket) -> None:
    """Wait for one datagram and print it.

    :raises OSError: if standard output fails
    :raises SystemExit: if the datagram did not fit, with a message

    See :manpage:`recvmsg(2)`, ``MSG_TRUNC``.
    """
    datagram, _, flags, _ = receiver.recvmsg(1024)
    print(f"-->{escaped(datagram)}", flush=True)
    if flags & socket.MSG_TRUNC:
        sys.exit(f"inet_datagram_receive: cut to {len(datagram)} bytes")


def escaped(messages: bytes) -> str:
    """Return *messages* as text, a line for each that a NUL ends.

    Control characters are escaped. A backslash is shown as it is.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = messages.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return text.translate(ESCAPES).replace("\0", "\n-->")


def receiver_at(host: str) -> socket.socket:
    """Open a datagram socket at *host*, at a port that the system chooses.

    Where *host* has several addresses, the first that can be had is taken.

    :param host: a name or address of this machine; ``0.0.0.0`` and ``::``
        stand for all its addresses
    :raises OSError: if *host* is unknown; if none of its addresses can be
        had, for the reason of the last
    :raises UnicodeError: if *host* cannot be a name

    See :manpage:`getaddrinfo(3)`, :manpage:`bind(2)` and :manpage:`udp(7)`.
    """
    last_error = OSError("no address")
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as receiver:
                receiver.bind(address)
                return receiver.dup()  # a second descriptor, which stays open
        except OSError as error:
            last_error = error
    raise last_error


def main() -> None:
    """Receive one datagram at a host."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Receive one datagram.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    subject = parser.parse_args().host
    try:
        with receiver_at(subject) as receiver:
            subject = "standard output"
            print(f"Socket has port {receiver.getsockname()[1]}", flush=True)
            receive(receiver)
    except (OSError, UnicodeError) as error:
        sys.exit(f"inet_datagram_receive: {subject}: {error}")


if __name__ == "__main__":
    main()
