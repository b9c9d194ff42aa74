# SPDX-License-Identifier: 0BSD
"""Remove the name of the socket when done."""

import os
import socket

PATH = "socket"

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
    receiver.bind(PATH)
    try:
        print("receiving at", PATH)
    finally:
        os.unlink(PATH)
