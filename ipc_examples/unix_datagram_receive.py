# SPDX-License-Identifier: 0BSD
r"""Receive one datagram at a name in the file system.

Run it, then unix_datagram_send.py in a second terminal::

    python unix_datagram_receive.py [PATH]

What comes from outside cannot play tricks on the terminal:

.. testcode::

    from ipc_examples.unix_datagram_receive import escaped

    print(escaped(b"The sea is calm\x1b[2J tonight\0"))

.. testoutput::

    The sea is calm\x1b[2J tonight
"""

import argparse
import atexit
import contextlib
import os
import signal
import socket
import sys

STOPPING = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


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
    """Receive one datagram at a path and print it.

    See :manpage:`bind(2)`, and :manpage:`recvmsg(2)`, ``MSG_TRUNC``.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    parser = argparse.ArgumentParser(description="Receive one datagram.")
    parser.add_argument("path", metavar="PATH", nargs="?", default="socket")
    path = subject = parser.parse_args().path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(path)
            remove_at_end(path)
            subject = "standard output"
            print(f"socket -->{escaped(os.fsencode(path))}", flush=True)
            subject = path
            datagram, _, flags, _ = receiver.recvmsg(1024)
            subject = "standard output"
            print(f"-->{escaped(datagram)}", flush=True)
    except OSError as error:
        sys.exit(f"unix_datagram_receive: {subject}: {error}")
    if flags & socket.MSG_TRUNC:
        sys.exit(f"unix_datagram_receive: cut to {len(datagram)} bytes")


if __name__ == "__main__":
    main()
