# SPDX-License-Identifier: 0BSD
"""Let the system ask whether a silent peer is still there."""

import array
import socket
import struct

SO_ATTACH_FILTER = 26  # Linux: asm-generic/socket.h
DROP = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF: return, take 0 bytes

with (
    socket.create_server(("127.0.0.1", 0)) as listener,
    socket.create_connection(listener.getsockname()) as client,
    listener.accept()[0] as peer,
):
    program = array.array("B", DROP)
    pointer = struct.pack("HP", 1, program.buffer_info()[0])
    peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)  # now deaf
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT
    for option in options:
        client.setsockopt(socket.IPPROTO_TCP, option, 1)
    print("waiting", flush=True)
    try:
        client.recv(1024)
    except OSError as error:
        print("noticed:", error)
