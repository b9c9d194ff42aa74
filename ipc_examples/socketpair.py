# SPDX-License-Identifier: 0BSD
r"""Let a parent and its child send each other a message over a socket pair.

Run it::

    python socketpair.py

A message ends with a NUL byte. So its reader knows when it is whole:

.. testcode::

    import socket
    from ipc_examples.socketpair import receive_message

    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"In Xanadu, did ")
        one.sendall(b"Kublai Khan . . .\0")
        print(receive_message(other))

.. testoutput::

    b'In Xanadu, did Kublai Khan . . .'
"""

import argparse
import os
import signal
import socket
import sys
from typing import NoReturn

FROM_CHILD = b"In Xanadu, did Kublai Khan . . .\0"
FROM_PARENT = b"A stately pleasure dome decree . . .\0"


def converse() -> None:
    """Fork a child; print its message, then send it one to print.

    :raises OSError: if there is no room, or the child breaks off or fails

    See :manpage:`socketpair(2)` and :manpage:`waitpid(2)`.
    """
    print(end="", flush=True)  # what is still unwritten would be copied too
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM, 0)
    with ends[0] as childs, ends[1] as parents:
        child = os.fork()
        if child == 0:
            speak_and_exit(childs, parents)
        try:
            childs.close()
            print(f"-->{printable(receive_message(parents))}", flush=True)
            parents.sendall(FROM_PARENT)
        finally:
            parents.close()  # or a child still reading might never end
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")


def speak_and_exit(childs: socket.socket, parents: socket.socket) -> NoReturn:
    """In the child: send a message, print the answer, leave the process."""
    status = 1
    try:
        parents.close()
        childs.sendall(FROM_CHILD)
        print(f"-->{printable(receive_message(childs))}", flush=True)
        status = 0
    except OSError as error:
        print(f"socketpair: child: {error}", file=sys.stderr)
    finally:
        os._exit(status)


def receive_message(connection: socket.socket) -> bytes:
    """Return the peer's message, without the NUL byte that ends it.

    The peer sends no other before it is answered.

    :raises ConnectionError: if the peer closes before the message is whole,
        or sends something after it
    """
    message = b""
    while b"\0" not in message:
        piece = connection.recv(1024)
        if not piece:
            raise ConnectionError("the peer closed before its message ended")
        message += piece
    message, _, more = message.partition(b"\0")
    if more:
        raise ConnectionError("the peer sent more than one message")
    return message


def printable(message: bytes) -> str:
    """Return *message* as text, its control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = message.decode(encoding, "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Print what each process receives; return the exit status."""
    parent = os.getpid()

    def stop(number: int, _frame: object) -> None:
        if os.getpid() == parent:
            sys.exit(128 + number)
        os._exit(128 + number)  # not by way of the parent's code

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    argparse.ArgumentParser(description="Talk to a child.").parse_args()
    try:
        converse()
    except OSError as error:
        print(f"socketpair: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
