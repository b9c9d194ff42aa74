"""Receivers: messages, ends, paths and hosts."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from tests.harness.catalogue import RECEIVERS, SERVERS, source
from tests.harness.fault_groups import FaultGroup
from tests.harness.ipv6 import needs_ipv6
from tests.harness.obstacles import RESET
from tests.harness.peers import (
    DATAGRAM_RECEIVERS,
    IPV6_ABSENT,
    LONGEST,
    LOOPBACK,
    NAMES_UNKNOWN,
    STREAM_SERVERS,
    client_of,
    resolver,
    send_to,
    speak_and_end,
    stop_server,
)
from tests.harness.running import (
    RunningProgram,
    as_unprivileged_user,
    assert_exit_report,
    assert_idle,
    assert_refuses,
    in_removed_directory,
    main_of,
    reason,
)
from tests.harness.signal_injection.checkpoints import STOPPING

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("empty_directory")

UNIX = [p for p in RECEIVERS if p.startswith("unix_")]
INET = [p for p in RECEIVERS if p.startswith("inet_")]
INET_STREAM_SERVERS = [p for p in STREAM_SERVERS if p in INET]
ELSEWHERE = "192.0.2.1"  # an address of no machine

NO_FILE = rf"{reason(errno.ENOENT)}.*"
IN_USE = rf"{reason(errno.EADDRINUSE)}.*"
NOT_OURS = rf"{reason(errno.EADDRNOTAVAIL)}.*"
ABSENT = rf"\[Errno {errno.EAFNOSUPPORT}\] no IPv6"
NO_IPV4 = rf"\[Errno {socket.EAI_ADDRFAMILY}\] .*not supported"

every_server = pytest.mark.parametrize("program", SERVERS)
every_receiver = pytest.mark.parametrize("program", RECEIVERS)
every_stream = pytest.mark.parametrize("program", STREAM_SERVERS)
every_datagram = pytest.mark.parametrize("program", DATAGRAM_RECEIVERS)
every_unix = pytest.mark.parametrize("program", UNIX)
INET_SERVERS = [p for p in SERVERS if p.startswith("inet_")]
every_host = pytest.mark.parametrize("program", INET_SERVERS)
every_datagram_host = pytest.mark.parametrize(
    "program", [p for p in INET_SERVERS if p in DATAGRAM_RECEIVERS]
)
# One that has no room for this function takes the first address of a name.
TRYING_EACH = [p for p in INET_SERVERS if "def listener_at(" in source(p)]
every_listener = pytest.mark.parametrize("program", TRYING_EACH)


def first_line(program: str, path: str = "socket") -> str:
    """Return the first line of a UNIX domain receiver."""
    name = (
        "socket -->" if program in DATAGRAM_RECEIVERS else "Socket has name "
    )
    return name + path


def exchange_one_byte(program: str, first: str, host: str) -> bytes:
    with client_of(program, first, host) as client:
        client.sendall(b"one")
        return client.recv(1)


def shown(program: str, message: bytes, encoding: str = "utf-8") -> str:
    """Return the line that shows a message."""
    with RunningProgram(program, encoding=encoding) as running:
        first = running.line()
        send_to(program, first, message)
        line = running.line()
        stop_server(program, running, first)
    return line


def bind_and_close(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)


def make_file(path: str) -> None:
    open(path, "x").close()


def make_link(path: str) -> None:
    os.symlink("nowhere", path)


def make_link_to_socket(path: str) -> None:
    bind_and_close("stale")
    os.symlink("stale", path)


def remove_link_and_socket(path: str) -> None:
    os.unlink(path)
    os.unlink("stale")


@pytest.fixture(
    params=[
        pytest.param((bind_and_close, os.unlink), id="stale socket"),
        pytest.param((make_file, os.unlink), id="file"),
        pytest.param((os.mkdir, os.rmdir), id="directory"),
        pytest.param((make_link, os.unlink), id="dangling link"),
        pytest.param(
            (make_link_to_socket, remove_link_and_socket), id="link to socket"
        ),
    ]
)
def taken(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield a path that exists, and see that nobody touches it."""
    make, remove = request.param
    make("taken")
    before = os.lstat("taken")
    yield "taken"
    assert os.path.samestat(os.lstat("taken"), before)
    remove("taken")


@pytest.mark.slow
class TestMessages:
    @every_receiver
    def test_a_message_ends_at_the_nul_that_c_sends(
        self, program: str
    ) -> None:
        assert shown(program, b"Half a league\0") == "-->Half a league"

    @every_receiver
    def test_a_message_may_lack_the_nul(self, program: str) -> None:
        assert shown(program, b"Half a league") == "-->Half a league"

    @pytest.mark.fault(
        FaultGroup.CONTENT, "control characters, and bytes that are not UTF-8"
    )
    @every_receiver
    @pytest.mark.parametrize(
        ("message", "text"),
        [
            pytest.param(b"calm\x1b[2J", r"calm\x1b[2J", id="escape"),
            pytest.param(b"calm\rstorm", r"calm\rstorm", id="return"),
            pytest.param(b"calm\a", r"calm\x07", id="bell"),
            pytest.param(b"calm\nstorm", r"calm\nstorm", id="newline"),
            pytest.param(b"\xc2\x9b2J", r"\x9b2J", id="C1"),
            pytest.param(b"\xe2\x80\xaemlac", r"\u202emlac", id="bidi"),
            pytest.param(b"\xffcalm", r"\xffcalm", id="not UTF-8"),
            pytest.param("café 🌊".encode(), "café 🌊", id="UTF-8"),
        ],
    )
    def test_a_message_cannot_play_tricks(
        self, program: str, message: bytes, text: str
    ) -> None:
        assert shown(program, message) == f"-->{text}"

    @every_receiver
    def test_a_message_fits_the_terminals_encoding(self, program: str) -> None:
        assert shown(program, b"caf\xc3\xa9", "ascii") == r"-->caf\xc3\xa9"


class TestDatagrams:
    @pytest.mark.fault(FaultGroup.CONTENT, "an empty datagram")
    @every_datagram
    def test_a_datagram_of_nothing_is_a_message(self, program: str) -> None:
        assert shown(program, b"") == "-->"

    @every_datagram
    def test_a_datagram_that_just_fits_is_whole(self, program: str) -> None:
        assert shown(program, b"x" * 1024) == "-->" + "x" * 1024

    @pytest.mark.fault(
        FaultGroup.CONTENT, "a datagram larger than the buffer, up to 64 KB"
    )
    @every_datagram
    @pytest.mark.parametrize("size", [1025, 65507])  # 65507: UDP has no larger
    def test_a_datagram_too_large_is_reported(
        self, program: str, size: int
    ) -> None:
        with RunningProgram(program) as running:
            send_to(program, running.line(), b"x" * size)
            ended = running.finish()
        cut = f"{program}: cut to 1024 bytes\n"
        assert ended == (1, "-->" + "x" * 1024 + "\n", cut)

    @pytest.mark.fault(FaultGroup.DATAGRAMS, "a system that cannot receive")
    @every_datagram
    def test_that_cannot_be_received_are_not_the_outputs_fault(
        self, program: str
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))

        replace = {"socket.socket.recvmsg": fail}
        with RunningProgram(program, replace=replace) as running:
            running.line()
            ended = running.finish()
        subject = "socket" if program in UNIX else LOOPBACK
        stderr = rf"{program}: {subject}: {reason(errno.ENOBUFS)}\n"
        assert_exit_report(ended, stderr, out="")

    @every_datagram
    def test_one_datagram_is_enough(self, program: str) -> None:
        with RunningProgram(program) as running:
            send_to(program, running.line(), b"calm\0")
            assert running.finish() == (0, "-->calm\n", "")


class TestStreams:
    @pytest.mark.fault(FaultGroup.CONTENT, "several messages joined")
    @every_stream
    def test_shows_messages_that_were_joined(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            send_to(program, first, b"one\0two\0")
            assert running.line() == "-->one"
            assert running.line() == "-->two"
            stop_server(program, running, first)

    @every_stream
    def test_shows_both_parts_of_a_message(self, program: str) -> None:
        with (
            RunningProgram(program) as running,
            client_of(program, running.line()) as client,
        ):
            client.sendall(b"Half a ")
            assert running.line() == "-->Half a "
            client.sendall(b"league\0")
            assert running.line() == "-->league"
            assert running.interrupt() == (-signal.SIGINT, "", "")

    @every_stream
    def test_loses_nothing_of_much(self, program: str) -> None:
        text = " ".join(map(str, range(10_000)))
        with RunningProgram(program) as running:
            first = running.line()
            send_to(program, first, text.encode())
            shown = ""
            while len(shown) < len(text):
                shown += running.line().removeprefix("-->")
            assert shown == text
            stop_server(program, running, first)

    @every_stream
    def test_serves_one_after_another(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            for message in ("one", "two", "three"):
                send_to(program, first, message.encode())
                assert running.line() == f"-->{message}"
                assert running.line() == "Ending connection"
            send_to(program, first)
            stop_server(program, running, first)

    @every_stream
    def test_serves_one_who_says_nothing(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            send_to(program, first)
            stop_server(program, running, first)

    @pytest.mark.fault(
        FaultGroup.STREAM_PEERS, "a peer that closes one direction and waits"
    )
    @every_stream
    def test_hangs_up_on_one_who_has_said_all(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            with client_of(program, first) as client:
                client.sendall(b"one")
                client.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""
            assert running.line() == "-->one"
            stop_server(program, running, first)

    @pytest.mark.fault(
        FaultGroup.STREAM_PEERS, "a reset in the middle of the stream"
    )
    @pytest.mark.parametrize("program", INET_STREAM_SERVERS)
    def test_survives_a_reset(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            with client_of(program, first) as client:
                client.sendall(b"one")
                assert running.line() == "-->one"
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            assert re.fullmatch(
                rf"{program}: .*Connection reset by peer",
                running.stderr_line(),
            )
            assert running.line() == "Ending connection"
            send_to(program, first, b"two")
            assert running.line() == "-->two"
            stop_server(program, running, first)


class TestEnds:
    @every_server
    def test_ends_quietly_by_control_c(self, program: str) -> None:
        with RunningProgram(program) as running:
            running.line()
            assert running.interrupt() == (-signal.SIGINT, "", "")

    @every_server
    @pytest.mark.parametrize("number", STOPPING)
    def test_a_server_dies_of_the_signal(
        self, program: str, number: int
    ) -> None:
        with RunningProgram(program) as running:
            running.line()
            running.signal(number)
            assert running.finish() == (-number, "", "")

    @every_stream
    @pytest.mark.parametrize("number", STOPPING)
    def test_a_server_dies_of_a_signal_while_it_serves(
        self, program: str, number: int
    ) -> None:
        with (
            RunningProgram(program) as running,
            client_of(program, running.line()) as client,
        ):
            client.sendall(b"one")
            assert running.line() == "-->one"
            running.signal(number)
            assert running.finish() == (-number, "", "")
            assert client.recv(1) == b""

    @pytest.mark.fault(
        FaultGroup.SIGNALS, "a signal whose default action does nothing"
    )
    @every_unix
    @pytest.mark.parametrize("number", STOPPING)
    def test_ends_even_as_process_1(self, program: str, number: int) -> None:
        replace = {"signal.raise_signal": lambda _: None}
        with RunningProgram(program, replace=replace) as running:
            running.line()
            running.signal(number)
            assert running.finish() == (128 + number, "", "")

    @pytest.mark.fault(
        FaultGroup.SIGNALS,
        "a signal that is ignored from the start, as by nohup",
    )
    @every_unix
    @pytest.mark.parametrize("number", STOPPING)
    def test_does_not_end_by_a_signal_ignored_before(
        self, program: str, number: int
    ) -> None:
        def ignore_and_run() -> None:
            signal.signal(number, signal.SIG_IGN)
            main_of(program)()

        last = next(other for other in STOPPING if other != number)
        with RunningProgram(ignore_and_run, name=program) as running:
            first = running.line()
            running.signal(number)
            if program in STREAM_SERVERS:
                send_to(program, first, b"one")
                assert running.line() == "-->one"
                assert running.line() == "Ending connection"
            assert_idle(running.pid)
            assert os.listdir() == ["socket"]
            running.signal(last)
            assert running.finish() == (-last, "", "")


@pytest.mark.slow
class TestPaths:
    @every_unix
    def test_paths_are_shown(self, program: str) -> None:
        with RunningProgram(program, "here") as running:
            assert running.line() == first_line(program, "here")
            assert os.listdir() == ["here"]
            assert running.interrupt() == (-signal.SIGINT, "", "")

    @every_unix
    def test_paths_default_to_socket(self, program: str) -> None:
        with RunningProgram(program) as running:
            assert running.line() == first_line(program, "socket")
            assert running.interrupt() == (-signal.SIGINT, "", "")

    @every_unix
    def test_paths_are_escaped(self, program: str) -> None:
        with RunningProgram(program, "a\x1b[2J\udcff") as running:
            assert running.line() == first_line(program, r"a\x1b[2J\xff")
            assert running.interrupt() == (-signal.SIGINT, "", "")

    @pytest.mark.fault(FaultGroup.PATHS, "a path of 107 bytes")
    @every_unix
    @pytest.mark.parametrize("path", LONGEST, ids=["ASCII", "UTF-8"])
    def test_paths_may_have_107_bytes(self, program: str, path: str) -> None:
        with RunningProgram(program, path) as running:
            first = running.line()
            assert first == first_line(program, path)
            send_to(program, first, b"one")
            assert running.line() == "-->one"
            stop_server(program, running, first)

    @pytest.mark.fault(
        FaultGroup.PATHS, "a path of 108 bytes, or in no directory"
    )
    @every_unix
    @pytest.mark.parametrize(
        ("path", "why"),
        [
            ("x" * 108, "AF_UNIX path too long"),
            ("ü" * 54, "AF_UNIX path too long"),  # 108 bytes
            ("", NO_FILE),
            ("nowhere/socket", NO_FILE),
        ],
    )
    def test_paths_must_be_usable(
        self, program: str, path: str, why: str
    ) -> None:
        assert_refuses(program, path, why=why)

    @pytest.mark.fault(FaultGroup.PATHS, "a directory without permission")
    @every_unix
    def test_paths_must_be_allowed(self, program: str) -> None:
        os.mkdir("closed", 0o500)
        run = as_unprivileged_user(program, os.path.abspath("closed/socket"))
        with RunningProgram(run, name=program) as running:
            ended = running.finish()
        assert_exit_report(ended, rf"{program}: .*Permission denied\n", out="")
        os.rmdir("closed")

    @pytest.mark.fault(FaultGroup.PATHS, "a path that is not ASCII")
    @every_unix
    def test_paths_may_be_in_any_language(self, program: str) -> None:
        with RunningProgram(program, "Küste") as running:
            first = running.line()
            assert first == first_line(program, "Küste")
            send_to(program, first, b"one")
            assert running.line() == "-->one"
            stop_server(program, running, first)

    @pytest.mark.fault(
        FaultGroup.PATHS, "a working directory that was removed"
    )
    @every_unix
    def test_paths_may_lead_nowhere_any_more(self, program: str) -> None:
        run = in_removed_directory(program)
        with RunningProgram(run, name=program) as running:
            ended = running.finish()
        stderr = rf"{program}: .*No such file or directory\n"
        assert_exit_report(ended, stderr, out="")

    @pytest.mark.fault(
        FaultGroup.PATHS,
        "a path that is taken: stale socket, file, directory, link",
    )
    @every_unix
    def test_paths_in_use_are_left_alone(
        self, program: str, taken: str
    ) -> None:
        assert_refuses(program, taken, why=IN_USE)

    @pytest.mark.fault(FaultGroup.PATHS, "the path of a live server")
    @every_unix
    def test_paths_in_use_by_another_stay_in_use(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            assert_refuses(program, "socket", why=IN_USE)
            send_to(program, first, b"one")
            assert running.line() == "-->one"
            stop_server(program, running, first)

    @pytest.mark.fault(FaultGroup.PATHS, "a socket file removed by another")
    @every_unix
    def test_paths_may_vanish_meanwhile(self, program: str) -> None:
        with RunningProgram(program) as running:
            running.line()
            os.unlink("socket")
            assert running.interrupt() == (-signal.SIGINT, "", "")

    @pytest.mark.fault(FaultGroup.PATHS, "a socket file replaced by another")
    @every_unix
    @pytest.mark.parametrize("number", STOPPING)
    def test_paths_of_another_are_not_removed(
        self, program: str, number: int
    ) -> None:
        with RunningProgram(program) as running:
            running.line()
            os.rename("socket", "old")
            make_file("socket")
            running.signal(number)
            assert running.finish() == (-number, "", "")
        assert sorted(os.listdir()) == ["old", "socket"]
        os.unlink("old")
        os.unlink("socket")


@pytest.mark.slow
class TestHosts:
    @every_host
    @pytest.mark.parametrize(
        ("host", "reached_at"),
        [
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - asked for
            pytest.param("::1", "::1", marks=needs_ipv6),
            pytest.param("::", "::1", marks=needs_ipv6),
        ],
    )
    def test_listens_at_the_host_that_is_named(
        self, program: str, host: str, reached_at: str
    ) -> None:
        with RunningProgram(program, host) as running:
            first = running.line()
            speak_and_end(program, running, first, reached_at)

    @every_host
    def test_hosts_default_to_the_loopback(self, program: str) -> None:
        with RunningProgram(program) as running:
            first = running.line()
            with pytest.raises(ConnectionRefusedError):
                exchange_one_byte(program, first, host="127.0.0.2")
            assert running.interrupt() == (-signal.SIGINT, "", "")

    @pytest.mark.fault(
        FaultGroup.HOSTS, "a host of whose addresses the first cannot be had"
    )
    @every_listener
    @pytest.mark.parametrize(
        ("hosts", "reached_at"),
        [
            ((ELSEWHERE, LOOPBACK), LOOPBACK),
            ((LOOPBACK, ELSEWHERE), LOOPBACK),
            ((LOOPBACK, "127.0.0.2"), LOOPBACK),
            pytest.param(("::1", LOOPBACK), "::1", marks=needs_ipv6),
        ],
    )
    def test_hosts_are_tried_at_each_address(
        self, program: str, hosts: tuple[str, str], reached_at: str
    ) -> None:
        replace = resolver(*hosts)
        with RunningProgram(program, "localhost", replace=replace) as running:
            first = running.line()
            speak_and_end(program, running, first, reached_at)

    @pytest.mark.fault(
        FaultGroup.HOSTS, "a host with addresses of IPv6 and IPv4"
    )
    @every_datagram_host
    @pytest.mark.parametrize("hosts", [("::1", LOOPBACK), (LOOPBACK, "::1")])
    def test_stand_for_an_ipv4_address(
        self, program: str, hosts: tuple[str, str]
    ) -> None:
        """So a sender to the same name finds the receiver."""
        replace = resolver(*hosts)
        with RunningProgram(program, "localhost", replace=replace) as running:
            speak_and_end(program, running, running.line())

    @pytest.mark.fault(
        FaultGroup.HOSTS, "a host with IPv6 addresses alone, given by its name"
    )
    @every_datagram_host
    def test_hosts_must_have_an_ipv4_address(self, program: str) -> None:
        replace = resolver("::1")
        assert_refuses(program, "sea", why=NO_IPV4, replace=replace)

    @pytest.mark.fault(FaultGroup.HOSTS, "IPv6 absent")
    @every_datagram_host
    def test_hosts_of_ipv6_need_ipv6(self, program: str) -> None:
        assert_refuses(program, "::1", why=ABSENT, replace=IPV6_ABSENT)

    @pytest.mark.fault(FaultGroup.HOSTS, "IPv6 absent")
    @pytest.mark.parametrize(
        "program",
        [p for p in INET_SERVERS if p in DATAGRAM_RECEIVERS + TRYING_EACH],
    )
    def test_hosts_are_tried_without_ipv6(self, program: str) -> None:
        replace = resolver("::1", LOOPBACK) | IPV6_ABSENT
        with RunningProgram(program, "localhost", replace=replace) as running:
            first = running.line()
            speak_and_end(program, running, first)

    @every_listener
    @pytest.mark.parametrize(
        ("hosts", "why"),
        [
            pytest.param((ELSEWHERE, "::1"), ABSENT, id="last absent"),
            pytest.param(("::1", ELSEWHERE), NOT_OURS, id="elsewhere"),
            pytest.param((), "no address", id="none"),
        ],
    )
    def test_hosts_must_have_an_address_of_ours(
        self, program: str, hosts: tuple[str, ...], why: str
    ) -> None:
        replace = resolver(*hosts) | IPV6_ABSENT
        assert_refuses(program, "localhost", why=why, replace=replace)

    @pytest.mark.fault(FaultGroup.HOSTS, "a host that is not this machine")
    @every_host
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
            pytest.param(ELSEWHERE, NOT_OURS, id="elsewhere"),
        ],
    )
    def test_hosts_must_be_this_machines(
        self, program: str, host: str, why: str
    ) -> None:
        assert_refuses(program, host, why=why)

    @pytest.mark.fault(FaultGroup.HOSTS, "a host that nobody knows")
    @every_host
    def test_hosts_must_be_known(self, program: str) -> None:
        host = "nowhere.invalid"
        why = rf"\[Errno {socket.EAI_NONAME}\] unknown"
        assert_refuses(program, host, why=why, replace=NAMES_UNKNOWN)
