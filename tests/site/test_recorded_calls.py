"""Each recording holds what its programs are known to do.

The tables below say what a reader of the programs expects of them.
"""

from __future__ import annotations

import pytest
from record import recorder

from ipc_examples import (
    inet_stream_connect,
    pipe,
    round_trips,
    socketpair,
    unix_datagram_send,
)
from ipcdocs.recording import model
from ipcdocs.recording.prose import Words

OPEN_LISTENER = "start socket bind3 listen3 write1"
CLIENT = "start socket connect3 sendto3 close3 exit"
HEARD = "recvfrom4 write1 recvfrom4 write1 close4"

# The calls of each process, each with the descriptor that it is about.
CALLS = {
    "datagram_request": {
        "parent": "start socket bind3 fork close3 socket connect3 poll sendto3"
        " poll write1 poll sendto3 poll recvmsg3 write1 close3 wait exit",
        "child": "poll recvfrom3 poll recvfrom3 poll sendto3 exit",
    },
    "fork": {
        "parent": "start fork wait write1 write1 exit",
        "child": "write1 exit",
    },
    "inet_datagrams": {
        "inet_datagram_receive": "start socket bind3 write1 recvmsg3 write1"
        " close3 exit",
        "inet_datagram_send": "start socket sendto3 close3 exit",
    },
    "inet_stream_echo": {
        "inet_stream_echo": f"{OPEN_LISTENER} epoll_create epoll_ctl4"
        " epoll_wait accept3 epoll_ctl4 epoll_wait recvfrom5 sendto5"
        " epoll_wait recvfrom5 epoll_ctl4 close5 epoll_wait killed",
        "Client": "start socket connect3 sendto3 shutdown3 recvfrom3"
        " recvfrom3 write1 close3 exit",
    },
    "inet_stream_select": {
        "inet_stream_select": f"{OPEN_LISTENER} epoll_create epoll_ctl4"
        " epoll_wait accept3 epoll_ctl4 epoll_wait accept3 epoll_ctl4"
        " epoll_wait recvfrom6 write1 epoll_wait recvfrom6 write1 epoll_ctl4"
        " close6 epoll_wait recvfrom5 write1 epoll_ctl4 close5 epoll_wait"
        " killed",
        "Silent client": "start socket connect3 write1 read0 close3 exit",
        "inet_stream_connect": CLIENT,
    },
    "inet_streams": {
        "inet_stream_accept": f"{OPEN_LISTENER} accept3 {HEARD}"
        f" accept3 {HEARD} killed",
        "inet_stream_connect 1": CLIENT,
        "inet_stream_connect 2": CLIENT,
    },
    "out_of_band": {
        "parent": "start socket bind3 listen3 fork poll accept3 sendto4"
        " select recvfrom4 recvfrom4 recvfrom4 close4 close3 wait write1"
        " write1 write1 exit",
        "child": "close3 socket connect3 recvfrom3 sendto3 sendto3 close3"
        " exit",
    },
    "pass_descriptor": {
        "parent": "start socketpair fork close3 recvmsg4 read3 read3 close3"
        " wait close4 write1 exit",
        "child": "openat write5 sendmsg3 close5 exit",
    },
    "peek": {
        "peek": "start socket bind3 listen3 socket connect4 accept3 sendto4"
        " shutdown4 recvfrom5 write1 recvfrom5"
        " recvfrom5 write1 recvfrom5 write1 recvfrom5"
        " recvfrom5 write1 recvfrom5 write1 recvfrom5"
        " recvfrom5 write1 recvfrom5 close5 close4 close3 exit",
    },
    "pipe": {
        "parent": "start pipe fork close4 read3 read3 close3 wait write1 exit",
        "child": "close3 write4 close4 exit",
    },
    "pipeline": {
        "parent": "start pipe fork fork close4 close3 wait wait exit",
        "child 1": "dup20 dup24 execve write1 close1 close2 exit",
        "child 2": "dup23 dup21 execve read0 read0 write1 close0 close1 close2"
        " exit",
    },
    "round_trips": {
        "parent": "start"
        " pipe pipe fork close4 close5"
        " write6 read3 write6 read3 kill wait close6 close3"
        " socketpair fork close4 write3 read3 write3 read3 kill wait close3"
        " socketpair fork close4 write3 read3 write3 read3 kill wait close3"
        " socket socket bind4 connect3 connect4 fork close4"
        " write3 read3 write3 read3 kill wait close3"
        " socket bind3 listen3 socket connect4 accept3 close3 fork close5"
        " write4 read4 write4 read4 kill wait close4"
        " write1 write1 write1 write1 write1 write1 exit",
        "child 1": "close3 close6 read5 write4 read5 write4 killed",
        "child 2": "close3 read4 write4 read4 write4 read4 killed",
        "child 3": "close3 read4 write4 read4 write4 read4 killed",
        "child 4": "close3 read4 write4 read4 write4 read4 killed",
        "child 5": "close4 read5 write5 read5 write5 read5 killed",
    },
    "skeleton": {
        "parent": "start socketpair fork close4 socketpair fork close5"
        " read0 sendto3 sendto4 read0 recvfrom3 write1 recvfrom4 write1"
        " shutdown3 shutdown4 close3 close4 wait wait exit",
        "child 1": "close3 recvfrom4 sendto4 recvfrom4 exit",
        "child 2": "close3 close4 recvfrom5 sendto5 recvfrom5 exit",
    },
    "socketpair": {
        "parent": "start socketpair fork close3 recvfrom4 write1 sendto4"
        " close4 wait exit",
        "child": "close4 sendto3 recvfrom3 write1 exit",
    },
    "ten_calls": {
        "ten_calls": "start pipe write4 read3 close3 close4 write1"
        " socketpair writev3 readv4 close4 close3 write1"
        " socketpair sendto3 recvfrom4 recvfrom4 close4 close3 write1"
        " socket socket bind4 sendto3 recvfrom4 close4 close3 write1"
        " socketpair sendmsg3 recvmsg4 close4 close3 write1 exit",
    },
    "unix_datagrams": {
        "unix_datagram_receive": "start socket bind3 write1 recvmsg3 write1"
        " close3 unlink exit",
        "unix_datagram_send": "start socket sendto3 close3 exit",
    },
    "unix_streams": {
        "unix_stream_accept": f"{OPEN_LISTENER} accept3 {HEARD} unlink killed",
        "unix_stream_connect": CLIENT,
    },
}

SEA = unix_datagram_send.MESSAGE
LEAGUE = inet_stream_connect.MESSAGE
FIRST = b"\0\0\0\x0eHalf a league,"
SECOND = b"\0\0\0\x0ehalf a league,"
THIRD = b"\0\0\0\x1ahalf a league onward . . ."
THERE_AND_BACK = [
    (process, round_trips.MESSAGE)
    for child in range(1, 6)
    for process in (f"child {child}", "parent")
    for _ in range(2)
]

# What lies in the queue when a process takes something out of it.
WAITING = {
    "datagram_request": [
        ("child", b"Half a league?"),
        ("child", b"Half a league?"),
        ("parent", b"Half a league onward"),
    ],
    "fork": [],
    "inet_datagrams": [("inet_datagram_receive", SEA)],
    "inet_stream_echo": [
        ("inet_stream_echo", b"Half a league"),
        ("Client", b"Half a league"),
    ],
    "inet_stream_select": [("inet_stream_select", LEAGUE)],
    "inet_streams": [("inet_stream_accept", LEAGUE)] * 2,
    "out_of_band": [("child", b"\0"), ("parent", b"print all pages")],
    "pass_descriptor": [("parent", b"\0")],
    "peek": [
        ("peek", FIRST + SECOND + THIRD),
        ("peek", FIRST[4:] + SECOND + THIRD),
        ("peek", SECOND + THIRD),
        ("peek", SECOND[4:] + THIRD),
        ("peek", THIRD),
        ("peek", THIRD[4:]),
    ],
    "pipe": [("parent", pipe.MESSAGE)],
    "pipeline": [("child 2", b"one\ntwo\n")],
    "round_trips": THERE_AND_BACK,
    "skeleton": [
        ("child 1", b"half a league\n"),
        ("child 2", b"onward\n"),
        ("parent", b"HALF A LEAGUE\n"),
        ("parent", b"ONWARD\n"),
    ],
    "socketpair": [
        ("child", socketpair.FROM_PARENT),
        ("parent", socketpair.FROM_CHILD),
    ],
    "ten_calls": [("ten_calls", b"Half a league")] * 5,
    "unix_datagrams": [("unix_datagram_receive", SEA)],
    "unix_streams": [("unix_stream_accept", LEAGUE)],
}


def load(name: str) -> model.Recording:
    return model.load(recorder.RECORDINGS / f"{name}.json")


@pytest.mark.parametrize("name", recorder.recorded())
class TestRun:
    def test_makes_these_calls(self, name: str) -> None:
        made = load(name)
        calls = {
            process: " ".join(
                f"{step.call}{'' if step.fd is None else step.fd}"
                for step in made.steps
                if step.process == number and not step.call.startswith("SIG")
            )
            for number, process in enumerate(Words(made).processes)
        }
        assert calls == CALLS[name]

    def test_finds_this_waiting(self, name: str) -> None:
        made, state, found = load(name), model.State(), []
        processes = Words(made).processes
        for step in made.steps:
            if step.take:
                waiting = "".join(state.queues[step.take]).encode("latin-1")
                found.append((processes[step.process], waiting))
            state.apply(made, step)
        by_process = sorted(found, key=lambda item: item[0])
        assert by_process == sorted(WAITING[name], key=lambda item: item[0])
