# SPDX-License-Identifier: 0BSD
"""See which designs still answer a client while others say nothing.

Or while one says a lot, and never reads the answers.
"""

import os
import select
import signal
import socket
import sys
from contextlib import ExitStack, suppress

from eight_designs import DESIGNS

from ipc_examples.server_rates import MESSAGE, Design, ask, start

OTHERS = {"0": 0, "1": 1, "4": 4, "deaf": 1}  # the last reads nothing
PATIENCE = 1  # second that the last one waits for its answer
FULL = 0.5  # seconds in which nothing more could be sent


def answered(design: Design, processes: int, kind: str) -> bool:
    """Return whether a client is answered that comes after the others."""
    with ExitStack() as tidy:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            for _ in range(processes):
                tidy.callback(end, start(design, listener))
        ask(address)  # or it might still be importing something
        for _ in range(OTHERS[kind]):
            other = socket.create_connection(address)
            tidy.enter_context(other)
            if kind == "deaf":
                never_read(other)
        client = tidy.enter_context(socket.create_connection(address))
        client.sendall(MESSAGE)
        ready, _, _ = select.select([client], [], [], PATIENCE)
        return bool(ready and client.recv(1024) == MESSAGE.upper())


def never_read(client: socket.socket) -> None:
    """Send until there is room neither for answers nor for requests."""
    client.settimeout(FULL)
    with suppress(TimeoutError):
        while True:
            client.send(bytes(65536))


def end(server: int) -> None:
    os.kill(server, signal.SIGTERM)
    os.waitpid(server, 0)


def main() -> None:
    try:
        print(f"{'silent clients':17}", *(f"{kind:>4}" for kind in OTHERS))
        for name, (design, processes) in DESIGNS.items():
            found = [answered(design, processes, kind) for kind in OTHERS]
            cells = [f"{'yes' if it else '-':>4}" for it in found]
            print(f"{name:17}", *cells, flush=True)
    except OSError as error:
        sys.exit(f"silent_clients: {error}")


if __name__ == "__main__":
    main()
