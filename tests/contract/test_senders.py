"""Senders: peers, paths, hosts and ports."""

from __future__ import annotations

import errno
import os
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from tests.harness.catalogue import SENDERS
from tests.harness.fault_groups import FaultGroup
from tests.harness.ipv6 import needs_ipv6
from tests.harness.peers import (
    IPV6_ABSENT,
    LONGEST,
    LOOPBACK,
    NAMES_UNKNOWN,
    STREAM_CLIENTS,
    UDP_SENDERS,
    message_of,
    nobody_for,
    peer_of,
    received_by,
    resolver,
    socket_type_of,
)
from tests.harness.running import (
    RunningProgram,
    as_unprivileged_user,
    assert_exit_report,
    assert_refuses,
    in_removed_directory,
    reason,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("empty_directory")

UNIX = [p for p in SENDERS if p.startswith("unix_")]
INET = [p for p in SENDERS if p.startswith("inet_")]

NO_FILE = reason(errno.ENOENT)
REFUSED = reason(errno.ECONNREFUSED)

every_sender = pytest.mark.parametrize("program", SENDERS)
every_unix = pytest.mark.parametrize("program", UNIX)
every_inet = pytest.mark.parametrize("program", INET)
every_client = pytest.mark.parametrize(
    "program", [p for p in STREAM_CLIENTS if p in INET]
)
every_udp = pytest.mark.parametrize("program", UDP_SENDERS)


@every_sender
def test_sends_the_bytes_of_the_original_once(program: str) -> None:
    with peer_of(program) as (peer, arguments):
        with RunningProgram(program, *arguments) as running:
            assert received_by(peer) == message_of(program)
            assert running.finish() == (0, "", "")
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            received_by(peer)


@pytest.mark.fault(FaultGroup.HOSTS, "nobody there")
@every_sender
def test_reports_that_nobody_is_there(
    program: str, record_property: Callable[[str, object], None]
) -> None:
    with nobody_for(program) as arguments:
        if program in UDP_SENDERS:
            record_property("instead", "datagram_request")
            assert_sends(program, *arguments)
        else:
            why = NO_FILE if program in UNIX else REFUSED
            assert_refuses(program, *arguments, why=why)


def assert_sends(program: str, *arguments: str) -> None:
    """See that *program* is content, though nobody receives."""
    with RunningProgram(program, *arguments) as running:
        assert running.finish() == (0, "", "")


@every_sender
def test_a_sender_needs_every_argument(program: str) -> None:
    with RunningProgram(program) as running:
        status, out, err = running.finish()
    assert (status, out) == (2, "")
    assert "the following arguments are required" in err


@every_sender
def test_a_sender_dies_of_control_c(program: str) -> None:
    def interrupt(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    calls = ("socket.socket.connect", "socket.socket.sendto")
    with (
        nobody_for(program) as arguments,
        RunningProgram(
            program, *arguments, replace=dict.fromkeys(calls, interrupt)
        ) as running,
    ):
        assert running.finish() == (-signal.SIGINT, "", "")


def assert_delivers(program: str, path: str) -> None:
    """See that *program* sends to a peer at *path* what it has to send."""
    with (
        peer_of(program, path=path) as (peer, arguments),
        RunningProgram(program, *arguments) as running,
    ):
        assert received_by(peer) == message_of(program)
        assert running.finish() == (0, "", "")


class TestPaths:
    @pytest.mark.fault(FaultGroup.PATHS, "a path of 107 bytes")
    @every_unix
    @pytest.mark.parametrize("path", LONGEST, ids=["ASCII", "UTF-8"])
    def test_paths_may_have_107_bytes(self, program: str, path: str) -> None:
        assert_delivers(program, path)

    @pytest.mark.fault(FaultGroup.PATHS, "a path that is not ASCII")
    @every_unix
    def test_paths_may_be_in_any_language(self, program: str) -> None:
        assert_delivers(program, "Küste")

    @pytest.mark.fault(FaultGroup.PATHS, "a symbolic link as path")
    @every_unix
    def test_paths_may_be_a_link(self, program: str) -> None:
        os.symlink("peer", "link")
        with (
            peer_of(program) as (peer, _),
            RunningProgram(program, "link") as running,
        ):
            assert received_by(peer) == message_of(program)
            assert running.finish() == (0, "", "")
        assert_refuses(program, "link", why=NO_FILE)
        os.unlink("link")

    @pytest.mark.fault(
        FaultGroup.PATHS, "a working directory that was removed"
    )
    @every_unix
    def test_paths_may_lead_nowhere_any_more(self, program: str) -> None:
        run = in_removed_directory(program, "peer")
        with RunningProgram(run, name=program) as running:
            ended = running.finish()
        assert_exit_report(ended, rf"{program}: peer: {NO_FILE}\n", out="")

    @pytest.mark.fault(FaultGroup.PATHS, "a path of 108 bytes, or to nothing")
    @every_unix
    @pytest.mark.parametrize(
        ("path", "why"),
        [
            pytest.param("x" * 108, "AF_UNIX path too long", id="too long"),
            pytest.param("ü" * 54, "AF_UNIX path too long", id="108 bytes"),
            pytest.param("", reason(errno.EINVAL), id="empty"),
            pytest.param("nothing", NO_FILE, id="nothing"),
        ],
    )
    def test_paths_must_lead_somewhere(
        self, program: str, path: str, why: str
    ) -> None:
        assert_refuses(program, path, why=why)

    @pytest.mark.fault(FaultGroup.PATHS, "a socket without permission")
    @every_unix
    def test_paths_must_be_allowed(self, program: str) -> None:
        with peer_of(program) as (_, arguments):
            os.chmod(arguments[-1], 0)
            run = as_unprivileged_user(program, os.path.abspath(arguments[-1]))
            with RunningProgram(run, name=program) as running:
                ended = running.finish()
        assert_exit_report(ended, rf"{program}: .*Permission denied\n", out="")

    @pytest.mark.fault(FaultGroup.PATHS, "a stale socket file")
    @every_unix
    def test_paths_must_be_in_use(self, program: str) -> None:
        with peer_of(program) as (peer, arguments):
            peer.close()
            assert_refuses(program, *arguments, why=REFUSED)

    @pytest.mark.fault(FaultGroup.PATHS, "an ordinary file as path")
    @every_unix
    def test_paths_must_lead_to_a_socket(self, program: str) -> None:
        open("file", "x").close()
        assert_refuses(program, "file", why=REFUSED)
        os.unlink("file")

    @pytest.mark.fault(FaultGroup.PATHS, "a directory as path")
    @every_unix
    def test_paths_must_not_lead_to_a_directory(self, program: str) -> None:
        assert_refuses(program, ".", why=REFUSED)

    @pytest.mark.fault(FaultGroup.PATHS, "a socket of the other style")
    @every_unix
    def test_paths_must_be_of_the_right_style(self, program: str) -> None:
        other = next(
            p for p in UNIX if socket_type_of(p) != socket_type_of(program)
        )
        with peer_of(other) as (_, arguments):
            why = reason(errno.EPROTOTYPE)
            assert_refuses(program, *arguments, why=why)


@pytest.mark.fault(FaultGroup.HOSTS, "a host that nobody knows")
@pytest.mark.slow
class TestHosts:
    @every_inet
    def test_hosts_must_be_known(self, program: str) -> None:
        why = rf"\[Errno {socket.EAI_NONAME}\] unknown"
        assert_refuses(program, "nowhere", "1", why=why, replace=NAMES_UNKNOWN)

    @every_inet
    @pytest.mark.parametrize(
        ("host", "why"),
        [
            pytest.param(
                "",
                rf"\[Errno {socket.EAI_NONAME}\] Name or service not known",
                id="empty",
            ),
            # The text around these words is another in each Python.
            pytest.param("x" * 64, r"[^\n]*label[^\n]*", id="label too long"),
            pytest.param(
                "\udcff", r"[^\n]*Invalid character[^\n]*", id="not UTF-8"
            ),
        ],
    )
    def test_hosts_must_be_valid_names(
        self, program: str, host: str, why: str
    ) -> None:
        assert_refuses(program, host, "1", why=why)

    @every_client
    def test_hosts_must_have_an_address(self, program: str) -> None:
        why = "getaddrinfo returns an empty list"  # says create_connection()
        assert_refuses(program, "nobody", "1", why=why, replace=resolver())

    @pytest.mark.fault(
        FaultGroup.HOSTS, "a host with IPv6 addresses alone, given by its name"
    )
    @every_udp
    def test_hosts_must_have_an_ipv4_address(self, program: str) -> None:
        why = rf"\[Errno {socket.EAI_ADDRFAMILY}\] .*not supported"
        assert_refuses(program, "sea", "1", why=why, replace=resolver("::1"))

    @pytest.mark.fault(
        FaultGroup.HOSTS, "a host with addresses of IPv6 and IPv4"
    )
    @every_udp
    @pytest.mark.parametrize("hosts", [("::1", LOOPBACK), (LOOPBACK, "::1")])
    def test_stand_for_an_ipv4_address(
        self, program: str, hosts: tuple[str, str]
    ) -> None:
        with (
            peer_of(program) as (peer, (_, port)),
            RunningProgram(
                program, "localhost", port, replace=resolver(*hosts)
            ) as running,
        ):
            assert received_by(peer) == message_of(program)
            assert running.finish() == (0, "", "")

    @pytest.mark.fault(FaultGroup.HOSTS, "IPv6 absent")
    @every_udp
    def test_hosts_of_ipv6_need_ipv6(self, program: str) -> None:
        why = rf"\[Errno {errno.EAFNOSUPPORT}\] no IPv6"
        assert_refuses(program, "::1", "1", why=why, replace=IPV6_ABSENT)

    @pytest.mark.fault(FaultGroup.HOSTS, "a host with an IPv6 address")
    @needs_ipv6
    @every_inet
    def test_hosts_may_be_the_ipv6_loopback(self, program: str) -> None:
        with (
            peer_of(program, "::1") as (peer, arguments),
            RunningProgram(program, *arguments) as running,
        ):
            assert received_by(peer) == message_of(program)
            assert running.finish() == (0, "", "")

    @pytest.mark.fault(
        FaultGroup.HOSTS, "a host of whose addresses the first refuses"
    )
    @needs_ipv6
    @every_client
    @pytest.mark.parametrize("hosts", [("::1", LOOPBACK), (LOOPBACK, "::1")])
    @pytest.mark.parametrize("receiving", ["::1", LOOPBACK])
    def test_hosts_are_tried_at_each_address(
        self, program: str, hosts: tuple[str, str], receiving: str
    ) -> None:
        replace = resolver(*hosts)
        with (
            peer_of(program, receiving) as (peer, (_, port)),
            RunningProgram(
                program, "localhost", port, replace=replace
            ) as running,
        ):
            assert received_by(peer) == message_of(program)
            assert running.finish() == (0, "", "")

    @pytest.mark.fault(FaultGroup.HOSTS, "IPv6 absent")
    @every_inet
    def test_hosts_are_tried_without_ipv6(self, program: str) -> None:
        replace = resolver("::1", LOOPBACK) | IPV6_ABSENT
        with (
            peer_of(program) as (peer, (_, port)),
            RunningProgram(
                program, "localhost", port, replace=replace
            ) as running,
        ):
            assert received_by(peer) == message_of(program)
            assert running.finish() == (0, "", "")

    @needs_ipv6
    @every_client
    def test_fail_when_nobody_is_at_any_address(self, program: str) -> None:
        with nobody_for(program) as (_, port):
            replace = resolver("::1", LOOPBACK)
            assert_refuses(
                program, "localhost", port, why=REFUSED, replace=replace
            )


@pytest.mark.fault(FaultGroup.HOSTS, "a port that is none")
@pytest.mark.slow
class TestPorts:
    @pytest.mark.fault(
        FaultGroup.HOSTS, "a port where nobody is: 65535, or one below 1024"
    )
    @every_inet
    @pytest.mark.parametrize("port", ["1", "65535"])
    def test_ports_may_be_privileged_or_65535(
        self, program: str, port: str
    ) -> None:
        if program in UDP_SENDERS:
            assert_sends(program, LOOPBACK, port)
        else:
            assert_refuses(program, LOOPBACK, port, why=REFUSED)

    @every_inet
    @pytest.mark.parametrize(
        "port",
        [
            "0",
            "65536",
            "-1",
            "",
            "http",
            "1.0",
            " 1",
            "\N{FULLWIDTH DIGIT ONE}",
            "\N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO}",
            "1_0",
            "+1",
            "1\n",
            "0x50",
            "000001",
            "100000",
            pytest.param("9" * 5000, id="5000 digits"),
        ],
    )
    def test_ports_are_from_1_to_65535(self, program: str, port: str) -> None:
        with RunningProgram(program, LOOPBACK, port) as running:
            status, out, err = running.finish()
        assert (status, out) == (2, "")
        usage, error = err.splitlines()
        assert usage == f"usage: {program}.py [-h] HOST PORT"
        assert error == (
            f"{program}.py: error: argument PORT: "
            f"{port!r:.20} is not from 1 to 65535"
        )
