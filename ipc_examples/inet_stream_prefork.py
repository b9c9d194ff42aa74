# SPDX-License-Identifier: 0BSD
"""Send clients back what they send, by a few processes that share a listener.

Run it, then speak to it, say with ``nc 127.0.0.1 PORT``; end it by ^C, or by
SIGTERM, which lets it finish what it has begun::

    python inet_stream_prefork.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise. A
name stands for its first address.

.. testcode::

    import socket
    from ipc_examples.inet_stream_prefork import echo

    peer, connection = socket.socketpair()
    with peer:
        peer.sendall(b"Half a league")
        peer.shutdown(socket.SHUT_WR)
        echo(connection)
        print(peer.recv(1024))

.. testoutput::

    b'Half a league'
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import time
from multiprocessing.connection import wait

CHILDREN = 4  # and so many clients at once; others wait in the queue
LONGEST = 20.0  # seconds that a client may take in all
# Seconds that a child told to end still accepts; seconds of a pause.
LAST_CALL, RETRY_DELAY = 1.0, 1.0
WAITED = {signal.SIGCHLD, signal.SIGTERM}  # a child ended; we are to end


def serve(listener: socket.socket, lifeline: int) -> None:
    """Serve one client after another, until *lifeline* is at its end.

    Then accept and serve those who are in the queue, for LAST_CALL; the last
    of them has LONGEST all the same.

    :param listener: a non-blocking socket
    :param lifeline: a descriptor: the reading end of a pipe
    :raises OSError: if a connection cannot be accepted

    See :manpage:`poll(2)` and :manpage:`accept(2)`, "Errors".
    """
    while lifeline not in wait([listener, lifeline]):
        with contextlib.suppress(BlockingIOError):  # another was faster
            echo(listener.accept()[0])
    end = time.monotonic() + LAST_CALL
    with contextlib.suppress(BlockingIOError):  # the queue is empty
        while time.monotonic() < end:
            echo(listener.accept()[0])


def echo(connection: socket.socket) -> None:
    """Send a client back what it sends, until it ends or its time is up.

    See :manpage:`recv(2)` and :manpage:`send(2)`.
    """
    end = time.monotonic() + LONGEST
    try:
        with connection:
            while (left := end - time.monotonic()) > 0:
                connection.settimeout(left)
                if not (data := connection.recv(16384)):
                    break
                connection.settimeout(max(0.001, end - time.monotonic()))
                connection.sendall(data)
    except OSError as error:  # the client's misfortune, not ours
        complain(error)


def complain(what: object) -> None:
    """Write a line to standard error, if that can be had.

    What a peer brings about must not end the server, not even where the log
    is full, or closed: sys.stderr is None then, and print() would take that
    for standard output.
    """
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"inet_stream_prefork: {what}\n")


def supervise(listener: socket.socket) -> None:
    """Keep CHILDREN children at work until SIGTERM comes; wait for them.

    The signals WAITED have to be blocked, so that sigwait() misses none.

    :raises OSError: if there is no room for a pipe

    See :manpage:`pipe(2)` and :manpage:`sigwait(3)`.
    """
    children: set[int] = set()
    reader, writer = os.pipe()  # the lifeline: nobody writes on it
    with open(reader, "rb", 0), open(writer, "wb", 0) as ours:
        while children or not ours.closed:
            try:
                reap(children)
                while len(children) < CHILDREN and not ours.closed:
                    children.add(start_child(listener, reader, writer))
                if children and signal.sigwait(WAITED) == signal.SIGTERM:
                    ours.close()
            except OSError as error:
                complain(error)
                time.sleep(RETRY_DELAY)  # or we might be kept busy
                if signal.SIGTERM in signal.sigpending():
                    ours.close()  # it has come while nothing succeeded


def reap(children: set[int]) -> None:
    """Take those that have ended out of *children*.

    :raises ChildProcessError: at the first that failed

    See :manpage:`wait(2)`. As process 1 of a container we get others, too.
    """
    while children and (ended := os.waitpid(-1, os.WNOHANG))[0]:
        children.discard(ended[0])
        if status := os.waitstatus_to_exitcode(ended[1]):
            raise ChildProcessError(f"a child ended with status {status}")


def start_child(listener: socket.socket, reader: int, writer: int) -> int:
    """Fork a child that serves; return its process id.

    :param reader: the children's end of the lifeline, a descriptor
    :param writer: the parent's end
    :raises OSError: if there is no room for a process

    See :manpage:`fork(2)`.
    """
    if (child := os.fork()) == 0:
        try:
            os.close(writer)  # or the child would keep itself alive
            serve(listener, reader)
            os._exit(0)
        except Exception as error:
            complain(f"child: {error!r}")
        finally:
            os._exit(1)  # never into the parent's loop
    return child


def main() -> None:
    """Serve until a signal ends it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Echo what clients send.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    subject = parser.parse_args().host
    signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored, it is not sent
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED)
    try:
        found = socket.getaddrinfo(subject, 0, type=socket.SOCK_STREAM)
        with socket.create_server(found[0][4], family=found[0][0]) as listener:
            listener.setblocking(False)  # another child may be faster
            subject = "standard output"
            print(f"Socket has port {listener.getsockname()[1]}", flush=True)
            subject = "lifeline"
            supervise(listener)
    except (OSError, UnicodeError) as error:
        sys.exit(f"inet_stream_prefork: {subject}: {error}")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED)
    signal.raise_signal(signal.SIGTERM)  # whoever waits for us looks at it
    sys.exit(128 + signal.SIGTERM)  # as process 1, which it did not kill


if __name__ == "__main__":
    main()
