# SPDX-License-Identifier: 0BSD
"""Notice that a TCP peer is gone without a word, in four ways; Linux only.

Run it::

    python vanished_peer.py

The peer is a socket that drops whatever comes to it:

.. testcode::

    from ipc_examples.vanished_peer import deaf_peer, heartbeat

    with deaf_peer() as connection:
        try:
            heartbeat(connection)
        except TimeoutError as error:
            print(error)

.. testoutput::

    no answer to 3 beats
"""

import array
import itertools
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 0.5  # seconds to wait without any help
LIMIT = 200  # milliseconds without an acknowledgement
INTERVAL = 0.3  # seconds between two beats
BEATS = 3  # in a row without an answer
SO_ATTACH_FILTER = 26  # Linux: asm-generic/socket.h; Python has no name
DROP = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF: return, take 0 bytes
NO_FAREWELL = struct.pack("ii", 1, 0)  # linger for 0 s: close() resets


def wait_in_vain(connection: socket.socket) -> None:
    """Send and wait, which tells nothing.

    :raises TimeoutError: when PATIENCE is over, without an error's number
    :raises OSError: if the connection breaks
    """
    connection.settimeout(PATIENCE)  # or it waits a quarter of an hour
    connection.sendall(b"anybody there?")
    connection.recv(1024)


def keepalive(connection: socket.socket) -> None:
    """Wait, and let the system ask the peer's now and then.

    :raises TimeoutError: ETIMEDOUT, when too many questions had no answer
    :raises OSError: if the connection breaks

    See :manpage:`socket(7)` and :manpage:`tcp(7)`.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Seconds of silence, seconds between two questions, number of questions.
    options = socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT
    for option in options:
        connection.setsockopt(socket.IPPROTO_TCP, option, 1)
    connection.recv(1024)


def user_timeout(connection: socket.socket) -> None:
    """Send, and limit how long the data may be unconfirmed.

    :raises TimeoutError: ETIMEDOUT, when they are for too long
    :raises OSError: if the connection breaks

    See :manpage:`tcp(7)`.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LIMIT)
    connection.sendall(b"anybody there?")
    connection.recv(1024)


def heartbeat(connection: socket.socket) -> None:
    """Send numbered bytes, which the peer's program is to send back.

    :raises TimeoutError: if BEATS in a row had no answer within INTERVAL;
        or ETIMEDOUT
    :raises OSError: if the connection breaks, or has ended
    """
    missed = 0
    for beat in itertools.cycle(range(256)):
        connection.settimeout(INTERVAL)
        connection.sendall(bytes([beat]))
        missed = 0 if is_answered(connection, beat) else missed + 1
        if missed == BEATS:
            raise TimeoutError(f"no answer to {BEATS} beats")


def is_answered(connection: socket.socket, beat: int) -> bool:
    """Read for INTERVAL; return True if *beat* was among what came.

    An answer to an earlier beat, which comes late, does not count.

    :raises TimeoutError: ETIMEDOUT, if the system has given the peer up
    :raises OSError: if the connection breaks, or has ended
    """
    until = time.monotonic() + INTERVAL
    found = False
    while (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            data = connection.recv(1024)
        except TimeoutError as error:
            if error.errno:  # the system's, not ours
                raise
            break
        if not data:
            raise ConnectionError("the peer has closed the connection")
        found = found or beat in data
    return found


WAYS: dict[str, Callable[[socket.socket], None]] = {
    "nothing": wait_in_vain,
    "keepalive": keepalive,
    "TCP_USER_TIMEOUT": user_timeout,
    "heartbeat": heartbeat,
}


@contextmanager
def deaf_peer() -> Iterator[socket.socket]:
    """Give an end of a TCP connection whose other end hears nothing.

    :raises OSError: if there is no room, or the system has no such filter

    See :manpage:`socket(7)`, ``SO_LINGER``.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as connection,
        listener.accept()[0] as peer,
    ):
        deafen(peer)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_FAREWELL)
        yield connection


def deafen(peer: socket.socket) -> None:
    """Drop what arrives for *peer*, before TCP acts on it.

    So nothing is acknowledged. It can still send.

    :raises OSError: if the system has no such filter

    See :manpage:`socket(7)`, ``SO_ATTACH_FILTER``.
    """
    program = array.array("B", DROP)
    pointer = struct.pack("HP", 1, program.buffer_info()[0])
    peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)


def main() -> None:
    """Print when each way notices, and how."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing to tidy up
    try:
        for name, way in WAYS.items():
            with deaf_peer() as connection:
                start = time.monotonic()
                try:
                    way(connection)
                except TimeoutError as error:
                    seconds = time.monotonic() - start
                    print(f"{name}: {error}: {seconds:.1f} s", flush=True)
    except OSError as error:
        sys.exit(f"vanished_peer: {error}")


if __name__ == "__main__":
    main()
