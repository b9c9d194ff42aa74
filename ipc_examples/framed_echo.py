# SPDX-License-Identifier: 0BSD
r"""Send each message back: its length is in front, wherever the stream is cut.

Run it; end it by SIGTERM, or at once by ^C::

    python framed_echo.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise. Of a
name, the first address is taken, and no other if that one cannot be had. See
:manpage:`recv(2)`, :manpage:`send(2)` and :manpage:`shutdown(2)`.

.. testcode::

    from ipc_examples.framed_echo import Reader

    reader = Reader()
    for piece in b"\0\0\0\4half", b"\0\0", b"\0\1a\0\0\0\6lea", b"gue":
        print([*reader.feed(piece)])

.. testoutput::

    [b'half']
    []
    [b'a']
    [b'league']
"""

import argparse
import asyncio
import signal
import socket
import sys
from asyncio import StreamReader, StreamWriter, Timeout
from collections.abc import Iterator
from contextlib import suppress

HEADER, LARGEST = 4, 65536  # bytes: a length, in network order; a message
CLIENTS = 500  # at once; for one more, the most idle one is cut off
# Seconds: for a whole message and its echo; to take what is owed, and go.
PATIENCE, GRACE = 30.0, 3.0

clients: dict[Timeout, StreamWriter] = {}  # until when each has time


def pack(message: bytes) -> bytes:
    """Return *message* with its length in front."""
    return len(message).to_bytes(HEADER, "big") + message


class Reader:
    """Finds the messages in a stream, wherever it is cut."""

    def __init__(self) -> None:
        """Begin between two messages."""
        self.pending = bytearray()  # what has come of the next message

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each message that *data*, the next bytes, completes.

        :raises ValueError: if more than LARGEST bytes are announced; what
            follows has no known beginning
        """
        self.pending += data
        while len(self.pending) >= HEADER:
            length = int.from_bytes(self.pending[:HEADER], "big")
            if length > LARGEST:
                raise ValueError(f"{length} bytes are more than {LARGEST}")
            if len(self.pending) < HEADER + length:
                return
            message = bytes(self.pending[HEADER : HEADER + length])
            del self.pending[: HEADER + length]
            yield message


async def talk(stream: StreamReader, writer: StreamWriter) -> None:
    """Echo the messages of one client until it ends or has to go."""
    loop, reader = asyncio.get_running_loop(), Reader()
    writer.transport.set_write_buffer_limits(0)  # drain() waits for all
    try:
        async with asyncio.timeout(PATIENCE) as limit:
            if len(clients) >= CLIENTS:
                idlest = min(clients, key=lambda client: client.when() or 0)
                clients.pop(idlest).transport.abort()
                complain("too many clients: the most idle one is cut off")
            clients[limit] = writer
            while limit in clients and (data := await stream.read(4096)):
                for message in reader.feed(data):
                    writer.write(pack(message))
                    await writer.drain()
                    limit.reschedule(loop.time() + PATIENCE)
                await asyncio.sleep(0)  # let others have their turn
    except (OSError, ValueError) as error:
        if limit in clients:  # else it was we who ended it
            complain(str(error) or "a client took too long")
    finally:
        with suppress(OSError):
            async with asyncio.timeout(GRACE):
                writer.write_eof()  # once what was written is sent
                await writer.drain()
                while await stream.read(4096):
                    pass  # a close with data unread would be a reset
        clients.pop(limit, writer).transport.abort()


async def serve(listener: socket.socket) -> None:
    """Serve until SIGTERM comes; finish what was begun, and die of it."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.set_exception_handler(lambda _, said: complain(said["message"]))
    server = await asyncio.start_server(talk, sock=listener, backlog=128)
    await stop.wait()
    server.close()
    while clients:
        with suppress(RuntimeError):  # its time is over already
            clients.popitem()[0].reschedule(0)
    if talks := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(talks, timeout=GRACE)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)  # whoever waits for us looks at it
    sys.exit(128 + signal.SIGTERM)  # as process 1, which it did not kill


def complain(what: object) -> None:
    """Write what went wrong to standard error; if that fails, go on."""
    with suppress(OSError, AttributeError):  # it is full, or closed: None
        sys.stderr.write(f"framed_echo: {what}\n")


def main() -> None:
    """Serve until a signal ends it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Echo framed messages.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    subject = parser.parse_args().host
    try:
        found = socket.getaddrinfo(subject, 0, type=socket.SOCK_STREAM)
        with socket.create_server(found[0][4], family=found[0][0]) as listener:
            subject = "standard output"
            print(f"Socket has port {listener.getsockname()[1]}", flush=True)
            asyncio.run(serve(listener))
    except (OSError, UnicodeError) as error:
        sys.exit(f"framed_echo: {subject}: {error}")


if __name__ == "__main__":
    main()
