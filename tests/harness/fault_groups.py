"""The headings under which the page of faults shows what was tried.

A test of what a program withstands has the mark ``fault(GROUP, NAME)``. The
page has the groups in the order in which they stand here.
"""

from __future__ import annotations

import enum


class FaultGroup(enum.StrEnum):
    """Where the trouble comes from, in words for the page's readers."""

    SIGNALS = "Signals"
    INTERRUPTED_CALLS = "Calls that a signal interrupts"
    TERMINAL = "At a terminal"
    CHILDREN = "Parents and children"
    STANDARD_STREAMS = "Standard input, output and error"
    DESCRIPTORS = "Descriptors"
    CONTENT = "What a peer sends"
    STREAM_PEERS = "Peers of a stream"
    DATAGRAMS = "Datagrams, and their senders"
    PATHS = "Paths of sockets"
    HOSTS = "Hosts and ports"
    LINK = "Two hosts, and the link between them"
