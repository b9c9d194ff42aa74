# SPDX-License-Identifier: 0BSD
"""Five more designs for server_rates to measure.

Their modules are imported in the servers that need them. A process that has
imported more has larger tables of its memory, which a fork copies.
"""

import socket
from contextlib import suppress

from ipc_examples.server_rates import (
    AT_ONCE,
    BUFFER_SIZE,
    DESIGNS,
    main,
    serve,
)

__all__ = ["DESIGNS"]


def a_thread_each(listener: socket.socket) -> None:
    from threading import Thread

    while True:
        connection, _ = listener.accept()
        Thread(target=serve, args=[connection]).start()


def a_pool(listener: socket.socket) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            connection, _ = listener.accept()
            pool.submit(serve, connection)


def one_loop(listener: socket.socket) -> None:
    import selectors

    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ, listener)
    while True:
        for key, _ in selector.select():
            ready = key.data
            if ready is listener:
                connection, _ = listener.accept()
                selector.register(connection, selectors.EVENT_READ, connection)
            elif not answer_once(ready):
                selector.unregister(ready)
                ready.close()


def answer_once(connection: socket.socket) -> bool:
    with suppress(OSError):  # the client may be gone
        if data := connection.recv(BUFFER_SIZE):
            connection.sendall(data.upper())
            return True
    return False


def with_asyncio(listener: socket.socket) -> None:
    import asyncio

    async def serve_one(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):  # the client may be gone
            while data := await reader.read(BUFFER_SIZE):
                writer.write(data.upper())
                await writer.drain()
        writer.close()

    async def serve_all() -> None:
        server = await asyncio.start_server(serve_one, sock=listener)
        await server.serve_forever()

    asyncio.run(serve_all())


def with_socketserver(listener: socket.socket) -> None:
    import socketserver

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            serve(self.request)

    address = listener.getsockname()
    server = socketserver.ThreadingTCPServer(address, Handler, False)
    server.socket.close()
    server.socket = listener  # instead of one that it would bind
    server.serve_forever()


DESIGNS |= {
    "a thread each": (a_thread_each, 1),
    "a pool of threads": (a_pool, 1),
    "one loop": (one_loop, 1),
    "asyncio": (with_asyncio, 1),
    "socketserver": (with_socketserver, 1),
}

if __name__ == "__main__":
    main()
