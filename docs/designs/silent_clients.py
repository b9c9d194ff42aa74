# SPDX-License-Identifier: 0BSD
"""See which designs still answer a client while others say nothing."""

import os
import select
import signal
import socket

from eight_designs import DESIGNS

from ipc_examples.server_rates import MESSAGE, Design, ask, start

SILENT = (0, 1, 4)  # clients that connect and send nothing
PATIENCE = 1  # second that the last one waits for its answer


def answered(design: Design, processes: int, silent: int) -> bool:
    """Return whether a client is answered that comes after silent ones."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        servers = [start(design, listener) for _ in range(processes)]
    ask(address)  # or it might still be importing something
    others = [socket.create_connection(address) for _ in range(silent)]
    with socket.create_connection(address) as client:
        client.sendall(MESSAGE)
        ready, _, _ = select.select([client], [], [], PATIENCE)
        found = bool(ready and client.recv(1024) == MESSAGE.upper())
    for other in others:
        other.close()
    for server in servers:
        os.kill(server, signal.SIGTERM)
        os.waitpid(server, 0)
    return found


def main() -> None:
    print(f"{'silent clients':20}", *(f"{n:4}" for n in SILENT))
    for name, (design, processes) in DESIGNS.items():
        found = [answered(design, processes, n) for n in SILENT]
        print(f"{name:20}", *(f"{'yes' if it else '-':>4}" for it in found))


if __name__ == "__main__":
    main()
