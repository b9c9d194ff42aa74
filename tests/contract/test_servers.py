"""Servers: fixed ports, and what becomes of their output."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import selectors
import signal
import socket
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.harness.catalogue import (
    ECHO_SERVERS,
    RECEIVERS,
    SELECTING,
    SERVERS,
)
from tests.harness.fault_groups import FaultGroup
from tests.harness.peers import (
    LOOPBACK,
    STREAM_SERVERS,
    client_of,
    socket_type_of,
)
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    assert_exit_report,
    main_of,
    reason,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("empty_directory")
STREAM_LISTENERS = [
    p for p in SERVERS if socket_type_of(p) == socket.SOCK_STREAM
]
INET = [p for p in STREAM_LISTENERS if p.startswith("inet_")]

every_stream = pytest.mark.parametrize("program", STREAM_SERVERS)


def module_of(program: str) -> Any:  # noqa: ANN401
    return importlib.import_module(f"ipc_examples.{program}")


def at_port(port: int) -> dict[str, object]:
    """Return the replacement that makes a program take *port*, not any."""
    getaddrinfo = socket.getaddrinfo

    def find(host: str, _: int, **options: Any) -> object:  # noqa: ANN401
        return getaddrinfo(host, port, **options)

    return {"socket.getaddrinfo": find}


@pytest.mark.fault(
    FaultGroup.HOSTS, "a fixed port of which connections have just ended"
)
@pytest.mark.parametrize("program", INET)
def test_may_have_its_port_again_at_once(program: str) -> None:
    """The side that ends a connection first keeps it in TIME_WAIT."""
    with RunningProgram(program) as running:
        first = running.line()
    port = int(first.rpartition(" ")[2])
    for _ in range(2):
        with RunningProgram(program, replace=at_port(port)) as running:
            assert running.line() == f"Socket has port {port}"
            with client_of(program, first) as client:
                if program in ECHO_SERVERS:  # a child may not have it yet
                    client.sendall(b"one")
                    assert client.recv(3) == b"one"
                running.signal(signal.SIGINT)  # while they are connected
                assert running.finish().status == -signal.SIGINT
                assert client.recv(1) == b""


@pytest.mark.fault(FaultGroup.HOSTS, "the port of a live server")
@pytest.mark.parametrize("program", INET)
def test_does_not_take_a_port_from_another(program: str) -> None:
    with RunningProgram(program) as one:
        port = int(one.line().rpartition(" ")[2])
        with RunningProgram(program, replace=at_port(port)) as other:
            ended = other.finish()
        why = rf"{reason(errno.EADDRINUSE)}.*"
        assert_exit_report(ended, rf"{program}: 127\.0\.0\.1: {why}\n", out="")
        assert one.interrupt() == (-signal.SIGINT, "", "")


@contextlib.contextmanager
def writing_to(program: str) -> Iterator[tuple[RunningProgram, socket.socket]]:
    """Run a server; yield a socket that receives each write of its own."""
    kept, given = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def run() -> None:
        os.dup2(given.fileno(), 1)
        kept.close()
        main_of(program)()

    with kept, RunningProgram(run, name=program) as running:
        given.close()
        kept.settimeout(DEADLINE)
        yield running, kept


@every_stream
def test_writes_once_for_each_read(program: str) -> None:
    """However many messages came at once."""
    with writing_to(program) as (running, output):
        first = output.recv(100).decode().rstrip("\n")
        with client_of(program, first) as client:
            for number in (1, 3, 500):
                client.sendall(b"one\0" * number)
                assert output.recv(65536) == b"-->one\n" * number
            client.sendall(b"tw")
            assert output.recv(65536) == b"-->tw\n"
        assert output.recv(65536) == b"Ending connection\n"
        assert running.interrupt() == (-signal.SIGINT, "", "")


@pytest.mark.fault(
    FaultGroup.STANDARD_STREAMS,
    "output that nobody reads any more, in the middle",
)
@pytest.mark.parametrize("program", RECEIVERS)
def test_names_what_failed_when_nobody_reads(program: str) -> None:
    """Neither the host nor the path is to blame."""
    with RunningProgram(program) as running:
        first = running.line()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, running.out.descriptor)  # the pipe has no reader
        os.close(nothing)
        with client_of(program, first) as client:
            client.sendall(b"one")
            ended = running.finish()
    stderr = rf"{program}: standard output: {reason(errno.EPIPE)}\n"
    # RunningProgram writes what is left, as Python does at its end.
    err = re.sub(r"Traceback (.*\n)+BrokenPipeError: .*\n", "", ended.err)
    assert_exit_report(ended._replace(err=err), stderr, out="")


@pytest.mark.parametrize("program", SELECTING)
class TestSelectsFalseAlarms:
    """What select() told may not hold any more."""

    def test_select_may_tell_of_a_connection_that_is_gone(
        self, program: str
    ) -> None:
        module = module_of(program)
        with (
            module.listener_at(LOOPBACK) as listener,
            selectors.DefaultSelector() as selector,
        ):
            listener.setblocking(False)
            assert module.accept_connection(selector, listener)
            assert not selector.get_map()

    def test_the_listener_cannot_make_the_server_wait(
        self, program: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = module_of(program)
        listener = module.listener_at(LOOPBACK)

        def select(*_: object) -> NoReturn:
            raise InterruptedError(listener.getblocking())

        monkeypatch.setattr(selectors.DefaultSelector, "select", select)
        with listener, pytest.raises(InterruptedError, match=r"^False$"):
            module.serve(listener)

    def test_the_server_closes_all_however_it_ends(
        self, program: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = module_of(program)
        real = selectors.DefaultSelector.select

        def select(
            selector: selectors.DefaultSelector, *_: object
        ) -> list[tuple[selectors.SelectorKey, int]]:
            if len(selector.get_map()) > 1:
                raise InterruptedError("it failed")
            return real(selector, DEADLINE)

        monkeypatch.setattr(selectors.DefaultSelector, "select", select)
        with (
            module.listener_at(LOOPBACK) as listener,
            socket.create_connection(listener.getsockname()) as client,
        ):
            client.settimeout(DEADLINE)
            with pytest.raises(InterruptedError) as held:
                module.serve(listener)
            assert client.recv(1) == b"", "a client's socket stays open"
            assert listener.fileno() == -1
            assert held.value.args == ("it failed",)

    def test_a_connection_cannot_make_the_server_wait(
        self, program: str
    ) -> None:
        module = module_of(program)
        with (
            module.listener_at(LOOPBACK) as listener,
            selectors.DefaultSelector() as selector,
            socket.create_connection(listener.getsockname()),
        ):
            assert module.accept_connection(selector, listener)
            (key,) = selector.get_map().values()
            connection: Any = key.fileobj
            with connection:
                assert key.events == selectors.EVENT_READ
                assert key.data is None or key.data.connection is connection
                assert not connection.getblocking()
