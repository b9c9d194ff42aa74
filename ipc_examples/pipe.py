# SPDX-License-Identifier: 0BSD
"""Send one message from a child process to its parent through a pipe.

Run it::

    python pipe.py

The parent makes the pipe, forks, and reads what the child writes:

.. testcode::

    from ipc_examples.pipe import receive_from_child

    print(receive_from_child(b"Bright star"))

.. testoutput::

    b'Bright star'
"""

import argparse
import os
import signal
import sys
from typing import BinaryIO, NoReturn

MESSAGE = b"Bright star, would I were steadfast as thou art . . .\0"


def receive_from_child(message: bytes) -> bytes:
    """Fork a child that writes *message*; return all that the parent reads.

    :raises OSError: if there is no room for a pipe or a process; its
        subclass :exc:`ChildProcessError` if the child failed

    See :manpage:`pipe(2)`, :manpage:`fork(2)` and :manpage:`waitpid(2)`.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as source, os.fdopen(writer, "wb") as sink:
        child = os.fork()
        if child == 0:
            write_and_exit(source, sink, message)
        try:
            sink.close()  # or the end of the data would never come
            received = source.read()
        finally:
            source.close()  # or a child still writing might never end
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    return received


def write_and_exit(source: BinaryIO, sink: BinaryIO, data: bytes) -> NoReturn:
    """In the child: write *data* to *sink*, then leave the process."""
    status = 1
    try:
        source.close()
        with sink:
            sink.write(data)
        status = 0
    except OSError as error:
        print(f"pipe: child: {error}", file=sys.stderr)
    finally:
        os._exit(status)


def printable(message: bytes) -> str:
    """Return *message* as text: no final NUL, control characters escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = message.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Print the child's message; return the exit status."""
    parent = os.getpid()

    def stop(number: int, _frame: object) -> None:
        if os.getpid() == parent:
            sys.exit(128 + number)
        os._exit(128 + number)  # not by way of the parent's code

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    argparse.ArgumentParser(description="Read from a child.").parse_args()
    try:
        print(f"-->{printable(receive_from_child(MESSAGE))}", flush=True)
    except OSError as error:
        print(f"pipe: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
