# SPDX-License-Identifier: 0BSD
r"""Accept connections at a name in the file system, print what they bring.

Run it, then unix_stream_connect.py in a second terminal; end it by ^C::

    python unix_stream_accept.py [PATH]

PATH is the name, ``socket`` unless you say otherwise. It is gone when the
program is.

.. testcode::

    import socket
    from ipc_examples.unix_stream_accept import escaped

    client, connection = socket.socketpair()
    with client, connection:
        client.sendall(b"Half a league,\0half a\x1b[2J league . . .\0")
        print(f"-->{escaped(connection.recv(1024))}")

.. testoutput::

    -->Half a league,
    -->half a\x1b[2J league . . .
"""

import argparse
import atexit
import contextlib
import os
import signal
import socket
import sys
import time
from typing import NoReturn

BUFFER_SIZE = 16384  # bytes that one recv() returns at most
RETRY_DELAY = 1.0  # seconds, after an accept() that failed
STOPPING = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def serve(listener: socket.socket) -> NoReturn:
    """Accept one connection after another; print what each brings.

    :raises OSError: if standard output fails

    See :manpage:`accept(2)`, "Errors": there may be no free descriptor.
    """
    while True:
        try:
            connection, _ = listener.accept()
        except OSError as error:
            print(f"unix_stream_accept: {error}", file=sys.stderr)
            time.sleep(RETRY_DELAY)  # or a lasting cause would keep us busy
            continue
        with connection:
            while data := receive(connection):
                print(f"-->{escaped(data)}", flush=True)
            print("Ending connection", flush=True)


def receive(connection: socket.socket) -> bytes:
    """Return what *connection* brings next, nothing at its end.

    If the peer breaks off, that is the end as well.

    See :manpage:`recv(2)`.
    """
    try:
        return connection.recv(BUFFER_SIZE)
    except OSError as error:  # the client's misfortune, not ours
        print(f"unix_stream_accept: {error}", file=sys.stderr)
        return b""


def remove_at_end(path: str) -> None:
    """Remove the socket's file *path* when the program ends, if still ours.

    A signal of STOPPING ends it as well. All of these have to be blocked
    until this function unblocks them.

    :raises OSError: if there is no such file

    See :manpage:`unix(7)`, "Pathname sockets", and :manpage:`signal(7)`.
    """
    made = os.lstat(path)

    def tidy_up(number: int = 0, _frame: object = None) -> None:
        with contextlib.suppress(OSError):
            if os.path.samestat(made, os.lstat(path)):
                os.unlink(path)
        if number:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)  # whoever waits for us looks at it
            os._exit(128 + number)  # as process 1, which it did not kill

    atexit.register(tidy_up)
    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, tidy_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def escaped(messages: bytes) -> str:
    """Return *messages* as text, a line for each that a NUL ends.

    Control characters are escaped. A backslash is shown as it is.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = messages.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return text.translate(ESCAPES).replace("\0", "\n-->")


def main() -> None:
    """Serve at a path until a signal ends it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    parser = argparse.ArgumentParser(description="Print what clients send.")
    parser.add_argument("path", metavar="PATH", nargs="?", default="socket")
    path = subject = parser.parse_args().path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            remove_at_end(path)
            listener.listen()
            subject = "standard output"
            print(f"Socket has name {escaped(os.fsencode(path))}", flush=True)
            serve(listener)
    except OSError as error:
        sys.exit(f"unix_stream_accept: {subject}: {error}")


if __name__ == "__main__":
    main()
