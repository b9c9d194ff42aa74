# SPDX-License-Identifier: 0BSD
"""Let a signal tell of input, so that a program can compute meanwhile.

Run it, on Linux::

    python signal_driven.py

A signal is no count of messages, unless it is one that queues:

.. testcode::

    from ipc_examples.signal_driven import compute_until_told, count_signals

    for line in compute_until_told(b"Half a league"):
        print(line)
    print(count_signals("SIGIO", messages=5))
    print(count_signals("SIGRTMIN", messages=5))

.. testoutput::

    SIGIO
    -->Half a league
    1
    5
"""

import fcntl
import hashlib
import os
import select
import signal
import socket
import sys
from typing import NoReturn

MESSAGE = b"Half a league"
MESSAGES = 5
BUFFER_SIZE = 65536  # bytes
# C0 but NUL, DEL, C1; what breaks or reorders a line: U+2028-202E, 2066-2069.
CODES = *range(1, 32), *range(127, 160), *range(8232, 8239), *range(8294, 8298)
ESCAPES = {code: ascii(chr(code))[1:-1] for code in CODES}


def send_signals_for(channel: socket.socket) -> None:
    """From now on, let this process have SIGIO for what happens there.

    See :manpage:`fcntl(2)`, ``F_SETOWN`` and ``O_ASYNC``.
    """
    fcntl.fcntl(channel, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(channel, fcntl.F_GETFL)
    fcntl.fcntl(channel, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)


def compute_until_told(message: bytes) -> list[str]:
    """Compute until a child sends *message*; return what was noticed.

    :param message: at most BUFFER_SIZE bytes
    :raises OSError: if there is no room, or the child failed
    :raises ValueError: if this is not the main thread

    See :manpage:`socket(7)`, "Signals".
    """
    told: list[str] = []
    before = signal.signal(signal.SIGIO, lambda *_: told.append("SIGIO"))
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGIO])
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            send_signals_for(ours)
            if (child := os.fork()) == 0:
                send_and_exit(theirs, ours, message)
            theirs.close()
            try:
                poll = select.poll()
                poll.register(ours, select.POLLIN)
                while not (told and poll.poll(0)):  # SIGIO may be for nothing
                    hashlib.sha256(bytes(4096))  # something to compute
                received = ours.recv(BUFFER_SIZE)
            finally:
                ours.close()  # which the child waits for
                status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGIO, before)
    if status:
        raise ChildProcessError(f"the child ended with status {status}")
    return [told[0], f"-->{escaped(received)}"]


def send_and_exit(
    channel: socket.socket, parents: socket.socket, message: bytes
) -> NoReturn:
    """In the child: send *message*, wait for the parent, leave the process."""
    status = 1
    try:
        parents.close()  # or the parent's end would not be seen
        channel.send(message)
        channel.recv(1)  # or the child's own end would send a signal, too
        status = 0
    except Exception as error:
        print(f"signal_driven: child: {error!r}", file=sys.stderr)
    finally:
        os._exit(status)  # never into the parent's code


def count_signals(name: str, messages: int) -> int:
    """Return how many signals come of *messages*, sent while it is blocked.

    :param name: of the signal: SIGIO, or SIGRTMIN, which queues
    :param messages: how many are sent, one byte each, at most 200
    :raises OSError: if there is no room

    In a process with threads, all of them must block these signals.
    See :manpage:`fcntl(2)`, ``F_SETSIG``, and :manpage:`signal(7)`.
    """
    number = getattr(signal, name)
    watched = {signal.SIGIO, number}  # SIGIO comes if a queue is full
    came = []
    one, other = socket.socketpair()
    with one, other:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        try:
            send_signals_for(other)
            fcntl.fcntl(other, fcntl.F_SETSIG, number)
            for _ in range(messages):
                one.sendall(b"!")
            while info := signal.sigtimedwait(watched, 0):
                came.append(info.si_signo)
            for _ in range(messages):
                other.recv(1)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return came.count(number)


def escaped(messages: bytes) -> str:
    """Return *messages* as text, a line for each that a NUL ends.

    Control characters are escaped. A backslash is shown as it is.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = messages.removesuffix(b"\0").decode(encoding, "backslashreplace")
    return text.translate(ESCAPES).replace("\0", "\n-->")


def main() -> None:
    """Print what is noticed, and how many signals come of some messages."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        print(*compute_until_told(MESSAGE), sep="\n", flush=True)
        for name in "SIGIO", "SIGRTMIN":
            signals = count_signals(name, MESSAGES)
            print(f"{MESSAGES} messages, {signals} {name}", flush=True)
    except OSError as error:
        sys.exit(f"signal_driven: {error}")


if __name__ == "__main__":
    main()
