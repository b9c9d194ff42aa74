"""The other side of a program that receives or sends."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import signal
import socket
import struct
from typing import TYPE_CHECKING, Any, NoReturn

from tests.harness.catalogue import (
    ECHO_SERVERS,
    FRAMED,
    RECEIVERS,
    RELAYS,
    SENDERS,
    command_line,
    source,
)
from tests.harness.running import DEADLINE, assert_idle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.running import RunningProgram

LOOPBACK = "127.0.0.1"
LONGEST = ("x" * 107, "x" + "ü" * 53)  # 107 bytes each
# What receives, a datagram or a stream.
DATAGRAM_RECEIVERS = [p for p in RECEIVERS if "socket.SOCK_DGRAM" in source(p)]
STREAM_SERVERS = [p for p in RECEIVERS if p not in DATAGRAM_RECEIVERS]


def unknown_host(*_: object, **__: object) -> NoReturn:
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


# What a resolver says that need not be asked: that could take a minute.
NAMES_UNKNOWN = {"socket.getaddrinfo": unknown_host}


def message_of(sender: str) -> bytes:
    """Return the bytes that *sender* sends."""
    message: bytes = importlib.import_module(f"ipc_examples.{sender}").MESSAGE
    return message


def resolver(*hosts: str) -> dict[str, object]:
    """Return a replacement: any name resolves to *hosts*, in this order.

    Or to those of them that are of the family that is asked for.
    """
    real = socket.getaddrinfo

    def resolve(_: str, *arguments: Any, **options: Any) -> object:  # noqa: ANN401
        found, error = [], None
        for host in hosts:
            try:
                found += real(host, *arguments, **options)
            except socket.gaierror as other:  # it is of the other family
                error = other
        if error and not found:
            raise error
        return found

    return {"socket.getaddrinfo": resolve}


class SocketOfIPv4(socket.socket):
    """A socket of a machine without IPv6."""

    def __init__(self, family: int = -1, *rest: Any, **options: Any) -> None:  # noqa: ANN401
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        super().__init__(family, *rest, **options)


IPV6_ABSENT = {"socket.socket": SocketOfIPv4}


def socket_type_of(program: str) -> socket.SocketKind:
    datagram = "_datagram_" in program or program in RELAYS
    return socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM


STREAM_CLIENTS = [
    p for p in SENDERS if socket_type_of(p) == socket.SOCK_STREAM
]
# What it sends leaves at once, whether anybody receives it or not.
UDP_SENDERS = [
    p for p in SENDERS if p.startswith("inet_") and p not in STREAM_CLIENTS
]


def open_socket(program: str, host: str = LOOPBACK) -> socket.socket:
    """Return a socket that can talk to *program*."""
    internet = socket.AF_INET6 if ":" in host else socket.AF_INET
    unix = program.startswith("unix_")
    opened = socket.socket(
        socket.AF_UNIX if unix else internet, socket_type_of(program)
    )
    opened.settimeout(DEADLINE)
    return opened


def datagram_socket(host: str = LOOPBACK, port: int = 0) -> socket.socket:
    """Return a socket for datagrams, bound at *host*."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.bind((host, port))
    opened.settimeout(DEADLINE)
    return opened


@contextlib.contextmanager
def client_of(
    receiver: str, first_line: str, host: str = LOOPBACK
) -> Iterator[socket.socket]:
    """Connect to *receiver*, which has printed *first_line*."""
    with open_socket(receiver, host) as client:
        client.connect(address_in(first_line, host))
        yield client


def address_in(first_line: str, host: str = LOOPBACK) -> str | tuple[str, int]:
    """Return the address that a receiver's first line shows."""
    name = re.split(r"-->|has name |has port ", first_line)[1]
    return (host, int(name)) if "has port" in first_line else name


def send_to(
    receiver: str, first_line: str, *messages: bytes, host: str = LOOPBACK
) -> None:
    """Send *messages* over one connection, and close it."""
    with client_of(receiver, first_line, host) as client:
        for message in messages:
            client.sendall(message)


def report_of(program: str, first_line: str) -> bytes:
    """Return the line that a server tells who connects, unasked."""
    with client_of(program, first_line) as client:
        return client.makefile("rb").read()


def framed(program: str, data: bytes) -> bytes:
    """Return *data* as a server expects it: as it is, or in messages."""
    if program not in FRAMED:
        return data
    size = 20_000  # bytes: less than any program's largest message
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(struct.pack("!I", len(part)) + part for part in parts)


def stop_server(
    program: str, running: RunningProgram, first: str, host: str = LOOPBACK
) -> None:
    """End *program*, to which one client has spoken and then closed.

    Not before it has nothing else to do: what ^C interrupts in a line is
    test_signals.py's subject.
    """
    if program in DATAGRAM_RECEIVERS:
        assert running.finish() == (0, "", "")
        return
    assert running.line() == "Ending connection"
    assert_idle(running.pid)  # and in interrupt(), beside a silent peer
    with client_of(program, first, host) as last:
        last.sendall(b"last")
        assert running.line() == "-->last"
        assert running.interrupt() == (-signal.SIGINT, "", "")


def speak_and_end(
    program: str, running: RunningProgram, first: str, host: str = LOOPBACK
) -> None:
    """See that *program* serves who speaks to it at *host*, and end it."""
    if program not in ECHO_SERVERS:
        send_to(program, first, b"one", host=host)
        assert running.line() == "-->one"
        stop_server(program, running, first, host)
        return
    with client_of(program, first, host) as client:
        client.sendall(one := framed(program, b"one"))
        assert client.recv(100) == one
        assert running.interrupt() == (-signal.SIGINT, "", "")


@contextlib.contextmanager
def peer_of(
    sender: str, host: str = LOOPBACK, path: str = "peer"
) -> Iterator[tuple[socket.socket, list[str]]]:
    """Yield a socket that waits for *sender*, and the sender's arguments."""
    unix = sender.startswith("unix_")
    with open_socket(sender, host) as peer:
        peer.bind(path if unix else (host, 0))
        try:
            if peer.type == socket.SOCK_STREAM:
                peer.listen()
            yield peer, arguments_to(sender, peer.getsockname())
        finally:
            if unix:
                os.unlink(path)


def arguments_to(sender: str, address: Any) -> list[str]:  # noqa: ANN401
    """Return the arguments that make *sender* send to *address*."""
    if isinstance(address, str):
        words = command_line(sender, PATH=address)
    else:
        words = command_line(sender, HOST=address[0], PORT=str(address[1]))
    return words.split()[2:]


def received_by(peer: socket.socket) -> bytes:
    """Return all that one sender has to say."""
    if peer.type == socket.SOCK_DGRAM:
        return peer.recv(65536)
    with peer.accept()[0] as connection, connection.makefile("rb") as stream:
        return stream.read()


@contextlib.contextmanager
def nobody_for(sender: str) -> Iterator[list[str]]:
    """Yield arguments by which *sender* finds nobody."""
    if sender.startswith("unix_"):
        yield arguments_to(sender, "nobody")
        return
    with open_socket(sender) as bound:
        bound.bind((LOOPBACK, 0))
        if bound.type == socket.SOCK_DGRAM:
            bound.connect(bound.getsockname())  # deaf to all others
        yield arguments_to(sender, bound.getsockname())
