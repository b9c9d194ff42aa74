# SPDX-License-Identifier: 0BSD
"""Broken: leaves the name of its socket behind."""

import socket

PATH = "socket"

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
    receiver.bind(PATH)
    print("receiving at", PATH)
