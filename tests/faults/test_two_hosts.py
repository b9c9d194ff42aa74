"""Across hosts: two network namespaces, and the link between them.

The test makes both namespaces and the link, as root of a machine with the
command ``ip``. They vanish with the processes in them.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.harness.catalogue import ECHO_SERVERS, RECEIVERS, SENDERS
from tests.harness.fault_groups import FaultGroup
from tests.harness.peers import framed, message_of, socket_type_of
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    main_of,
    wait_until_blocked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLONE_NEWNET = 0x40000000
HERE, THERE = "192.0.2.1", "192.0.2.2"  # addresses for documentation
LINE, LINES = b"Half a league, half a league . . .\n", 100_000

INET = [p for p in RECEIVERS if p.startswith("inet_")]
STREAM_SERVERS = [p for p in INET if socket_type_of(p) == socket.SOCK_STREAM]
DATAGRAM_RECEIVERS = [
    p for p in INET if socket_type_of(p) == socket.SOCK_DGRAM
]
every = functools.partial(pytest.mark.parametrize, "program")


def sender_to(receiver: str) -> str:
    """Return the program that sends what *receiver* receives."""
    return next(
        p
        for p in SENDERS
        if p.startswith("inet_")
        and socket_type_of(p) == socket_type_of(receiver)
    )


def fail(reason: str) -> NoReturn:
    print(reason, file=sys.stderr)
    sys.exit(1)


def leave_network() -> None:
    """Move this process to a network of its own, which is empty."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        number = ctypes.get_errno()
        fail(f"no network of its own: {os.strerror(number)}")


def lay_a_link() -> None:
    """Try all that a test needs, in a network that vanishes at once."""
    leave_network()
    try:
        ip("link add link0 type veth peer link1")
    except subprocess.CalledProcessError as error:
        fail(f"no link: {error.stderr.decode().strip()}")


@functools.cache
def why_not() -> str:
    """Return why there can be no second network, or nothing."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if not shutil.which("ip"):
        return "the command ip is not installed"
    with RunningProgram(lay_a_link) as laying:
        return laying.finish().err.rstrip("\n")


def ip(arguments: str) -> None:
    command = shlex.split(f"{shutil.which('ip')} {arguments}")
    subprocess.run(command, check=True, capture_output=True)


class Network:
    """A network, and a process that does there what it is told."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        self.inlet, self.orders = os.pipe()
        stack.callback(os.close, self.orders)
        self.process = stack.enter_context(RunningProgram(self.stay))
        os.close(self.inlet)
        assert self.process.line() == "ready"

    def stay(self) -> None:
        os.close(self.orders)
        leave_network()
        print("ready", flush=True)
        with open(self.inlet) as orders:
            for order in orders:
                ip(order)
                print("done", flush=True)

    def ip(self, command: str) -> None:
        """Run ``ip`` in this network."""
        os.write(self.orders, f"{command}\n".encode())
        assert self.process.line() == "done"

    def run(
        self, program: str, *arguments: str, **names: object
    ) -> RunningProgram:
        """Run a program in this network, its *names* replaced."""
        return self.call(main_of(program, *arguments, **names))

    def call(self, function: Callable[[], object]) -> RunningProgram:
        """Call a function in this network."""

        def action() -> None:
            with open(f"/proc/{self.process.pid}/ns/net") as network:
                ctypes.CDLL(None).setns(network.fileno(), CLONE_NEWNET)
            function()

        return self.stack.enter_context(RunningProgram(action))


@pytest.fixture
def networks() -> Iterator[tuple[Network, Network]]:
    """Yield two networks with a link between them."""
    if reason := why_not():
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        here, there = Network(stack), Network(stack)
        here.ip(
            f"link add link0 type veth peer link0 netns {there.process.pid}"
        )
        for network, address in ((here, HERE), (there, THERE)):
            network.ip(f"address add {address}/24 dev link0")
            network.ip("link set link0 up")
        yield here, there


@pytest.fixture(autouse=True)
def tell_who_sends(
    program: str, record_property: Callable[[str, object], None]
) -> None:
    """A receiver's result is one of its sender, too."""
    if program in INET:
        record_property("peer", sender_to(program))


pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.usefixtures("empty_directory"),
]
Networks = tuple[Network, Network]


def started(
    there: Network, program: str, host: str = THERE
) -> tuple[RunningProgram, str]:
    """Start a receiver there; return it and its port."""
    receiver = there.run(program, host)
    return receiver, receiver.line().rpartition(" ")[2]


def serve_next(
    here: Network,
    program: str,
    receiver: RunningProgram,
    port: str,
    host: str = THERE,
) -> None:
    """See that a receiver shows what the next sender sends, and end it."""
    sender = here.run(sender_to(program), host, port)
    assert sender.finish() == (0, "", "")
    text = message_of(sender_to(program)).removesuffix(b"\0").decode()
    assert receiver.line() == f"-->{text}"
    if program in DATAGRAM_RECEIVERS:
        assert receiver.finish() == (0, "", "")
    else:
        assert receiver.line() == "Ending connection"
        assert receiver.interrupt() == (-signal.SIGINT, "", "")


@pytest.mark.fault(FaultGroup.LINK, "a peer on another host")
@every(INET)
def test_a_message_goes_to_another_host(
    networks: Networks, program: str
) -> None:
    here, there = networks
    receiver, port = started(there, program)
    serve_next(here, program, receiver, port)


@pytest.mark.fault(
    FaultGroup.LINK, "a link-local address, where there are two links"
)
@every(INET)
def test_a_link_local_address_names_its_link(
    networks: Networks, program: str
) -> None:
    """Such an address means nothing without the name of its link."""
    here, there = networks
    here.ip(f"link add link1 type veth peer link1 netns {there.process.pid}")
    for network, address in ((here, "fe80::1"), (there, "fe80::2")):
        network.ip(f"address add {address}/64 dev link1 nodad")
        network.ip("link set link1 up")
    host = "fe80::2%link1"
    receiver, port = started(there, program, host)
    serve_next(here, program, receiver, port, host)


@pytest.mark.fault(FaultGroup.LINK, "a host that is not there")
@every(INET)
def test_reports_that_there_is_no_route(
    networks: Networks, program: str
) -> None:
    here, there = networks
    receiver, port = started(there, program)
    sender = here.run(sender_to(program), "198.51.100.1", port)
    status, out, err = sender.finish()
    assert (status, out) == (1, "")
    assert "Network is unreachable" in err
    serve_next(here, program, receiver, port)


@pytest.mark.fault(FaultGroup.LINK, "a link that is cut for a while")
@every(STREAM_SERVERS)
def test_link_cut_in_a_stream(networks: Networks, program: str) -> None:
    here, there = networks
    receiver, port = started(there, program)
    os.kill(receiver.pid, signal.SIGSTOP)  # the sender gets half-way
    os.waitpid(receiver.pid, os.WUNTRACED)
    sender = here.run(sender_to(program), THERE, port, MESSAGE=LINE * LINES)
    wait_until_blocked(sender.pid)
    there.ip("link set link0 down")
    os.kill(receiver.pid, signal.SIGCONT)
    wait_until_blocked(receiver.pid)
    there.ip("link set link0 up")
    shown, size = [], 0
    while size < LINES * len(LINE):
        line = receiver.line().removeprefix("-->").replace("\\n", "\n")
        shown.append(line)
        size += len(line)
    assert "".join(shown).encode() == LINE * LINES
    assert sender.finish() == (0, "", "")
    assert receiver.line() == "Ending connection"
    serve_next(here, program, receiver, port)


@pytest.mark.fault(FaultGroup.LINK, "a link that is cut for a while")
@every(DATAGRAM_RECEIVERS)
def test_link_cut_before_a_datagram(networks: Networks, program: str) -> None:
    here, there = networks
    receiver, port = started(there, program)
    there.ip("link set link0 down")
    sender = here.run(sender_to(program), THERE, port, MESSAGE=b"lost")
    assert sender.finish() == (0, "", "")  # nobody tells it
    there.ip("link set link0 up")
    sender = here.run(sender_to(program), THERE, port, MESSAGE=b"found")
    assert sender.finish() == (0, "", "")
    assert receiver.line() in ("-->lost", "-->found")  # it may have waited
    assert receiver.finish() == (0, "", "")


def exchange(port: str, data: bytes) -> None:
    """Send *data* there, and print whether it comes back."""
    with socket.create_connection((THERE, int(port)), DEADLINE) as client:

        def send() -> None:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        echo = bytearray()
        while part := client.recv(65536):
            echo += part
        sender.join()
    print(echo == data)


def serve_one_more(
    here: Network, server: RunningProgram, port: str, program: str
) -> None:
    """See that a server sends back what comes, and end it."""
    data = framed(program, b"one")
    client = here.call(lambda: exchange(port, data))
    assert client.finish() == (0, "True\n", "")
    assert server.interrupt() == (-signal.SIGINT, "", "")


@pytest.mark.fault(FaultGroup.LINK, "a peer on another host")
@every(ECHO_SERVERS)
def test_an_echo_comes_from_another_host(
    networks: Networks, program: str
) -> None:
    here, there = networks
    serve_one_more(here, *started(there, program), program)


@pytest.mark.fault(FaultGroup.LINK, "a link that is cut for a while")
@every(ECHO_SERVERS)
def test_link_cut_in_an_echo(networks: Networks, program: str) -> None:
    here, there = networks
    server, port = started(there, program)
    os.kill(server.pid, signal.SIGSTOP)  # the client gets half-way
    os.waitpid(server.pid, os.WUNTRACED)
    client = here.call(lambda: exchange(port, framed(program, LINE * LINES)))
    wait_until_blocked(client.pid)
    there.ip("link set link0 down")
    os.kill(server.pid, signal.SIGCONT)
    wait_until_blocked(server.pid)
    there.ip("link set link0 up")
    assert client.finish() == (0, "True\n", "")
    serve_one_more(here, server, port, program)
