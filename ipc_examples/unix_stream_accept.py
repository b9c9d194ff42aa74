# SPDX-License-Identifier: 0BSD
"""Accept connections at a name in the file system, print what they bring.

Run it, then unix_stream_connect.py in a second terminal; end it by ^C::

    python unix_stream_accept.py [PATH]

The name is gone when the program is:

.. testcode::

    import os
    import tempfile
    from ipc_examples.unix_stream_accept import listener_at

    with tempfile.TemporaryDirectory() as directory:
        with listener_at(f"{directory}/socket"):
            print(os.listdir(directory))
        print(os.listdir(directory))

.. testoutput::

    ['socket']
    []
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import NoReturn

SIZE = 1024
PAUSE = 1.0  # seconds
STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def listener_at(path: str) -> Iterator[socket.socket]:
    """Open a listening socket named *path*; in the end remove that file.

    :raises OSError: if the path exists, is too long or is not allowed

    See :manpage:`unix(7)`, "Pathname sockets", and :manpage:`listen(2)`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        made = None
        try:
            listener.bind(path)
            made = os.lstat(path)
            listener.listen()
            yield listener
        finally:
            if listener.getsockname():  # bound, so the file was ours
                with contextlib.suppress(FileNotFoundError):
                    now = os.lstat(path)
                    if os.path.samestat(made or now, now):
                        os.unlink(path)


def accepted(listener: socket.socket) -> socket.socket:
    """Wait for a connection and accept it, however often that fails.

    See :manpage:`accept(2)`, "Errors": a descriptor must be free, for one.
    """
    while True:
        try:
            return listener.accept()[0]
        except OSError as error:
            print(f"unix_stream_accept: {error}", file=sys.stderr)
            time.sleep(PAUSE)  # or a lasting cause would keep us busy


def serve(connection: socket.socket) -> None:
    """Print what *connection* brings, until the peer closes or breaks off.

    See :manpage:`recv(2)`.
    """
    while True:
        try:
            data = connection.recv(SIZE)
        except OSError as error:
            print(f"unix_stream_accept: {error}", file=sys.stderr)
            return
        if not data:
            print("Ending connection", flush=True)
            return
        for message in data.removesuffix(b"\0").split(b"\0"):
            print(f"-->{printable(message)}", flush=True)


def printable(message: bytes) -> str:
    """Return *message* as text, its control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = message.decode(encoding, "backslashreplace")
    if text.isprintable():  # by far the fastest way
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def stop(number: int, _frame: object) -> NoReturn:
    """End by way of every ``finally``; a second signal has to wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    sys.exit(128 + number)


def main() -> int:
    """Serve until interrupted; return the exit status."""
    for number in STOPPING:
        signal.signal(number, stop)
    parser = argparse.ArgumentParser(description="Print what clients send.")
    parser.add_argument("path", metavar="PATH", nargs="?", default="socket")
    path = parser.parse_args().path
    try:
        with listener_at(path) as listener:
            name = printable(os.fsencode(path))
            print(f"Socket has name {name}", flush=True)
            while True:
                with accepted(listener) as connection:
                    serve(connection)
    except OSError as error:
        print(f"unix_stream_accept: {path}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
