# SPDX-License-Identifier: 0BSD
r"""Receive one datagram at a name in the file system.

Run it, then unix_datagram_send.py in a second terminal::

    python unix_datagram_receive.py [PATH]

What comes from outside cannot play tricks on the terminal:

.. testcode::

    from ipc_examples.unix_datagram_receive import printable

    print(printable(b"calm\x1b[2Jtonight\0"))

.. testoutput::

    calm\x1b[2Jtonight
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import NoReturn

SIZE = 1024
STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def receiver_at(path: str) -> Iterator[socket.socket]:
    """Open a socket named *path*; at the end remove that file, if still ours.

    :raises OSError: if the path exists, is too long or is not allowed

    See :manpage:`unix(7)`, "Pathname sockets".
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        made = None
        try:
            receiver.bind(path)
            made = os.lstat(path)
            yield receiver
        finally:
            if receiver.getsockname():  # bound, so the file was ours
                with contextlib.suppress(FileNotFoundError):
                    now = os.lstat(path)
                    if os.path.samestat(made or now, now):
                        os.unlink(path)


def stop(number: int, _frame: object) -> NoReturn:
    """End by way of every ``finally``; a second signal has to wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    sys.exit(128 + number)


def printable(message: bytes) -> str:
    """Return *message* as text: no final NUL, control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = message.removesuffix(b"\0").decode(encoding, "backslashreplace")
    if text.isprintable():  # by far the fastest way
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Print one datagram; return the exit status."""
    for number in STOPPING:
        signal.signal(number, stop)
    parser = argparse.ArgumentParser(description="Receive one datagram.")
    parser.add_argument("path", metavar="PATH", nargs="?", default="socket")
    path = parser.parse_args().path
    try:
        with receiver_at(path) as receiver:
            print(f"socket -->{printable(os.fsencode(path))}", flush=True)
            datagram, _, flags, _ = receiver.recvmsg(SIZE)
            print(f"-->{printable(datagram)}", flush=True)
            signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    except OSError as error:
        print(f"unix_datagram_receive: {path}: {error}", file=sys.stderr)
        return 1
    if flags & socket.MSG_TRUNC:
        print(f"unix_datagram_receive: cut to {SIZE} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
