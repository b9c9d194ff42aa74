# SPDX-License-Identifier: 0BSD
"""Connect to many ports at once, and tell of each as it ends.

Run it; a port that says nothing holds up no other::

    python connect_many.py HOST PORT [PORT ...]

Every address of HOST is tried. A failure is told like a success, ends
nothing, and leaves the status at 0:

.. testcode::

    import socket
    from ipc_examples.connect_many import connect_all

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        for asked, result in connect_all([address], timeout=60):
            print(asked == address, result.getpeername() == address)
            result.close()

.. testoutput::

    True True
"""

import argparse
import errno
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from selectors import EVENT_WRITE, DefaultSelector
from typing import Any

TIMEOUT = 5.0  # seconds for all of them together
Address = Any  # of IPv4 or IPv6, as getaddrinfo() gives it
Result = socket.socket | OSError  # a connection, or why there is none


def connect_all(
    addresses: Iterable[Address], timeout: float
) -> Iterator[tuple[Address, Result]]:
    """Begin to connect to all of *addresses*; yield each when it has ended.

    :param timeout: seconds; what takes longer has failed
    :returns: pairs of an address and its connection, non-blocking, which the
        caller closes, or the exception that says why there is none
    :raises OSError: if there is no room for a selector

    See :manpage:`connect(2)`, EINPROGRESS.
    """
    deadline = time.monotonic() + timeout
    with DefaultSelector() as selector:
        begun = [(address, begin(address)) for address in addresses]
        waiting = {s: to for to, s in begun if isinstance(s, socket.socket)}
        try:
            for sock in waiting:
                selector.register(sock, EVENT_WRITE)
            yield from (pair for pair in begun if pair[1] not in waiting)
            while waiting:
                left = deadline - time.monotonic()
                ready: Any = selector.select(max(0.0, left))
                for key, _ in ready:  # writable: it has ended, either way
                    selector.unregister(sock := key.fileobj)
                    address = waiting.pop(sock)
                    yield address, outcome(sock)
                if left <= 0:
                    break
            error = TimeoutError(errno.ETIMEDOUT, "No answer")
            yield from ((address, error) for address in waiting.values())
        finally:
            for sock in waiting:
                sock.close()


def begin(address: Address) -> Result:
    """Begin to connect to *address*, and do not wait.

    :returns: a socket that is connecting, or why there is none

    See :manpage:`connect(2)`.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        return error
    sock.setblocking(False)
    if (number := sock.connect_ex(address)) in {0, errno.EINPROGRESS}:
        return sock
    sock.close()
    return OSError(number, os.strerror(number))


def outcome(sock: socket.socket) -> Result:
    """Return *sock*, if it is connected; or close it, and return why not.

    See :manpage:`socket(7)`, SO_ERROR.
    """
    try:
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not number and sock.getsockname() != sock.getpeername():
            return sock
        number = number or errno.ECONNREFUSED  # connected to itself
        failure = OSError(number, os.strerror(number))
    except OSError as error:  # it was reset at this moment
        failure = error
    sock.close()
    return failure


def port_number(text: str) -> int:
    """Return *text* as a port number.

    :raises argparse.ArgumentTypeError: if it is none
    """
    if re.fullmatch("[0-9]{1,5}", text) and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r:.20} is not from 1 to 65535")


def main() -> None:
    """Print a line for each address and port, in the order of their ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Connect to many at once.")
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("ports", metavar="PORT", type=port_number, nargs="+")
    to = parser.parse_args()
    subject = f"{to.host}: "
    try:
        found = socket.getaddrinfo(to.host, None, type=socket.SOCK_STREAM)
        hosts = dict.fromkeys(address for *_, address in found)
        ends = [(h[0], port, *h[2:]) for h in hosts for port in to.ports]
        subject = ""
        for address, result in connect_all(ends, TIMEOUT):
            how = str(result)
            if isinstance(result, socket.socket):
                result.close()
                how = "connected"
            print(f"{address[0]} port {address[1]}: {how}", flush=True)
    except (OSError, UnicodeError) as error:
        sys.exit(f"connect_many: {subject}{error}")


if __name__ == "__main__":
    main()
