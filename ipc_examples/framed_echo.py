# SPDX-License-Identifier: 0BSD
r"""Send each message back: its length is in front, wherever the stream is cut.

Run it; end it by SIGTERM, or at once by ^C::

    python framed_echo.py [HOST]

HOST is an address of this machine, the loopback unless you say otherwise.

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
import struct
import sys
from asyncio import StreamReader, StreamWriter, Timeout
from collections.abc import Iterator
from contextlib import suppress

HEADER = struct.Struct("!I")  # a message's length: four bytes, network order
LARGEST = 65536  # bytes in a message
CLIENTS = 500  # at once; for one more, the most idle one has to go
PATIENCE = 30.0  # seconds for a client's next message, whole, and its echo
GRACE = 3.0  # seconds to take what is owed, for a client that has to go

clients: dict[Timeout, StreamWriter] = {}  # until when each may take


def pack(message: bytes) -> bytes:
    """Return *message* with its length in front."""
    return HEADER.pack(len(message)) + message


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
        while len(self.pending) >= HEADER.size:
            (length,) = HEADER.unpack_from(self.pending)
            if length > LARGEST:
                raise ValueError(f"{length} bytes are more than {LARGEST}")
            end = HEADER.size + length
            if len(self.pending) < end:
                return
            message = bytes(self.pending[HEADER.size : end])
            del self.pending[:end]
            yield message


async def talk(stream: StreamReader, writer: StreamWriter) -> None:
    """Echo the messages of one client until it ends or has to go.

    See :manpage:`recv(2)`, :manpage:`send(2)` and :manpage:`shutdown(2)`.
    """
    loop, reader = asyncio.get_running_loop(), Reader()
    try:
        async with asyncio.timeout(PATIENCE) as limit:
            if len(clients) >= CLIENTS:
                idlest = min(clients, key=lambda client: client.when() or 0)
                clients.pop(idlest).transport.abort()
            clients[limit] = writer
            while data := await stream.read(4096):
                for message in reader.feed(data):
                    writer.write(pack(message))
                    await writer.drain()
                    limit.reschedule(loop.time() + PATIENCE)
    except TimeoutError:
        pass  # it took too long, or the server is to end
    except (OSError, ValueError) as error:
        complain(error)
    clients.pop(limit, None)
    loop.call_later(GRACE, writer.transport.abort)
    with suppress(OSError):
        writer.write_eof()  # once what was written is sent
        while await stream.read(4096):
            pass  # close() with data unread would be a reset
        writer.close()
        await writer.wait_closed()


async def serve(listener: socket.socket) -> None:
    """Serve until SIGTERM comes; finish what was begun, and die of it.

    See :manpage:`accept(2)` and :manpage:`signal(7)`.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.set_exception_handler(lambda _, said: complain(said["message"]))
    server = await asyncio.start_server(talk, sock=listener, backlog=128)
    await stop.wait()
    server.close()
    for limit in clients:
        with suppress(RuntimeError):  # it has just passed
            limit.reschedule(0)
    if talks := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(talks, timeout=GRACE)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)  # which does nothing to process 1


def complain(what: object) -> None:
    """Write what went wrong to standard error; if that fails, go on."""
    with suppress(OSError):
        print(f"framed_echo: {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Serve until a signal ends it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="Echo framed messages.")
    parser.add_argument("host", metavar="HOST", nargs="?", default="127.0.0.1")
    subject = parser.parse_args().host
    try:
        found = socket.getaddrinfo(subject, 0, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        with socket.create_server(address, family=family) as listener:
            subject = "standard output"
            print(f"Socket has port {listener.getsockname()[1]}", flush=True)
            asyncio.run(serve(listener))
    except (OSError, UnicodeError) as error:
        sys.exit(f"framed_echo: {subject}: {error}")


if __name__ == "__main__":
    main()
