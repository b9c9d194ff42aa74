"""A recording made by hand, with something of everything."""

from __future__ import annotations

from ipcdocs.recording.model import Process, Recording, Step

TERMINAL, PIPE, SOCKET, LISTENER, OTHER, CONNECTION, POLL = range(7)
DATAGRAM, DATAGRAMS, PAIR = range(7, 10)
OBJECTS = [
    "terminal",
    "pipe",
    "socket",
    "listener",
    "socket",
    "connection",
    "poll",
    "datagram",
    "datagram",
    "pair",
]
PARENT, CHILD, CLIENT = range(3)
SCREEN = (TERMINAL, 0)
READER, WRITER = (PIPE, 0), (PIPE, 1)
CLIENTS, SERVERS = (CONNECTION, 0), (CONNECTION, 1)
STANDARD = {0: SCREEN, 1: SCREEN, 2: SCREEN}

STEPS = [
    Step(PARENT, "start", 3, table={**STANDARD}),
    Step(PARENT, "pipe", 10, table={3: READER, 4: WRITER}),
    Step(PARENT, "fork", 11, child=CHILD),
    Step(CHILD, "close", 20, 3, READER, table={3: None}),
    Step(CHILD, "write", 21, 4, WRITER, data="ab", sent_to=READER),
    Step(PARENT, "close", 12, 4, WRITER, table={4: None}),
    Step(
        *(PARENT, "read", 13, 3, READER),
        data="a",
        taken_from=READER,
        causes=[4],
        blocked=True,
    ),
    Step(CHILD, "execve", 22, detail="cat -n", table={4: None}),
    Step(PARENT, "SIGINT", 14, detail="read(3)", blocked=True),
    Step(PARENT, "read", 14, 3, READER, error="EINTR"),
    Step(PARENT, "kill", 15, child=CHILD, detail="SIGTERM"),
    Step(CHILD, "SIGTERM"),
    Step(CHILD, "killed", detail="SIGTERM", table=dict.fromkeys(STANDARD)),
    Step(PARENT, "wait", 16, child=CHILD, detail="SIGTERM", causes=[12]),
    Step(PARENT, "socket", 30, detail="AF_INET", table={5: (SOCKET, 0)}),
    Step(PARENT, "bind", 30, 5, (SOCKET, 0), "port 0"),
    Step(PARENT, "listen", 30, 5, (SOCKET, 0), table={5: (LISTENER, 0)}),
    Step(CLIENT, "start", 4, table={**STANDARD}),
    Step(CLIENT, "socket", 7, detail="AF_INET", table={3: (OTHER, 0)}),
    Step(
        *(CLIENT, "connect", 8, 3, (OTHER, 0), "port N"),
        table={3: CLIENTS},
        causes=[16],
    ),
    Step(
        *(PARENT, "accept", 31, 5, (LISTENER, 0)),
        table={6: SERVERS},
        causes=[19],
        blocked=True,
    ),
    Step(CLIENT, "sendto", 9, 3, CLIENTS, data="!"),
    Step(PARENT, "select", 32, detail="6", causes=[21], blocked=True),
    Step(PARENT, "recvfrom", 33, 6, SERVERS, data="!", causes=[21]),
    Step(CLIENT, "sendto", 10, 3, CLIENTS, data="xyz", sent_to=SERVERS),
    Step(PARENT, "recvfrom", 34, 6, SERVERS, data="x", causes=[24]),
    Step(
        *(PARENT, "recvfrom", 35, 6, SERVERS),
        data="xyz",
        taken_from=SERVERS,
        causes=[24],
    ),
    Step(
        *(CLIENT, "shutdown", 11, 3, CLIENTS, "SHUT_WR"),
        tcp={CONNECTION: ["FIN_WAIT2", "CLOSE_WAIT"]},
    ),
    Step(PARENT, "recvfrom", 35, 6, SERVERS, causes=[27, 24]),
    Step(PARENT, "write", 36, 1, SCREEN, data="\0" * 9),
    Step(PARENT, "dup2", 37, 1, SCREEN, "7", table={7: SCREEN}),
    Step(PARENT, "epoll_create", 38, table={8: (POLL, 0)}),
    Step(PARENT, "epoll_ctl", 38, 8, (POLL, 0), "add 6"),
    Step(PARENT, "epoll_wait", 39, 8, (POLL, 0)),
    Step(PARENT, "unlink", 40, detail="at"),
    Step(PARENT, "socket", 41, detail="AF_UNIX", table={9: (DATAGRAM, 0)}),
    Step(
        *(PARENT, "socketpair", 42),
        table={10: (DATAGRAMS, 0), 11: (DATAGRAMS, 1)},
    ),
    Step(
        *(PARENT, "sendto", 43, 10, (DATAGRAMS, 0)),
        data="one",
        sent_to=(DATAGRAMS, 1),
    ),
    Step(
        *(PARENT, "sendto", 43, 10, (DATAGRAMS, 0)),
        data="two",
        sent_to=(DATAGRAMS, 1),
    ),
    Step(
        *(PARENT, "recvfrom", 44, 11, (DATAGRAMS, 1)),
        data="o",
        taken_from=(DATAGRAMS, 1),
        causes=[37],
    ),
    Step(PARENT, "socketpair", 45, table={12: (PAIR, 0), 13: (PAIR, 1)}),
    Step(PARENT, "dup", 46, 12, (PAIR, 0), "14", table={14: (PAIR, 0)}),
    Step(
        *(PARENT, "exit", 47),
        detail="0",
        table=dict.fromkeys((0, 1, 2, 3, *range(5, 15))),
    ),
]
PROCESSES = [
    Process("parent", "serve"),
    Process("child", "serve"),
    Process("client", "client"),
]
RUN = Recording("", {}, PROCESSES, OBJECTS, STEPS)
