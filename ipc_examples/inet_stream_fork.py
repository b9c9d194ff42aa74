# SPDX-License-Identifier: 0BSD
"""Send each of many clients back what it sends, by a process for each.

Run it, then speak to it, say with ``nc 127.0.0.1 PORT``; end it by ^C::

    python inet_stream_fork.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise.
A signal to its process id, as by ``kill``, ends the server alone; children go
on until their client ends or its time is up.

.. testcode::

    import socket
    from ipc_examples.inet_stream_fork import echo

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
from typing import NoReturn

CHILDREN = 256  # at once, at most; other clients wait in the queue
LONGEST = 60.0  # seconds that a client may take in all
RETRY_DELAY = 1.0  # seconds, after an accept() or a fork() that failed


def serve(listener: socket.socket) -> NoReturn:
    """Accept one connection after another, and fork a child for each.

    See :manpage:`accept(2)`, :manpage:`fork(2)`, :manpage:`waitpid(2)` and
    :manpage:`sigwait(3)`.
    """
    places = [None] * CHILDREN  # one for each child that may be started

    def reap(_number: int, _frame: object) -> None:
        with contextlib.suppress(ChildProcessError):  # none is left
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                places.append(None)  # for an adopted child, too
                if status := os.waitstatus_to_exitcode(ended[1]):
                    complain(f"a child ended with status {status}")

    signal.signal(signal.SIGCHLD, reap)
    while True:
        if not places:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
            while not places:  # no handler can run just before the wait
                reap(signal.sigwait({signal.SIGCHLD}), None)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        places.pop()
        try:
            connection, _ = listener.accept()
            with connection:  # the child has its own descriptor of it
                start_child(connection, listener)
        except OSError as error:
            places.append(None)
            complain(error)
            time.sleep(RETRY_DELAY)  # or a lasting cause would keep us busy


def start_child(connection: socket.socket, listener: socket.socket) -> None:
    """Fork a child that serves *connection*.

    :raises OSError: if there is no room for a process

    See :manpage:`fork(2)`.
    """
    if os.fork() == 0:
        status = 1
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # reap() is ours
            listener.close()
            echo(connection)
            status = 0
        except Exception as error:
            complain(f"child: {error!r}")
        finally:
            os._exit(status)  # never into the parent's loop


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
    for standard output. A handler may interrupt a write by another:
    RuntimeError.
    """
    with contextlib.suppress(OSError, AttributeError, RuntimeError):
        sys.stderr.write(f"inet_stream_fork: {what}\n")


def listener_at(host: str) -> socket.socket:
    """Open a listening socket at *host*, at a port that the system chooses.

    Where *host* has several addresses, the first that can be had is taken.

    :param host: a name or address of this machine; ``0.0.0.0`` stands for
        all its IPv4 addresses, and ``::`` for all its IPv6 addresses
    :raises OSError: if *host* is unknown; if none of its addresses can be
        had, for the reason of the last
    :raises UnicodeError: if *host* cannot be a name

    See :manpage:`getaddrinfo(3)`, :manpage:`bind(2)`, :manpage:`listen(2)`.
    """
    last_error = OSError("no address")
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    for family, _, _, _, address in found:
        try:  # socket(), bind() and listen() in one
            return socket.create_server(address, family=family)
        except OSError as error:
            last_error = error
    raise last_error


def main() -> None:
    """Serve until a signal ends it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Echo what clients send.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    subject = parser.parse_args().host
    try:
        with listener_at(subject) as listener:
            subject = "standard output"
            print(f"Socket has port {listener.getsockname()[1]}", flush=True)
            serve(listener)
    except (OSError, UnicodeError) as error:
        sys.exit(f"inet_stream_fork: {subject}: {error}")


if __name__ == "__main__":
    main()
