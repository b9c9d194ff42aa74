"""Any bytes: whole and escaped, in whatever pieces they come."""

from __future__ import annotations

import functools
import importlib
import re
import socket
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc_examples.datagram_request import ask
from ipc_examples.peek import packed, take
from ipc_examples.skeleton import distribute
from ipc_examples.socketpair import receive_message
from tests.harness.catalogue import STANDALONE, calls_of, source
from tests.harness.examples import examples
from tests.harness.fault_groups import FaultGroup
from tests.harness.peers import (
    DATAGRAM_RECEIVERS,
    LOOPBACK,
    STREAM_SERVERS,
    client_of,
    send_to,
    stop_server,
)
from tests.harness.running import DEADLINE, RunningProgram, assert_exit_report

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
DATAGRAM_SIZE = 1024  # of the buffers for datagrams
# They show what they, or their children, send. An answer may be cut: it has a
# test of its own.
PRINTING_MESSAGES = [
    p
    for p in STANDALONE
    if "{escaped(" in source(p) and p != "datagram_request"
]
PART = (
    st.sampled_from([b"\0", b"\0\0", b"\x1b[2J", b"\r\n", b"\xff"])
    | st.sampled_from("\x7f\x85\u2028\u2029\u202e\u2066\u2069").map(str.encode)
    | st.text(max_size=20).map(str.encode)
    | st.binary(max_size=20)
)
# Short, and longer than a buffer. A backslash is shown as itself, so it would
# look like an escape.
BYTES = st.builds(
    lambda parts, times, end: (b"".join(parts) * times + end).translate(
        None, b"\\"
    ),
    st.lists(PART, max_size=10),
    st.sampled_from([1, 60]),
    st.sampled_from([b"", b"\0", b"\0\0"]),
)
ESCAPE = re.compile(r"\\(?:x(..)|u(....)|U(.{8})|([nrt]))")
# What moves a cursor, ends a line or turns its direction; but not a newline.
HARMFUL = re.compile(
    "[\\0-\\t\\v-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069]"
)
LETTERS = {"n": "\n", "r": "\r", "t": "\t"}
Sent = tuple[dict[str, object], list[bytes]]


def unescaped(text: str) -> bytes:
    """Return the bytes that a program shows as *text*."""
    data, last = b"", 0
    for found in ESCAPE.finditer(text):
        data += text[last : found.start()].encode()
        byte, four, eight, letter = found.groups()
        number = int(byte or four or eight or f"{ord(LETTERS[letter]):x}", 16)
        data += bytes([number]) if byte else chr(number).encode()
        last = found.end()
    return data + text[last:].encode()


def messages(out: str) -> list[bytes]:
    """Return the messages that a program shows; they must be harmless."""
    assert not HARMFUL.findall(out)
    lines = [line.partition("-->") for line in out.splitlines()]
    return [unescaped(text) for _, arrow, text in lines if arrow]


def as_shown(*sent: bytes) -> list[bytes]:
    """Return *sent* as messages() returns it.

    A control character and a byte that is no UTF-8 look alike below 256.
    """
    return [re.sub(rb"\xc2([\x80-\x9f])", rb"\1", data) for data in sent]


def messages_of(data: bytes) -> list[bytes]:
    """Return the messages that a NUL ends, or the end of the data."""
    return data.removesuffix(b"\0").split(b"\0")


@functools.cache
def constants_shown(program: str) -> list[str]:
    """Return the names of the bytes that *program* shows, in their order.

    What it sends is what its module has as a constant.
    """
    with RunningProgram(program) as running:
        texts = messages(running.finish().out)
    constants = {
        value.rstrip(b"\0\n"): name
        for name, value in vars(program_module(program)).items()
        if name.isupper() and isinstance(value, bytes)
    }
    if unknown := [text for text in texts if text not in constants]:
        pytest.fail(f"{program} shows {unknown}: none of its constants")
    return [constants[text] for text in texts]


def any_sent(program: str, data: bytes) -> Sent:
    """Return constants for *program* to send, and the messages it has to show.

    The first is made of *data*, the next of the same turned round, each as
    its own constant is: one byte, or text that a NUL ends.
    """
    replace: dict[str, object] = {}
    expected: list[bytes] = []
    for name in constants_shown(program):
        sent = like_constant(program, name, data)
        replace[name] = sent
        expected += messages_shown(program, sent)
        data = data[::-1]
    return replace, expected


def like_constant(program: str, name: str, data: bytes) -> bytes:
    """Return *data* so that it may stand in the place of a constant."""
    constant: bytes = getattr(program_module(program), name)
    if len(constant) == 1:
        return data[-1:] or b"!"
    if r'partition(b"\0")' in source(program):  # a NUL ends its messages
        data = data.replace(b"\0", b"")
    return data + b"\0" if constant.endswith(b"\0") else data


def messages_shown(program: str, sent: bytes) -> list[bytes]:
    """Return as what messages *program* shows what was sent."""
    by_line = "splitlines" in {c.split(".")[-1] for c in calls_of(program)}
    parts = sent.splitlines() if by_line else [sent]
    return [message for part in parts for message in messages_of(part)]


def program_module(program: str) -> ModuleType:
    return importlib.import_module(f"ipc_examples.{program}")


def next_line(running: RunningProgram) -> str:
    """Return the next line that is not a server's that waits for us."""
    while (line := running.line()) == "Do something else":
        pass
    return line


@pytest.mark.fault(FaultGroup.CONTENT, "any bytes, in any pieces")
@pytest.mark.parametrize("program", STREAM_SERVERS)
def test_any_bytes_of_a_stream_are_shown(program: str) -> None:
    """Each piece is sent when the last is shown: so it is read as it is."""
    module = importlib.import_module(f"ipc_examples.{program}")
    size: int = module.BUFFER_SIZE
    with RunningProgram(program) as running:
        first = running.line()

        @examples(40)
        @given(st.lists(BYTES, max_size=5))
        def comes_out_whole(parts: list[bytes]) -> None:
            with client_of(program, first) as client:
                if client.family != socket.AF_UNIX:
                    client.setsockopt(
                        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
                    )
                for data in parts:
                    for start in range(0, len(data), size):
                        piece = data[start : start + size]
                        client.sendall(piece)
                        sent = messages_of(piece)
                        lines = [next_line(running) for _ in sent]
                        assert messages("\n".join(lines)) == as_shown(*sent)
            assert next_line(running) == "Ending connection"

        comes_out_whole()
        send_to(program, first)
        stop_server(program, running, first)


@pytest.mark.fault(FaultGroup.CONTENT, "any datagram")
@pytest.mark.parametrize("program", DATAGRAM_RECEIVERS)
def test_any_datagram_is_shown_or_reported_cut(program: str) -> None:
    @examples(40)
    @given(BYTES)
    def comes_out_or_is_reported_cut(datagram: bytes) -> None:
        with RunningProgram(program) as running:
            send_to(program, running.line(), datagram)
            ended = running.finish()
        if len(datagram) > DATAGRAM_SIZE:
            assert_exit_report(
                ended, rf"{program}: cut to {DATAGRAM_SIZE} bytes\n"
            )
        else:
            assert_exit_report(ended, "", status=0)
        assert messages(ended.out) == as_shown(
            *messages_of(datagram[:DATAGRAM_SIZE])
        )

    comes_out_or_is_reported_cut()


@pytest.mark.fault(
    FaultGroup.CONTENT, "any bytes from a child, or from oneself"
)
@pytest.mark.parametrize("program", PRINTING_MESSAGES)
def test_any_bytes_of_a_child_are_shown(program: str) -> None:
    @examples(15)
    @given(BYTES)
    def comes_out_whole(data: bytes) -> None:
        replace, sent = any_sent(program, data)
        with RunningProgram(program, replace=replace) as running:
            status, out, err = running.finish()
        assert (status, err) == (0, "")
        assert messages(out) == as_shown(*sent)

    comes_out_whole()


@pytest.mark.parametrize("program", PRINTING_MESSAGES)
def test_bytes_of_a_child_fit_the_terminals_encoding(program: str) -> None:
    e_acute_either_way_round = b"\xa9\xc3\xc3\xa9"
    replace, sent = any_sent(program, e_acute_either_way_round)
    with RunningProgram(program, replace=replace, encoding="ascii") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert messages(out) == sent


@pytest.mark.fault(FaultGroup.CONTENT, "any answer")
@pytest.mark.parametrize("program", ["datagram_request"])
def test_any_answer_is_shown_or_reported_cut(program: str) -> None:
    @examples(40)
    @given(BYTES)
    def comes_out_or_is_reported_cut(answer: bytes) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as server:
            server.bind((LOOPBACK, 0))
            server.settimeout(DEADLINE)
            replace = {
                "TIMEOUT": DEADLINE,
                "ask_child": partial(ask, server.getsockname()),
            }
            with RunningProgram(program, replace=replace) as running:
                server.sendto(answer, server.recvfrom(DATAGRAM_SIZE)[1])
                status, out, err = running.finish()
        assert (status, err) == (0, "")
        assert out.startswith("request 1, cut -->") is (
            len(answer) > DATAGRAM_SIZE
        )
        assert messages(out) == as_shown(*messages_of(answer[:DATAGRAM_SIZE]))

    comes_out_or_is_reported_cut()


@examples(100)
@given(BYTES)
def test_any_message_ends_at_its_nul(data: bytes) -> None:
    message = data.replace(b"\0", b"")
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:  # which keeps the pieces as they are
        for start in range(0, len(message) + 1, 700):
            one.sendall((message + b"\0")[start : start + 700])
        assert receive_message(other) == message


@examples(100)
@given(st.lists(st.binary(max_size=DATAGRAM_SIZE), max_size=5))
def test_any_items_can_be_taken_one_by_one(items: list[bytes]) -> None:
    one, other = socket.socketpair()
    with one, other:
        for item in items:
            one.sendall(packed(item))
        assert [take(other) for _ in items] == items


@examples(20)
@given(
    st.lists(
        st.binary(max_size=DATAGRAM_SIZE).filter(
            lambda line: b"\n" not in line
        )
    )
)
def test_any_lines_are_answered_in_order(lines: list[bytes]) -> None:
    with RunningProgram(
        lambda: print([*distribute(lines)] == [line.upper() for line in lines])
    ) as running:
        assert running.finish() == (0, "True\n", "")
