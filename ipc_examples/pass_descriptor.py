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

import array
import os
import signal
import socket
import sys
import tempfile
from typing import NoReturn

MESSAGE = b"Half a league, half a league . . .\n"
ROOM = 256  # bytes: for a descriptor, and credentials if the socket asks
# Where it is missing, as on macOS, os.set_inheritable() comes a moment later.
CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def send_descriptor(connection: socket.socket, descriptor: int) -> None:
    """Send *descriptor*, and one byte to carry it.

    :raises OSError: if the peer is gone, or *descriptor* is not open

    See :manpage:`sendmsg(2)` and :manpage:`unix(7)`, SCM_RIGHTS.
    """
    rights = array.array("i", [descriptor])
    connection.sendmsg(
        [b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
    )


def receive_descriptor(connection: socket.socket) -> int:
    """Return the descriptor, new in this process, that the peer sent.

    :raises ConnectionError: if it sent none, or more than one

    See :manpage:`recvmsg(2)`, ``MSG_CMSG_CLOEXEC``, and :manpage:`cmsg(3)`.
    """
    rights = array.array("i")
    _, ancillary, flags, _ = connection.recvmsg(1, ROOM, CLOSE_ON_EXEC)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            rights.frombytes(data)
    if flags & socket.MSG_CTRUNC or len(rights) != 1:
        for descriptor in rights:
            os.close(descriptor)
        raise ConnectionError("the peer did not send one descriptor")
    os.set_inheritable(rights[0], False)
    return rights[0]


def data_from_child() -> bytes:
    """Fork a child that sends an open file; return what the file holds.

    :raises OSError: if there is no room; its subclass
        :exc:`ChildProcessError` if the child failed

    See :manpage:`socketpair(2)`, :manpage:`fork(2)` and :manpage:`waitpid(2)`.
    """
    child_end, parent_end = socket.socketpair()
    with child_end, parent_end:
        child = os.fork()
        if child == 0:
            open_and_exit(child_end)
        try:
            child_end.close()
            with open(receive_descriptor(parent_end), "rb") as file:
                data = file.read()
        finally:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    return data


def open_and_exit(connection: socket.socket) -> NoReturn:
    """In the child: send a file that has no name, leave the process."""
    status = 1
    try:
        with tempfile.TemporaryFile() as file:
            file.write(MESSAGE)
            file.seek(0)
            send_descriptor(connection, file.fileno())
        status = 0
    except Exception as error:
        print(f"pass_descriptor: child: {error!r}", file=sys.stderr)
    finally:
        os._exit(status)  # never into the parent's code


def escaped(messages: bytes) -> str:
    """Return *messages* as text, a line for each that a NUL ends.

    Control characters are escaped. A backslash is shown as it is.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = messages.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return text.translate(ESCAPES).replace("\0", "\n-->")


def main() -> None:
    """Print what the child's file holds."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        for line in data_from_child().splitlines():
            print(f"-->{escaped(line)}", flush=True)
    except OSError as error:
        sys.exit(f"pass_descriptor: {error}")


if __name__ == "__main__":
    main()
