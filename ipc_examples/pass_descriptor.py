# SPDX-License-Identifier: 0BSD
"""Pass an open file from a child process to its parent over a socket pair.

Run it::

    python pass_descriptor.py

The number changes on the way; the open file behind it is the same:

.. testcode::

    import os
    import socket
    from ipc_examples.pass_descriptor import receive_descriptor
    from ipc_examples.pass_descriptor import send_descriptor

    one, other = socket.socketpair()
    with one, other:
        send_descriptor(one, 0)
        descriptor = receive_descriptor(other)
        print(descriptor == 0, os.path.sameopenfile(descriptor, 0))
        os.close(descriptor)

.. testoutput::

    False True
"""

import argparse
import array
import os
import signal
import socket
import sys
from typing import NoReturn

MESSAGE = b"Half a league, half a league . . .\n"


def send_descriptor(connection: socket.socket, descriptor: int) -> None:
    """Send *descriptor*, and one byte to carry it.

    See :manpage:`sendmsg(2)` and :manpage:`unix(7)`, SCM_RIGHTS.
    """
    rights = array.array("i", [descriptor])
    connection.sendmsg(
        [b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
    )


def receive_descriptor(connection: socket.socket) -> int:
    """Return the descriptor, new in this process, that the peer sent.

    :raises ConnectionError: if it sent none, or more than one

    See :manpage:`recvmsg(2)` and :manpage:`cmsg(3)`.
    """
    rights = array.array("i")
    room = socket.CMSG_LEN(rights.itemsize)  # for one descriptor
    _, ancillary, flags, _ = connection.recvmsg(1, room)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            rights.frombytes(data)
    if flags & socket.MSG_CTRUNC or len(rights) != 1:
        for descriptor in rights:
            os.close(descriptor)
        raise ConnectionError("the peer did not send one descriptor")
    os.set_inheritable(rights[0], False)
    return rights[0]


def open_and_exit(connection: socket.socket) -> NoReturn:
    """In the child: send a file that has no name, leave the process."""
    status = 1
    try:
        # Imported before the fork, it would bring random, which acts at forks.
        import tempfile  # noqa: PLC0415

        with tempfile.TemporaryFile() as file:
            file.write(MESSAGE)
            file.seek(0)
            send_descriptor(connection, file.fileno())
        status = 0
    except OSError as error:
        print(f"pass_descriptor: child: {error}", file=sys.stderr)
    finally:
        os._exit(status)


def data_from_child() -> bytes:
    """Fork a child that sends an open file; return what the file holds.

    :raises OSError: if there is no room, or the child failed
    """
    childs, parents = socket.socketpair()
    with childs, parents:
        child = os.fork()
        if child == 0:
            open_and_exit(childs)
        try:
            childs.close()
            with os.fdopen(receive_descriptor(parents), "rb") as file:
                data = file.read()
        finally:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    return data


def printable(line: bytes) -> str:
    """Return *line* as text, its control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = line.decode(encoding, "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Print what the child's file holds; return the exit status."""
    parent = os.getpid()

    def stop(number: int, _frame: object) -> None:
        if os.getpid() == parent:
            sys.exit(128 + number)
        os._exit(128 + number)  # not by way of the parent's code

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    argparse.ArgumentParser(
        description="Read a file of a child's."
    ).parse_args()
    try:
        for line in data_from_child().removesuffix(b"\n").split(b"\n"):
            print(f"-->{printable(line)}", flush=True)
    except OSError as error:
        print(f"pass_descriptor: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
