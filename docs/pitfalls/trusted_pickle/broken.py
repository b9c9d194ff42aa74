# SPDX-License-Identifier: 0BSD
"""Broken: unpickles what a peer has sent."""

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
    message = pickle.loads(ours.recv(1024))
print("received", message)
