# SPDX-License-Identifier: 0BSD
r"""Receive one datagram at an Internet port that the system chose.

Run it, then inet_datagram_send.py in a second terminal::

    python inet_datagram_receive.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise.
What comes from outside cannot play tricks on the terminal:

.. testcode::

    from ipc_examples.inet_datagram_receive import escaped

    print(escaped(b"The sea is calm\x1b[2J tonight\0"))

.. testoutput::

    The sea is calm\x1b[2J tonight
"""

import argparse
import signal
import socket
import sys

# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def receive(host: str) -> None:
    """Receive one datagram at *host*, at a port that the system chooses.

    The port is printed first.

    :param host: an address of this machine, of IPv6 if it has a colon, or a
        name that stands for one of IPv4; ``0.0.0.0`` and ``::`` stand for all
    :raises OSError: if *host* is unknown, or is not this machine
    :raises UnicodeError: if *host* cannot be a name
    :raises SystemExit: if standard output fails, or the datagram did not fit,
        with a message

    See :manpage:`getaddrinfo(3)`, :manpage:`bind(2)`, :manpage:`udp(7)` and
    :manpage:`recvmsg(2)`, ``MSG_TRUNC``.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    *_, address = socket.getaddrinfo(host, 0, family)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        show(f"Socket has port {receiver.getsockname()[1]}")
        datagram, _, flags, _ = receiver.recvmsg(1024)
        show(f"-->{escaped(datagram)}")
    if flags & socket.MSG_TRUNC:
        sys.exit(f"inet_datagram_receive: cut to {len(datagram)} bytes")


def show(line: str) -> None:
    """Print *line* at once.

    :raises SystemExit: if standard output fails, with a message
    """
    try:
        print(line, flush=True)
    except OSError as error:
        sys.exit(f"inet_datagram_receive: standard output: {error}")


def escaped(messages: bytes) -> str:
    """Return *messages* as text, a line for each that a NUL ends.

    Control characters are escaped. A backslash is shown as it is.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = messages.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return text.translate(ESCAPES).replace("\0", "\n-->")


def main() -> None:
    """Receive one datagram at a host."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Receive one datagram.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    host = parser.parse_args().host
    try:
        receive(host)
    except (OSError, UnicodeError) as error:
        sys.exit(f"inet_datagram_receive: {host}: {error}")


if __name__ == "__main__":
    main()
