"""A run is told in these words."""

from __future__ import annotations

import re

import pytest

from ipcdocs.recording.model import Process, Recording, Step
from ipcdocs.recording.prose import Words
from tests.harness import handmade
from tests.harness.recordings import load

MADE = """\
parent, line 3: start. The program begins. 0 is now terminal; 1 is now terminal; 2 is now terminal.
parent, line 10: pipe(). 3 is now pipe, read end; 4 is now pipe, write end.
parent, line 11: fork(). Makes child, which gets a copy of the table.
child, line 20: close(3).
child, line 21: write(4). Puts 2 bytes b'ab' in the pipe.
parent, line 12: close(4).
parent, line 13: read(3). Reads 1 byte b'a'. It waited for step 5.
child, line 22: execve(). Becomes another program: cat -n. Closed: 4.
parent, line 14: SIGINT. The signal arrives and interrupts read(3).
parent, line 14: read(3). Fails with EINTR.
parent, line 15: kill(SIGTERM). Sends a signal to child.
child: SIGTERM. The signal arrives.
child: killed by SIGTERM. Dies of the signal. Closed: 0, 1 and 2.
parent, line 16: wait(). Learns how child ended: SIGTERM. It follows from step 13.
parent, line 30: socket(AF_INET). 5 is now socket 1.
parent, line 30: bind(5). Binds it to port 0.
parent, line 30: listen(5). Will take connections. 5 is now listener.
client, line 4: start. The program begins. 0 is now terminal; 1 is now terminal; 2 is now terminal.
client, line 7: socket(AF_INET). 3 is now socket 2.
client, line 8: connect(3). Asks for port N. 3 is now connection, client's end. It follows from step 17.
parent, line 31: accept(5). Takes the connection. 6 is now connection, server's end. It waited for step 20.
client, line 9: sendto(3). Writes 1 byte b'!', out of band.
parent, line 32: select(). Finds ready: 6. It waited for step 22.
parent, line 33: recvfrom(6). Reads 1 byte b'!', out of band. It follows from step 22.
client, line 10: sendto(3). Puts 3 bytes b'xyz' at the connection, server's end.
parent, line 34: recvfrom(6). Reads 1 byte b'x' and leaves it. It follows from step 25.
parent, line 35: recvfrom(6). Reads 3 bytes b'xyz'. It follows from step 25.
client, line 11: shutdown(3, SHUT_WR). Closes one direction. Seen after it: connection, client's end (FIN_WAIT2); connection, server's end (CLOSE_WAIT).
parent, line 35: recvfrom(6). Returns nothing, the end. It follows from steps 28 and 25.
parent, line 36: write(1). Writes 9 bytes bytes(9).
parent, line 37: dup2(1, 7). 7 is now terminal.
parent, line 38: epoll_create(). 8 is now epoll.
parent, line 38: epoll_ctl(8). Changes what it watches: add 6.
parent, line 39: epoll_wait(8). Finds ready: nothing.
parent, line 40: unlink(). Removes the name at.
parent, line 41: socket(AF_UNIX). 9 is now datagram socket.
parent, line 42: socketpair(). 10 is now datagram pair, one end; 11 is now datagram pair, other end.
parent, line 43: sendto(10). Puts 3 bytes b'one' at the datagram pair, other end.
parent, line 43: sendto(10). Puts 3 bytes b'two' at the datagram pair, other end.
parent, line 44: recvfrom(11). Reads 1 byte b'o'. It follows from step 38.
parent, line 45: socketpair(). 12 is now socket pair, one end; 13 is now socket pair, other end.
parent, line 46: dup(12). Makes another descriptor for the same. 14 is now socket pair, one end.
parent, line 47: exit(0). Ends. Closed: 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 14.
"""  # noqa: E501 - one line a step

# What each process of a program is told to do, without its lines.
RUNS = {
    ("pipe", "parent"): r"""
start. The program begins. 0 is now terminal; 1 is now terminal; 2 is now terminal.
pipe(). 3 is now pipe, read end; 4 is now pipe, write end.
fork(). Makes child, which gets a copy of the table.
close(4).
read(3). Reads 54 bytes b'Bright star, would I were steadfast as thou art . . .\x00'. It comes after child: write(4).
read(3). Returns nothing, the end. It comes after child: close(4).
close(3).
wait(). Learns how child ended: 0. It comes after child: exit(0).
write(1). Writes 57 bytes b'-->Bright star, would I were steadfast as thou art . . .\n'.
exit(0). Ends. Closed: 0, 1 and 2.
""",  # noqa: E501
    ("pipe", "child"): r"""
close(3).
write(4). Puts 54 bytes b'Bright star, would I were steadfast as thou art . . .\x00' in the pipe.
close(4).
exit(0). Ends. Closed: 0, 1 and 2.
""",  # noqa: E501
    ("peek", "peek"): r"""
start. The program begins. 0 is now terminal; 1 is now terminal; 2 is now terminal.
socket(AF_INET). 3 is now socket 1.
bind(3). Binds it to port 0.
listen(3). Will take connections. 3 is now listener.
socket(AF_INET). 4 is now socket 2.
connect(4). Asks for port N. 4 is now connection, client's end. It follows from peek: listen(3).
accept(3). Takes the connection. 5 is now connection, server's end. It follows from peek: connect(4).
send(4). Puts 66 bytes b'\x00\x00\x00\x0eHalf a league,\x00\x00\x00\x0ehalf a league,\x00\x00\x00\x1ahalf a league onward . . .' at the connection, server's end.
shutdown(4, SHUT_WR). Closes one direction.
recv(5). Reads 4 bytes b'\x00\x00\x00\x0e' and leaves them. It follows from peek: send(4).
write(1). Writes 14 bytes b'14 bytes wait\n'.
recv(5). Reads 4 bytes b'\x00\x00\x00\x0e'. It follows from peek: send(4).
recv(5). Reads 14 bytes b'Half a league,'. It follows from peek: send(4).
write(1). Writes 18 bytes b'-->Half a league,\n'.
recv(5). Reads 4 bytes b'\x00\x00\x00\x0e' and leaves them. It follows from peek: send(4).
write(1). Writes 14 bytes b'14 bytes wait\n'.
recv(5). Reads 4 bytes b'\x00\x00\x00\x0e'. It follows from peek: send(4).
recv(5). Reads 14 bytes b'half a league,'. It follows from peek: send(4).
write(1). Writes 18 bytes b'-->half a league,\n'.
recv(5). Reads 4 bytes b'\x00\x00\x00\x1a' and leaves them. It follows from peek: send(4).
write(1). Writes 14 bytes b'26 bytes wait\n'.
recv(5). Reads 4 bytes b'\x00\x00\x00\x1a'. It follows from peek: send(4).
recv(5). Reads 26 bytes b'half a league onward . . .'. It follows from peek: send(4).
write(1). Writes 30 bytes b'-->half a league onward . . .\n'.
recv(5). Returns nothing, the end. It follows from peek: shutdown(4, SHUT_WR).
close(5).
close(4).
close(3).
exit(0). Ends. Closed: 0, 1 and 2.
""",  # noqa: E501
}


def plain(words: str) -> str:
    """Return words without the marks of code."""
    return words.replace("``", "")


def test_each_call_has_its_words() -> None:
    words = Words(handmade.RUN)
    sentences = [
        plain(words.step(number)) for number in range(len(handmade.STEPS))
    ]
    assert sentences == MADE.splitlines()


@pytest.mark.parametrize(("name", "process"), RUNS)
def test_a_run_is_told_in_these_words(name: str, process: str) -> None:
    run = load(name)
    words = Words(run)
    alone = len(run.processes) == 1

    def named(match: re.Match[str]) -> str:
        """Name the cause, and leave out who was quicker of two processes."""
        cause = run.steps[int(match[2]) - 1]
        verb = match[1] if alone else "comes after"
        who = run.processes[cause.process].name
        return f"It {verb} {who}: {plain(words.call(cause))}"

    sentences = [
        re.sub(r"It (.+) step (\d+)", named, plain(words.step(number)))
        for number, step in enumerate(run.steps)
        if run.processes[step.process].name == process
    ]
    lines = [
        re.sub(rf"^{process}(, line \d+)?: ", "", text) for text in sentences
    ]
    assert lines == RUNS[name, process].strip().splitlines()


def test_a_datagram_socket_that_connects_asks_for_nothing() -> None:
    run = Recording(
        "",
        {},
        [Process("one")],
        ["datagram"],
        [
            Step(0, "socket", 1, detail="AF_INET", table={3: (0, 0)}),
            Step(0, "connect", 2, 3, (0, 0), "port 41267"),
        ],
    )
    assert plain(Words(run).step(1)) == (
        "one, line 2: connect(3). Notes port 41267 as its destination."
    )


@pytest.mark.parametrize(
    ("bound", "name"),
    [
        ("port 8000", "port 8000"),
        ("port 0", "a port"),  # that no client has named
        ("socket", "the name socket"),
    ],
)
def test_a_listener_has_the_name_that_was_bound(bound: str, name: str) -> None:
    steps = [
        Step(0, "bind", 1, 3, (0, 0), bound),
        Step(0, "listen", 2, 3, (0, 0), table={3: (1, 0)}),
        Step(0, "bind", 3, 4, (2, 0), "another"),
    ]
    run = Recording("", {}, [Process("one")], ["socket"] * 3, steps)
    assert Words(run).name((1, 0)) == name


def test_data_that_go_to_no_known_object_have_words() -> None:
    run = Recording("", {}, [Process("one")], [], [Step(0, "write", 1, 3)])
    run.steps[0].data = "ab"
    sentence = "one, line 1: write(3). Writes 2 bytes b'ab'."
    assert plain(Words(run).step(0)) == sentence


def test_what_holds_has_its_words() -> None:
    words = Words(handmade.RUN)
    states = list(handmade.RUN.states())
    assert (
        "\n".join(words.state(states[4]))
        == """\
parent: 0 is terminal; 1 is terminal; 2 is terminal; 3 is pipe, read end; \
4 is pipe, write end.
child: 0 is terminal; 1 is terminal; 2 is terminal; 4 is pipe, write end.
Waiting in the pipe: 2 bytes ``b'ab'``."""
    )
    assert words.waiting(states[25]) == {
        "in the pipe": "1 byte ``b'b'``",
        "at the connection, server's end": "3 bytes ``b'xyz'``",
    }
    assert words.waiting(states[19]) == {
        "in the pipe": "1 byte ``b'b'``",
        "in the queue of the listener": "connection",
    }
    assert "in the queue of the listener" not in words.waiting(states[20])
    assert [*words.state(states[12])][1] == "child: no descriptors."
    # What was not taken of a datagram is lost.
    assert words.waiting(states[39])["at the datagram pair, other end"] == (
        "3 bytes ``b'two'``"
    )


def test_what_processes_do_has_its_words() -> None:
    words = Words(handmade.RUN)
    assert [
        words.activity(number, process)
        for number, process in [
            (0, handmade.CHILD),
            (2, handmade.CHILD),
            (2, handmade.CLIENT),
            (4, handmade.PARENT),
            (5, handmade.PARENT),
            (7, handmade.PARENT),
            (13, handmade.CHILD),
            (19, handmade.PARENT),
        ]
    ] == [
        (None, "is not there yet"),
        (11, ""),
        (None, "is not there yet"),
        (11, ""),
        (12, ""),
        (14, "waits in ``read(3)``"),
        (None, "has ended"),
        (31, "waits in ``accept(5)``"),
    ]


@pytest.mark.parametrize(
    ("moment", "caption"),
    [
        ("Before the fork", "How parent comes to hold a pipe"),
        ("After the fork", "How parent and child come to share a pipe"),
        (
            "After the accept",
            "How parent and ``client`` come to share pipe and connection",
        ),
        ("Before the pipe", ""),
    ],
)
def test_who_shares_what_has_its_words(moment: str, caption: str) -> None:
    assert Words(handmade.RUN).sharing(handmade.RUN.at(moment)) == caption


def test_states_of_tcp_have_their_words() -> None:
    run = load("tcp_states")
    words = Words(run)
    number = run.find("the second close")
    assert plain(words.step(number)) == (
        "tcp_states, line 73: close(5). Seen after it: connection, client's "
        "end (TIME_WAIT); connection, server's end (CLOSED)."
    )
    *_, table, alone = words.state(run.at("After the second close"))
    assert table.endswith("; 3 is connection, client's end (TIME_WAIT).")
    assert alone == "Without a descriptor: connection, server's end (CLOSED)."
    state = run.at("After the connect")
    assert words.table(state, 0)[4] == "listener (LISTEN)"
    assert words.unheld(state) == {"connection, server's end": "ESTABLISHED"}
    caption = "TCP's states at the ends of a connection"
    assert words.sharing(state) == caption
