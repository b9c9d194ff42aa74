# SPDX-License-Identifier: 0BSD
"""Remove the name of the socket when done."""

import os
import socket

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
    receiver.bind("socket")
    try:
        print("receiving at", receiver.getsockname())
    finally:
        os.unlink("socket")
