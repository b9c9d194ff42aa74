# SPDX-License-Identifier: 0BSD
"""Accept JSON, which can only be data."""

import json
import pickle
import socket


class Order:
    """Sent as an order to call a function of the peer's choice."""

    def __reduce__(self) -> tuple[object, ...]:
        """Say what to call when this is unpickled."""
        return print, ("the peer calls what it likes",)


peer, ours = socket.socketpair()
with peer, ours:
    peer.sendall(pickle.dumps(Order()))
    try:
        print("received", json.loads(ours.recv(1024)))
    except ValueError:
        print("refused: not JSON")
