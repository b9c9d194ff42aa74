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

import os
import signal
import socket
import sys
from typing import NoReturn

FROM_CHILD = b"In Xanadu, did Kublai Khan . . .\0"
FROM_PARENT = b"A stately pleasure dome decree . . .\0"
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def talk_with_child() -> None:
    """Fork a child; print its message, then send it one to print.

    :raises OSError: if there is no room for sockets or a process, or standard
        output fails; its subclasses :exc:`ConnectionError` if the child
        breaks off, :exc:`ChildProcessError` if it failed

    See :manpage:`socketpair(2)` and :manpage:`waitpid(2)`.
    """
    print(end="", flush=True)  # or both would write what is still unwritten
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM, 0)
    with ends[0] as child_end, ends[1] as parent_end:
        child = os.fork()
        if child == 0:
            talk_and_exit(child_end, parent_end)
        try:
            child_end.close()
            print(f"-->{escaped(receive_message(parent_end))}", flush=True)
            parent_end.sendall(FROM_PARENT)
        finally:
            parent_end.close()  # or a child still reading might never end
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")


def talk_and_exit(
    child_end: socket.socket, parent_end: socket.socket
) -> NoReturn:
    """In the child: send a message, print the answer, leave the process."""
    status = 1
    try:
        parent_end.close()
        child_end.sendall(FROM_CHILD)
        print(f"-->{escaped(receive_message(child_end))}", flush=True)
        status = 0
    except Exception as error:
        print(f"socketpair: child: {error!r}", file=sys.stderr)
    finally:
        os._exit(status)  # never into the parent's code


def receive_message(connection: socket.socket) -> bytes:
    """Return the peer's message, without the NUL byte that ends it.

    The peer sends no other before it is answered.

    :raises ConnectionError: if the peer closes before the message is whole,
        or something after it comes in the same piece

    See :manpage:`recv(2)`.
    """
    message = b""
    while b"\0" not in message:
        if not (piece := connection.recv(1024)):
            raise ConnectionError("the peer closed before its message ended")
        message += piece
    message, _, more = message.partition(b"\0")
    if more:
        raise ConnectionError("the peer sent more than one message")
    return message


def escaped(messages: bytes) -> str:
    """Return *messages* as text, a line for each that a NUL ends.

    Control characters are escaped. A backslash is shown as it is.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = messages.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return text.translate(ESCAPES).replace("\0", "\n-->")


def main() -> None:
    """Talk with a child."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        talk_with_child()
    except OSError as error:
        sys.exit(f"socketpair: {error}")


if __name__ == "__main__":
    main()
