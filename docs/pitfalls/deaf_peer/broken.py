# SPDX-License-Identifier: 0BSD
"""Broken: would wait for ever for a peer that is gone without a word."""

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
    print("waiting", flush=True)
    try:
        client.recv(1024)
    except OSError as error:
        print("noticed:", error)
