# SPDX-License-Identifier: 0BSD
"""Give the limit to poll, which waits for the urgent byte itself."""

import select
import socket

with (
    socket.create_server(("127.0.0.1", 0)) as server,
    socket.create_connection(server.getsockname()) as client,
    server.accept()[0] as connection,
):
    client.send(b"!", socket.MSG_OOB)
    poll = select.poll()
    poll.register(connection, select.POLLPRI)
    if poll.poll(1000):
        print(connection.recv(1, socket.MSG_OOB))
