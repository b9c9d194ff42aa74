# SPDX-License-Identifier: 0BSD
r"""Wait for the clock, children, clients and signals, all in one loop.

Each minute it starts a command, or kills it if it still runs. Whoever connects
is told how that went::

    python one_loop.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise. At
SIGTERM, SIGHUP or ^C it starts nothing more, goes on until the command has
ended, and dies of that signal. Linux only: it needs pidfds.

.. testcode::

    import socket
    from ipc_examples.one_loop import answer

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        with socket.create_connection(listener.getsockname()) as client:
            answer(listener, "2 ended, 0 failed")
            print(client.recv(1024))

.. testoutput::

    client: 2 ended, 0 failed
    b'2 ended, 0 failed\n'
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from selectors import EVENT_READ, BaseSelector, DefaultSelector

COMMAND = ("sleep", "1")  # put your own work here
INTERVAL = 60.0  # seconds; then it is killed if it runs, or else started


def run(listener: socket.socket) -> int:
    """Do what is due until a signal has come and no child is left.

    :returns: the signal, and of several the first

    See :manpage:`epoll(7)` and :manpage:`signal(7)`.
    """
    child, came, ended, failed = None, b"", 0, 0
    due = listen = time.monotonic()  # to start it, and to watch the listener
    signals, wakeup = socket.socketpair()
    with signals, wakeup, DefaultSelector() as selector:
        send_signals_to(wakeup)
        selector.register(signals, EVENT_READ, "signal")
        while child or not came:
            for key, _ in selector.select(min(due, listen) - time.monotonic()):
                if key.data == "signal":
                    came += signals.recv(1)
                    log(f"signal: {signal.Signals(came[-1]).name}")
                elif key.data == "client":
                    try:
                        answer(listener, f"{ended} ended, {failed} failed")
                    except OSError as error:  # as for want of room
                        log(f"client: {error}")
                        selector.unregister(listener)
                        listen = time.monotonic() + 1
                else:
                    os.close(selector.unregister(key.fd).fd)
                    status, child = key.data.wait(), None
                    ended, failed = ended + 1, failed + (status != 0)
                    log(f"child: status {status}")
            # Now the clock, which has no descriptor here.
            if time.monotonic() >= listen:
                selector.register(listener, EVENT_READ, "client")
                listen = float("inf")
            if time.monotonic() >= due:
                due = time.monotonic() + INTERVAL
                if child:
                    with suppress(OSError):  # it may have left its group
                        os.killpg(child.pid, signal.SIGKILL)
                elif not came:
                    child = start_child(selector)
        signal.set_wakeup_fd(-1)
    return came[0]


def send_signals_to(wakeup: socket.socket) -> None:
    """Let the number of each signal that comes be sent on *wakeup*.

    See :manpage:`signal(7)`.
    """
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda *_: None)  # or nothing is sent


def answer(listener: socket.socket, report: str) -> None:
    """Tell *report* to a client that has connected.

    :raises OSError: if there is no connection, or no room for it

    See :manpage:`accept(2)`, "Errors".
    """
    with listener.accept()[0] as connection, suppress(OSError):
        connection.send(f"{report}\n".encode())  # if it is still there
    log(f"client: {report}")


def start_child(selector: BaseSelector) -> subprocess.Popen[bytes] | None:
    """Run the command in a process group of its own; watch for its end.

    See :manpage:`pidfd_open(2)` and :manpage:`setpgid(2)`.
    """
    log("clock: a child is due")
    try:
        os.close(os.pidfd_open(os.getpid()))  # or it would run unwatched
        child = subprocess.Popen(COMMAND, process_group=0)
    except (OSError, AttributeError) as error:  # AttributeError: no pidfds
        log(f"child: {error}")
        return None
    selector.register(os.pidfd_open(child.pid), EVENT_READ, child)
    return child


def log(event: str) -> None:
    """Print *event*, but go on if nobody can read it."""
    with suppress(OSError):
        print(event, flush=True)


def main() -> None:
    """Serve until a signal comes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Tell how a command fares.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    subject = parser.parse_args().host
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # or wait() would not tell
    try:
        family = socket.getaddrinfo(subject, 0)[0][0]
        with socket.create_server((subject, 0), family=family) as listener:
            subject = "standard output"
            print(f"Socket has port {listener.getsockname()[1]}", flush=True)
            listener.setblocking(False)
            stopped_by = run(listener)
    except (OSError, UnicodeError) as error:
        sys.exit(f"one_loop: {subject}: {error}")
    signal.signal(stopped_by, signal.SIG_DFL)
    signal.raise_signal(stopped_by)
    sys.exit(128 + stopped_by)  # process 1, which no default action ends


if __name__ == "__main__":
    main()
