# SPDX-License-Identifier: 0BSD
"""Remove the name of the socket when done, and one left behind."""

import errno
import socket
from pathlib import Path

PATH = "socket"

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
    nobody = receiver.connect_ex(PATH) == errno.ECONNREFUSED
    if nobody and Path(PATH).is_socket():
        Path(PATH).unlink()
    receiver.bind(PATH)
    try:
        print("receiving at", PATH)
    finally:
        Path(PATH).unlink()
