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

import os
import signal
import sys
from typing import BinaryIO, NoReturn

MESSAGE = b"Bright star, would I were steadfast as thou art . . .\0"
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def receive_from_child(message: bytes) -> bytes:
    """Fork a child that writes *message*; return all that the parent reads.

    :raises OSError: if there is no room for a pipe or a process; its
        subclass :exc:`ChildProcessError` if the child failed

    See :manpage:`pipe(2)`, :manpage:`fork(2)` and :manpage:`waitpid(2)`.
    """
    reader, writer = os.pipe()
    with open(reader, "rb") as source, open(writer, "wb") as sink:
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
    """In the child: write *data* to *sink*, then leave the process.

    See :manpage:`_exit(2)`.
    """
    status = 1
    try:
        source.close()  # or a write would wait, though nobody reads any more
        with sink:
            sink.write(data)
        status = 0
    except Exception as error:
        print(f"pipe: child: {error!r}", file=sys.stderr)
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
    """Print the child's message."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        print(f"-->{escaped(receive_from_child(MESSAGE))}", flush=True)
    except OSError as error:
        sys.exit(f"pipe: {error}")


if __name__ == "__main__":
    main()
