"""Any bytes: whole and escaped, in whatever pieces they come."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import DATAGRAM, STREAM, end, send_to
from programs import Running

from ipc_examples.peek import packed, take
from ipc_examples.skeleton import distribute
from ipc_examples.socketpair import receive_message

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_directory")]
SIZE = 1024  # of the receivers' buffers
PART = (
    st.sampled_from([b"\0", b"\0\0", b"\x1b[2J", b"\r\n", b"\xff"])
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
LETTERS = {"n": "\n", "r": "\r", "t": "\t"}


def examples(
    number: int,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator: try as many examples, the same in each run."""
    return settings(
        max_examples=number, derandomize=True, deadline=None, database=None
    )


def unescaped(line: str) -> bytes:
    """Return the bytes that a program shows as *line*.

    A control character and a byte that is no UTF-8 look alike below 256: so
    does what a cut character leaves.
    """
    data, last = b"", 0
    for found in ESCAPE.finditer(line):
        data += line[last : found.start()].encode()
        byte, four, eight, letter = found.groups()
        number = int(byte or four or eight or f"{ord(LETTERS[letter]):x}", 16)
        data += bytes([number]) if byte else chr(number).encode()
        last = found.end()
    return data + line[last:].encode()


def alike(data: bytes) -> bytes:
    """Return *data* with C1 controls as one byte, as escapes show them."""
    return re.sub(rb"\xc2([\x80-\xa0\xad])", rb"\1", data)


@pytest.mark.fault("any bytes, in any pieces")
@pytest.mark.parametrize("program", STREAM)
def test_any_stream(program: str) -> None:
    with Running(program) as running:
        first = running.line()

        @examples(40)
        @given(st.lists(BYTES.filter(bool), max_size=5))
        def comes_out_whole(pieces: list[bytes]) -> None:
            send_to(program, first, *pieces)
            shown = b""
            while (line := running.line()) != "Ending connection":
                assert line.startswith("-->")
                shown += unescaped(line[3:])
            sent = b"".join(pieces).replace(b"\0", b"")
            assert alike(shown) == alike(sent)

        comes_out_whole()
        send_to(program, first)
        end(program, running, first)


@pytest.mark.fault("any datagram")
@pytest.mark.parametrize("program", DATAGRAM)
def test_any_datagram(program: str) -> None:
    @examples(40)
    @given(BYTES)
    def comes_out_or_is_reported_cut(datagram: bytes) -> None:
        with Running(program) as running:
            send_to(program, running.line(), datagram)
            status, out, err = running.finish()
        cut = f"{program}: cut to {SIZE} bytes\n"
        assert (status, err) == (0, cut if len(datagram) > SIZE else "")
        assert out.startswith("-->")
        taken = datagram[:SIZE].removesuffix(b"\0")
        assert alike(unescaped(out[3:-1])) == alike(taken)

    comes_out_or_is_reported_cut()


@examples(100)
@given(st.lists(BYTES, max_size=5))
def test_any_message_ends_at_its_nul(parts: list[bytes]) -> None:
    text = b"".join(parts).decode(errors="replace").replace("\0", "")
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:  # which keeps the pieces as they are
        data = text.encode() + b"\0"
        for start in range(0, len(data), 700):
            one.sendall(data[start : start + 700])
        assert receive_message(other) == text


@examples(100)
@given(st.lists(st.text(min_size=1, max_size=SIZE), max_size=5))
def test_any_items_can_be_taken_one_by_one(items: list[str]) -> None:
    one, other = socket.socketpair()
    with one, other:
        for item in items:
            one.sendall(packed(item))
        assert [take(other) for _ in items] == items


@examples(20)
@given(
    st.lists(st.binary(max_size=SIZE).filter(lambda line: b"\n" not in line))
)
def test_any_lines_are_answered_in_order(lines: list[bytes]) -> None:
    with Running(
        lambda: print(distribute(lines) == [line.upper() for line in lines])
    ) as running:
        assert running.finish() == (0, "True\n", "")
