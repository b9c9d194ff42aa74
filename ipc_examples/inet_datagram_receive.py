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

SIZE = 1024


def receiver_at(host: str) -> socket.socket:
    """Open a datagram socket at *host*, at a port that the system chooses.

    Where *host* has several addresses, the first that can be had is taken.

    :param host: a name or address of this machine; ``0.0.0.0`` and ``::``
        stand for all its addresses
    :raises OSError: if *host* is unknown; if none of its addresses can be
        had, for the reason of the last

    See :manpage:`getaddrinfo(3)`, :manpage:`bind(2)` and :manpage:`udp(7)`.
    """
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    refusal = OSError("no address")
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as receiver:
                receiver.bind(address)
                return socket.socket(fileno=receiver.detach())  # stays open
        except OSError as error:
            refusal = error
    raise refusal


def printable(message: bytes) -> str:
    """Return *message* as text: no final NUL, control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = message.removesuffix(b"\0").decode(encoding, "backslashreplace")
    if text.isprintable():  # by far the fastest way
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Print one datagram; return the exit status."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    parser = argparse.ArgumentParser(description="Receive one datagram.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    host = parser.parse_args().host
    try:
        with receiver_at(host) as receiver:
            port = receiver.getsockname()[1]
            print(f"Socket has port {port}", flush=True)
            datagram, _, flags, _ = receiver.recvmsg(SIZE)
            print(f"-->{printable(datagram)}", flush=True)
    except (OSError, UnicodeError) as error:
        print(f"inet_datagram_receive: {host}: {error}", file=sys.stderr)
        return 1
    if flags & socket.MSG_TRUNC:
        print(f"inet_datagram_receive: cut to {SIZE} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
