# SPDX-License-Identifier: 0BSD
r"""Wait for the clock, children, clients and signals, all in one loop.

Each minute it runs a command, and who connects is told how that went::

    python one_loop.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise. At
SIGTERM, SIGHUP or ^C it waits for the command, answers those who have
connected, and dies of that signal. Linux only: it needs pidfds.

.. testcode::

    import socket
    from ipc_examples.one_loop import answer

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        with socket.create_connection(listener.getsockname()) as client:
            print(answer(listener, "2 ended, 0 failed"))
            print(client.recv(1024))

.. testoutput::

    client: 2 ended, 0 failed
    True
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
INTERVAL = 60.0  # seconds from one start of it to the next: it is killed then


def run(listener: socket.socket) -> int:
    """Do what is due until a signal has come and no child is left.

    :returns: the signal

    See :manpage:`epoll(7)` and :manpage:`signal(7)`.
    """
    child: subprocess.Popen[bytes] | None = None
    due = time.monotonic()  # when the next one is to start
    ended = failed = stopped_by = 0
    signals, wakeup = socket.socketpair()
    with signals, wakeup, DefaultSelector() as selector:
        send_signals_to(wakeup)
        selector.register(signals, EVENT_READ, "signal")
        while child or not stopped_by:
            for key, _ in selector.select(due - time.monotonic()):
                if key.data == "signal":
                    stopped_by = signals.recv(64)[0]
                    log(f"signal: {signal.Signals(stopped_by).name}")
                elif key.data == "client":
                    if not answer(listener, f"{ended} ended, {failed} failed"):
                        selector.unregister(listener)  # until a child is due
                else:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    status, child = key.data.wait(), None
                    ended, failed = ended + 1, failed + (status != 0)
                    log(f"child: status {status}")
            if time.monotonic() >= due:  # the clock has no descriptor here
                due = time.monotonic() + INTERVAL
                with suppress(KeyError):  # it may be registered
                    selector.register(listener, EVENT_READ, "client")
                if child:
                    os.killpg(child.pid, signal.SIGKILL)
                elif not stopped_by:
                    child = start_child(selector)
        signal.set_wakeup_fd(-1)
    return stopped_by


def send_signals_to(wakeup: socket.socket) -> None:
    """Let the number of each signal that comes be sent on *wakeup*.

    See :manpage:`signal(7)`.
    """
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # or nothing is sent


def answer(listener: socket.socket, report: str) -> bool:
    """Tell *report* to a client that has connected.

    :returns: whether there was room for the connection

    See :manpage:`accept(2)`, "Errors".
    """
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return True  # the client has left meanwhile
    except OSError as error:
        log(f"client: {error}")
        return False
    with connection, suppress(OSError):  # its misfortune, not ours
        connection.send(f"{report}\n".encode())
    log(f"client: {report}")
    return True


def start_child(selector: BaseSelector) -> subprocess.Popen[bytes] | None:
    """Run the command in a process group of its own; watch for its end.

    See :manpage:`pidfd_open(2)` and :manpage:`setpgid(2)`.
    """
    log("clock: a child is due")
    try:
        child = subprocess.Popen(COMMAND, process_group=0)
        selector.register(os.pidfd_open(child.pid), EVENT_READ, child)
    except OSError as error:
        log(f"child: {error}")
        return None
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
    host = parser.parse_args().host
    try:
        family = socket.getaddrinfo(host, 0)[0][0]
        with socket.create_server((host, 0), family=family) as listener:
            print(f"Socket has port {listener.getsockname()[1]}", flush=True)
            listener.setblocking(False)
            stopped_by = run(listener)
    except (OSError, UnicodeError, AttributeError) as error:  # no pidfds
        sys.exit(f"one_loop: {host}: {error}")
    signal.signal(stopped_by, signal.SIG_DFL)
    signal.raise_signal(stopped_by)
    sys.exit(128 + stopped_by)  # process 1, which no default action ends


if __name__ == "__main__":
    main()
