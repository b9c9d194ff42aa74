"""Makes a recording of the calls that strace saw."""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ipcdocs.recording.model import (
    KEEPS_BOUNDARIES,
    Endpoint,
    Process,
    Recording,
    Step,
    digest,
)
from ipcdocs.transcript import syntax
from record.trace_lines import CHANGED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from record.strace_log import Call, Traced

# These take effect when they end; what gives them something, when it begins.
TAKING = {
    "accept",
    "epoll_wait",
    "poll",
    "read",
    "readv",
    "recv",
    "recvfrom",
    "recvmsg",
    "restart_syscall",
    "select",
    "sigwait",
    "wait",
}
WITHOUT_OWN = {"pipe", "socketpair", "sigwait"}  # no descriptor is its first
READING = {"read", "readv", "recv", "recvfrom", "recvmsg"}
FROM_OUTSIDE = {"file", "terminal"}  # whose data need no sender
IGNORED = {"SIGCHLD", "getsockname"}
BUFFER = re.compile(r'iov_base="([^"\\]*(?:\\.[^"\\]*)*)"')
# What the kernel tells, in a file that has no other writer. Python from 3.12
# on looks there, after a fork, whether it has other threads.
KERNELS_FILE = re.compile(r"\d+</proc/\S+>")
TCP_TABLE = re.compile(r"\d+</proc/\d+/net/tcp>")
TCP_HEAD = "  sl "  # begins the table
TCP_SOCKET = re.compile(r":(\w{4}) \w+:(\w{4}) (\w\w) ")  # ports, state
TCP_STATES = {  # Linux, include/net/tcp_states.h
    "01": "ESTABLISHED",
    "02": "SYN_SENT",
    "03": "SYN_RECV",
    "04": "FIN_WAIT1",
    "05": "FIN_WAIT2",
    "06": "TIME_WAIT",
    "08": "CLOSE_WAIT",
    "09": "LAST_ACK",
    "0A": "LISTEN",
    "0B": "CLOSING",
}
DRAWN = re.compile(r"\b[0-9a-f]{16}")  # a number that another run draws anew
EPOLL_DATA = re.compile(r"data=(\{.*?\}|\w+)")
ADDRESS = re.compile(r'htons\((?P<port>\d+)\)|sun_path=@?"(?P<path>.*?)"')


class NotUnderstoodError(Exception):
    """A program does what no recording can show yet."""


class Sent(NamedTuple):
    """What waits in a queue: by which step, how long, and what came along."""

    step: int
    size: int
    sender: Endpoint
    rights: list[Endpoint]


def effect(call: Call) -> float:
    """Return when a call took effect, in seconds."""
    return call.end if call.name in TAKING else call.start


def address(text: str) -> str:
    """Return the port or the path in the text of an address."""
    found = ADDRESS.search(text)
    if found and found["port"]:
        return f"port {found['port']}"
    return found["path"] if found else ""


class Interpreter:
    """Follows several processes, call by call.

    :param traced: the processes, each after the one that forked it
    """

    def __init__(self, traced: list[Traced]) -> None:
        self.traced = traced
        self.numbers = {each.pid: i for i, each in enumerate(traced)}
        self.tables: list[dict[int, Endpoint]] = [{} for _ in traced]
        self.shut_by_exec: list[set[int]] = [set() for _ in traced]
        self.forked: list[list[int]] = [[] for _ in traced]
        self.lines: list[int | None] = [None for _ in traced]
        self.started: set[int] = set()
        self.broken_off: dict[int, Call] = {}
        self.resumable: dict[int, Call] = {}
        self.objects: list[str] = []
        self.steps: list[Step] = []
        self.effects: list[float] = []
        self.bound: dict[str, Endpoint] = {}
        self.peers: dict[Endpoint, Endpoint] = {}
        self.queues: dict[Endpoint, list[Sent]] = defaultdict(list)
        self.requests: dict[Endpoint, list[tuple[int, int]]] = defaultdict(
            list
        )
        self.named: dict[Endpoint, int] = {}
        self.urgent: dict[Endpoint, int] = {}
        self.gone: dict[Endpoint, int] = {}
        self.ended: dict[int, int] = {}
        self.ports: dict[int, tuple[str, str]] = {}  # by the connections
        self.tcp_tables = [[""] for _ in traced]  # as far as they were read
        self.looks: dict[int, str] = {}  # whole tables, by the steps before
        self.files: set[str] = set()  # that were made, as strace shows them
        self.watched_processes: dict[Endpoint, int] = {}  # by their pidfds
        self.watched: dict[tuple[Endpoint | None, str], str] = {}

    def new(self, kind: str) -> int:
        """Add an object; return its number."""
        self.objects.append(kind)
        return len(self.objects) - 1

    def run(self) -> None:
        """Interpret all calls in the order in which they took effect."""
        calls = [
            (effect(call), number, call)
            for number, each in enumerate(self.traced)
            for call in each.calls
        ]
        for _, number, call in sorted(calls, key=lambda item: item[0]):
            self.interpret(number, call)
        self.add_states()

    def interpret(self, number: int, call: Call) -> None:
        """Add a step, if the call is one."""
        if call.name == "getsockname":
            self.learn_port(number, call)
        starting = call.line is None and number not in self.started
        if call.broken_off:
            self.broken_off[number] = self.resumable[number] = call
        if call.name == "restart_syscall":
            call = self.resumed(number, call)
        if starting or call.name in IGNORED or call.broken_off:
            return
        if number not in self.started:
            self.start(number, call)
        if call.line is not None:
            self.lines[number] = call.line
        step = Step(number, call.name, self.lines[number])
        if call.result is not None and call.result < 0:
            step.error = call.rest.partition(" ")[0]
        if self.fill(step, call):
            self.add(step, call)

    def resumed(self, number: int, call: Call) -> Call:
        """Return the call that goes on, of which strace shows the result.

        What it finds ready is what there is news of.
        """
        begun = self.resumable[number]
        table = self.tables[number]
        ready = [
            f"fd={fd}"
            for fd in re.findall(r"fd=(\d+)", begun.arguments)
            if self.news(table[int(fd)])
        ]
        return replace(
            begun, end=call.end, result=call.result, rest=" ".join(ready)
        )

    def fill(self, step: Step, call: Call) -> bool:
        """Complete a step; tell whether it is one."""
        table = self.tables[step.process]
        if call.descriptors and call.name not in WITHOUT_OWN:
            step.fd = call.descriptors[0]
            step.endpoint = table.get(step.fd)
            if step.endpoint is None:
                self.look(step.process, call)
                self.see_why_unknown(call)
                return False
        if call.name.startswith("SIG"):
            self.interrupt(step)
            return True
        handler = getattr(self, f"on_{call.name}", None)
        return handler is not None and handler(step, call) is not False

    def look(self, number: int, call: Call) -> None:
        """Keep what a process reads of the kernel's table of TCP sockets.

        Of several looks after a step the last one counts. One that ends after
        another process's step is not kept: that step might have come later.
        """
        if call.name != "read" or not TCP_TABLE.match(call.arguments):
            return
        text = data(call)
        if TCP_HEAD in text:
            self.tcp_tables[number].clear()
        self.tcp_tables[number].append(text)
        ended = call.result == 0 and TCP_HEAD in self.tcp_tables[number][0]
        if ended and self.steps[-1].process == number:
            self.looks[len(self.steps) - 1] = "".join(self.tcp_tables[number])

    def see_why_unknown(self, call: Call) -> None:
        """Refuse a call that a reader would miss.

        :raises NotUnderstoodError: if the program itself uses a descriptor of
            which it is not known what it stands for, nor that it is a file
        """
        used = call.arguments
        of_file = KERNELS_FILE.match(used) or any(
            used.startswith(file) for file in self.files
        )
        if call.line is not None and call.name != "close" and not of_file:
            raise NotUnderstoodError(
                f"line {call.line}: {call.name}({used:.60}): a recording "
                "cannot tell what this descriptor stands for. Let a method of "
                "docs/_tools/record/interpret.py open it, as on_pipe() does"
            )

    def interrupt(self, step: Step) -> None:
        """Note in a signal's step which call it interrupts, if one waits."""
        call = self.broken_off.pop(step.process, None)
        if call:
            step.blocked = True
            fd = str(call.descriptors[0]) if call.descriptors else ""
            step.detail = f"{call.name}({fd})"

    def add(self, step: Step, call: Call) -> None:
        """Let the step happen."""
        at = len(self.steps)
        table = self.tables[step.process]
        lost = {table[fd] for fd in step.table if fd in table}
        for fd, end in step.table.items():
            if end is None:
                table.pop(fd, None)
            else:
                table[fd] = end
        for end in lost:
            if not any(end in held.values() for held in self.tables):
                self.gone[end] = at
        step.causes = sorted(set(step.causes))
        if step.error == "EINTR":
            step.blocked = True
        elif call.name in TAKING:
            causes = [self.effects[cause] for cause in step.causes]
            step.blocked = any(call.start < cause for cause in causes)
        self.steps.append(step)
        self.effects.append(effect(call))

    def start(self, number: int, call: Call) -> None:
        """Begin with a terminal as the three standard descriptors."""
        terminal = (self.new("terminal"), 0)
        step = Step(number, "start", call.line)
        step.table = dict.fromkeys((0, 1, 2), terminal)
        self.shut_by_exec[number].clear()
        self.started.add(number)
        self.add(step, call)

    def open(self, step: Step, fd: int, end: Endpoint, call: Call) -> None:
        """Let a descriptor stand for an end."""
        step.table[fd] = end
        if "CLOEXEC" in call.arguments:
            self.shut_by_exec[step.process].add(fd)
        else:
            self.shut_by_exec[step.process].discard(fd)

    def learn_port(self, number: int, call: Call) -> None:
        """Remember which port the system chose for a socket."""
        end = self.tables[number].get((call.descriptors or [-1])[0])
        if end and self.objects[end[0]] != "connection":
            self.bound[address(call.arguments)] = end

    # Processes.

    def on_fork(self, step: Step, call: Call) -> bool:
        if call.result not in self.numbers:
            return False  # it failed
        child = step.child = self.numbers[call.result]
        parent = step.process
        self.started.add(child)
        self.tables[child] = dict(self.tables[parent])
        self.shut_by_exec[child] = set(self.shut_by_exec[parent])
        self.lines[child] = self.lines[parent]
        self.forked[parent].append(child)
        return True

    def on_execve(self, step: Step, call: Call) -> bool:
        if step.error:
            return False
        _, *words = call.strings
        step.detail = " ".join(word.decode() for word in words)
        self.lines[step.process] = None
        for fd in self.shut_by_exec[step.process]:
            if fd in self.tables[step.process]:
                step.table[fd] = None
        return True

    def on_exit(self, step: Step, call: Call) -> None:
        step.detail = call.arguments
        step.table = dict.fromkeys(self.tables[step.process])
        self.ended[self.traced[step.process].pid] = len(self.steps)

    on_killed = on_exit

    def on_wait(self, step: Step, call: Call) -> bool:
        if call.result not in self.ended:
            return False
        step.child = self.numbers[call.result]
        step.detail = ended_how(call.arguments)
        step.causes = [self.ended[call.result]]
        return True

    def on_sigwait(self, step: Step, call: Call) -> bool:
        step.detail = call.rest.strip(" ()").replace("SIGRT_2", "SIGRTMIN")
        return not step.error and step.detail not in IGNORED

    def on_kill(self, step: Step, call: Call) -> None:
        pid, name = call.arguments.split(", ")
        step.detail = name
        step.child = self.numbers.get(int(pid))

    def on_pidfd_open(self, step: Step, call: Call) -> bool:
        pid = int(call.arguments.split(", ")[0])
        if pid == self.traced[step.process].pid:
            return False  # asyncio tries whether there are pidfds
        if call.result is not None and not step.error:
            step.child = self.numbers.get(pid)
            end = (self.new("process"), 0)
            if step.child is not None:
                self.watched_processes[end] = self.traced[step.child].pid
            self.open(step, call.result, end, call)
        return True

    # Descriptors.

    def on_close(self, step: Step, _: Call) -> None:
        step.table[step.fd or 0] = None

    def on_dup2(self, step: Step, call: Call) -> None:
        step.detail = str(call.result)
        if step.endpoint and call.result is not None:
            self.open(step, call.result, step.endpoint, call)

    def on_fcntl(self, step: Step, call: Call) -> bool:
        if "F_DUPFD" not in call.arguments:
            return False
        step.call = "dup"
        self.on_dup2(step, call)
        return True

    def on_pipe(self, step: Step, call: Call) -> None:
        new = self.new("pipe")
        reader, writer = call.descriptors
        self.open(step, reader, (new, 0), call)
        self.open(step, writer, (new, 1), call)
        self.peers[new, 1] = (new, 0)

    def on_socketpair(self, step: Step, call: Call) -> None:
        new = self.new("datagram" if "DGRAM" in call.arguments else "pair")
        for side, fd in enumerate(call.descriptors):
            self.open(step, fd, (new, side), call)
            self.peers[new, side] = (new, 1 - side)

    def on_socket(self, step: Step, call: Call) -> None:
        new = self.new("datagram" if "DGRAM" in call.arguments else "socket")
        step.detail = call.arguments.partition(",")[0]
        if call.result is not None:
            self.open(step, call.result, (new, 0), call)

    def on_mkfifo(self, step: Step, call: Call) -> None:
        step.detail = call.strings[0].decode()
        if not step.error:
            new = self.new("fifo")
            self.bound[step.detail] = (new, 0)
            self.peers[new, 1] = (new, 0)

    def on_openat(self, step: Step, call: Call) -> bool:
        end = self.opened(call)
        if end is None or call.result is None:
            if "O_CREAT" in call.arguments:
                self.files.add(f"{call.result}{call.rest.rstrip('>')}")
            return False  # a module's file, or the like
        step.fd = step.endpoint = None
        self.open(step, call.result, end, call)
        return True

    def opened(self, call: Call) -> Endpoint | None:
        """Return the object opened: a nameless file, or a FIFO's end."""
        if "O_TMPFILE" in call.arguments:
            return self.new("file"), 0
        end = self.bound.get(call.strings[0].decode())
        if end and self.objects[end[0]] == "fifo":
            return end[0], int("O_WRONLY" in call.arguments)
        return None

    def on_unlink(self, step: Step, call: Call) -> bool:
        step.detail = call.strings[0].decode()
        return step.detail in self.bound

    # Names and connections.

    def on_bind(self, step: Step, call: Call) -> None:
        step.detail = address(call.arguments)
        if step.endpoint:
            self.named[step.endpoint] = len(self.steps)
            if step.detail != "port 0":
                self.bound[step.detail] = step.endpoint

    def on_listen(self, step: Step, _: Call) -> None:
        if step.endpoint and step.fd is not None:
            end = (self.new("listener"), 0)
            step.table[step.fd] = end
            self.named[end] = len(self.steps)
            for name, bound in self.bound.items():
                if bound == step.endpoint:
                    self.bound[name] = end

    def on_connect(self, step: Step, call: Call) -> None:
        step.detail = address(call.arguments)
        target = self.bound.get(step.detail) if step.detail else None
        failed = step.error not in ("", "EINPROGRESS")  # that one goes on
        if failed or target is None or not step.endpoint or step.fd is None:
            return
        datagram = self.objects[step.endpoint[0]] == "datagram"
        # A datagram socket notes a port and asks nobody; a path has to exist.
        asks = not datagram or not step.detail.startswith("port ")
        if asks and target in self.named:
            step.causes = [self.named[target]]
        if datagram:
            self.peers[step.endpoint] = target
            return
        new = self.new("connection")
        step.table[step.fd] = (new, 0)
        self.peers[new, 0], self.peers[new, 1] = (new, 1), (new, 0)
        self.requests[target].append((len(self.steps), new))

    def on_accept(self, step: Step, call: Call) -> None:
        if (
            step.endpoint
            and call.result is not None
            and self.requests[step.endpoint]
        ):
            cause, connection = self.requests[step.endpoint].pop(0)
            step.causes = [cause]
            self.open(step, call.result, (connection, 1), call)
            client, server = address(call.arguments), self.steps[cause].detail
            if client.startswith("port "):
                self.ports[connection] = client, server

    def on_shutdown(self, step: Step, call: Call) -> None:
        step.detail = call.arguments.rpartition(" ")[2]
        if step.endpoint and step.detail != "SHUT_RD":
            self.gone.setdefault(step.endpoint, len(self.steps))

    # Data.

    def on_write(self, step: Step, call: Call) -> None:
        if step.error or call.result is None or step.endpoint is None:
            return
        step.data = data(call)
        name = address(call.arguments)
        target = self.bound.get(name) if name else None
        if target in self.named:
            step.causes = [self.named[target]]
        target = target or self.peers.get(step.endpoint)
        if target is None:
            return
        if "MSG_OOB" in call.arguments:
            self.urgent[target] = len(self.steps)
            return
        step.sent_to = target
        rights = [
            self.tables[step.process].get(fd) or (self.new("file"), 0)
            for fd in passed(call)
        ]
        sent = Sent(len(self.steps), call.result, step.endpoint, rights)
        self.queues[target].append(sent)

    on_send = on_sendto = on_sendmsg = on_writev = on_write

    def on_read(self, step: Step, call: Call) -> None:
        """Note what is read, and who sent it.

        :raises NotUnderstoodError: if nobody did
        """
        if step.error or call.result is None or step.endpoint is None:
            return
        step.data = data(call)
        if "MSG_OOB" in call.arguments:
            step.causes = [self.urgent.pop(step.endpoint)]
        elif call.result == 0 and not self.queues[step.endpoint]:
            step.causes = self.news(step.endpoint)
        elif self.queues[step.endpoint]:
            step.causes = [self.queues[step.endpoint][0].step]
            if "MSG_PEEK" not in call.arguments:
                step.taken_from = step.endpoint
                self.dequeue(step, call, step.taken_from)
        elif self.objects[step.endpoint[0]] not in FROM_OUTSIDE:
            raise NotUnderstoodError(
                f"line {call.line}: {call.name}({call.arguments:.60}): no "
                "recorded call has sent this. Let CALLS, in "
                "docs/_tools/record/strace_log.py, have the one that did, and "
                "interpret.py a method for it, like on_write()"
            )

    on_recv = on_recvfrom = on_recvmsg = on_readv = on_read

    def dequeue(self, step: Step, call: Call, end: Endpoint) -> None:
        """Take what was read from the queue, and what came along."""
        queue, size = self.queues[end], call.result or 0
        keeps_boundaries = self.objects[end[0]] in KEEPS_BOUNDARIES
        for fd, right in zip(passed(call), queue[0].rights, strict=False):
            self.open(step, fd, right, call)
        if sender := address(call.arguments):
            self.bound.setdefault(sender, queue[0].sender)
        step.causes = []
        while queue and (size or not step.causes):
            sent = queue.pop(0)
            step.causes.append(sent.step)
            if keeps_boundaries:
                return
            if sent.size > size:
                queue.insert(0, sent._replace(size=sent.size - size))
            size -= min(size, sent.size)

    def news(self, end: Endpoint) -> list[int]:
        """Return the step that made an end ready for reading."""
        if self.requests[end]:
            return [self.requests[end][0][0]]
        if self.queues[end]:
            return [self.queues[end][0].step]
        if end in self.watched_processes:
            cause = self.ended.get(self.watched_processes[end])
        else:
            cause = self.gone.get(self.peers.get(end) or (end[0], 1))
        return [] if cause is None else [cause]

    # Waiting for several.

    def on_poll(self, step: Step, call: Call) -> None:
        ready = [
            self.watched[step.endpoint, data]
            for data in EPOLL_DATA.findall(call.arguments)
        ]
        step.endpoint = step.fd = None
        ready += re.findall(r"fd=(\d+)", call.rest)
        for several in re.findall(r"(?:in|out|except) \[(.*?)\]", call.rest):
            ready += several.split()
        if step.error or not call.result:
            ready = []
        step.detail = " ".join(ready)
        for fd in ready:
            end = self.tables[step.process][int(fd)]
            urgent = self.urgent.get(end)
            step.causes += self.news(end) if urgent is None else [urgent]

    on_select = on_epoll_wait = on_poll

    def on_epoll_create(self, step: Step, call: Call) -> None:
        if call.result is not None:
            self.open(step, call.result, (self.new("poll"), 0), call)

    def on_epoll_ctl(self, step: Step, call: Call) -> None:
        words = re.search(r"EPOLL_CTL_(\w+), (\d+)", call.arguments)
        if words:
            step.detail = f"{words[1].lower()} {words[2]}"
            # Python puts the descriptor there, and strace shows it in one way
            # or another: epoll_wait() will give back the same.
            for data in EPOLL_DATA.findall(call.arguments):
                self.watched[step.endpoint, data] = words[2]

    # What comes of it.

    def add_states(self) -> None:
        """Note TCP's states in the steps after which a process saw them.

        The ports of a connection are known once it was accepted, which may be
        later than that. What has no line in the table is CLOSED.
        """
        for number, table in self.looks.items():
            states = {
                (f"port {int(local, 16)}", f"port {int(peer, 16)}"): (
                    TCP_STATES.get(state, state)
                )
                for local, peer, state in TCP_SOCKET.findall(table)
            }
            so_far = self.steps[: number + 1]
            known = {end for step in so_far for end in step.table.values()}
            tcp = self.steps[number].tcp
            for name, end in self.bound.items():
                if end in known and (name, "port 0") in states:
                    tcp[end[0]] = [states[name, "port 0"]]
            for each, ports in self.ports.items():
                if (each, 0) in known:
                    both = ports, ports[::-1]
                    tcp[each] = [states.get(way, "CLOSED") for way in both]

    def recording(
        self, text: str, programs: Path, samples: Mapping[str, str]
    ) -> Recording:
        """Return the recording of what happened.

        :param text: the transcript's
        :param programs: the folder of the programs
        :param samples: by what to replace what differs from run to run
        """
        ports = (name for name in self.bound if name.startswith("port "))
        numbers = [name.removeprefix("port ") for name in ports]
        samples = {**dict.fromkeys(numbers, "N"), **samples}
        for step in self.steps:
            step.detail = normalized(step.detail, samples)
            step.data = normalized(step.data, samples)
        processes = list(map(self.process, range(len(self.traced))))
        sources = {
            each.program: (programs / f"{each.program}.py").read_text("utf-8")
            for each in processes
            if each.program
        }
        trees = {name: ast.parse(text) for name, text in sources.items()}
        self.place([trees.get(each.program) for each in processes])
        digests = {name: digest(text) for name, text in sources.items()}
        return Recording(
            digest(text), digests, processes, self.objects, self.steps
        )

    def place(self, trees: list[ast.Module | None]) -> None:
        """Correct the lines that are not the same for every Python.

        A program starts at its first import, whichever of them are slow. What
        a ``with`` closes it closes at the line that opened it, or at its first
        line if that is another statement's: Python up to 3.12 always names the
        latter, since 3.13 the line of the expression that was entered.

        :param trees: each process's program, if it is one of ours
        """
        heads = [with_heads(tree) if tree else {} for tree in trees]
        opened: list[dict[int, int | None]] = [{} for _ in trees]
        for step in self.steps:
            lines, tree = opened[step.process], trees[step.process]
            head = heads[step.process].get(step.line or 0)
            if step.call == "start" and tree:
                step.line = tree.body[1].lineno  # after the docstring
            elif step.call == "close" and head:
                line = lines.get(step.fd or 0)
                step.line = line if line in head else head[0]
            lines.update(dict.fromkeys(step.table, step.line))
            if step.call == "fork" and step.child is not None:
                opened[step.child] = {**lines}

    def process(self, number: int) -> Process:
        """Return the name of a process, and its program."""
        for parent, children in enumerate(self.forked):
            if number in children:
                name = "child"
                if len(children) > 1:
                    name = f"child {children.index(number) + 1}"
                return Process(name, self.process(parent).program)
        traced = self.traced[number]
        _, _, _, option, module, *_ = traced.calls[0].strings
        if option != b"-m":
            changed = re.match(CHANGED, module.decode())
            if not changed:
                return Process(traced.terminal)
            module = changed[1].encode()
        program = module.decode().rpartition(".")[2]
        return Process("parent" if self.forked[number] else program, program)


def with_heads(tree: ast.Module) -> dict[int, range]:
    """Return all lines of the head of a ``with``, by each of them."""
    heads = [
        range(node.lineno, node.body[0].lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
    ]
    return {line: head for head in heads for line in head}


def normalized(text: str, samples: Mapping[str, str]) -> str:
    """Put samples in the places of the values that they stand for."""
    parts = syntax.split(text, samples)
    parts[1::2] = [samples[value] for value in parts[1::2]]
    return "".join(parts)


def data(call: Call) -> str:
    """Return the bytes that a call carried, a character each."""
    buffers = [call.unquoted(text) for text in BUFFER.findall(call.arguments)]
    carried = b"".join(buffers or call.strings[:1])
    return carried[: call.result].decode("latin-1")


def passed(call: Call) -> list[int]:
    """Return the descriptors that a message carries."""
    found = re.search(r"cmsg_data=\[(.*?)\]", call.arguments)
    return [int(n) for n in re.findall(r"(\d+)<", found[1])] if found else []


def ended_how(arguments: str) -> str:
    """Return the exit status, or the signal, in the result of a wait."""
    found = re.search(r"STATUS\(s\) == (\d+)|TERMSIG\(s\) == (\w+)", arguments)
    return (found[1] or found[2]) if found else ""


def comparable(recording: Recording) -> object:
    """Return the part that two recordings of the same behaviour share.

    That is what each process did in turn, and what made it possible: not the
    order between processes, nor when a signal came or at which line it killed,
    nor whether the call that it interrupted had begun, nor which of several
    closed the end of which a reader saw the end, nor for which of several
    children it was waited first, nor which number was drawn at random, as
    sixteen hexadecimal digits, nor how often epoll_wait() found nothing right
    before it was called again: asyncio asks whether there is news whenever it
    has something else to do. Who had to wait is compared only where it was for
    a program that had yet to be started, and not after a server has forked,
    which may take longer than that start.
    """
    order: list[list[int]] = [[] for _ in recording.processes]
    for number, step in enumerate(recording.steps):
        if not step.call.startswith("SIG"):
            own = order[step.process]
            if own and not counts(recording.steps[own[-1]], step):
                own.pop()
            own.append(number)
    order = [[*waits_by_child(recording, numbers)] for numbers in order]
    place = {
        number: (process, index)
        for process, numbers in enumerate(order)
        for index, number in enumerate(numbers)
    }
    seen: dict[int, int] = {}  # objects are numbered as processes see them

    def end(it: Endpoint | None) -> object:
        if it is None:
            return None
        number = seen.setdefault(it[0], len(seen))
        return recording.objects[it[0]], number, it[1]

    steps = [
        [
            (
                None if step.call == "killed" else step.line,
                step.call,
                step.fd,
                end(step.endpoint),
                end(step.sent_to),
                end(step.taken_from),
                step.detail,
                DRAWN.sub("drawn", step.data),
                step.error,
                step.child,
                [(fd, end(step.table[fd])) for fd in sorted(step.table)],
                bool(step.causes)
                if step.call in READING and not step.data
                else sorted(place[cause] for cause in step.causes),
                step.blocked
                and waits_for_a_start(recording, number)
                and not forked_since_accept(recording, number),
                [(end((each, 0)), step.tcp[each]) for each in step.tcp],
            )
            for number in numbers
            for step in (recording.steps[number],)
        ]
        for numbers in order
    ]
    names = [(each.name, each.program) for each in recording.processes]
    signals = {
        (step.process, step.call)
        for step in recording.steps
        if step.call.startswith("SIG")
    }
    return recording.transcript, recording.sources, names, steps, signals


def counts(step: Step, following: Step) -> bool:
    """Return True if a step tells something that the one after it does not."""
    if following.call == "killed":
        return step.error != "EINTR"
    in_vain = not step.detail and not step.error
    again = (step.call, step.line) == (following.call, following.line)
    return not (step.call == "epoll_wait" and in_vain and again)


def waits_by_child(recording: Recording, numbers: list[int]) -> Iterator[int]:
    """Sort the waits that directly follow each other by their children."""

    def child(number: int) -> int:
        step = recording.steps[number]
        return (step.child or 0) if step.call == "wait" else -1

    for _, several in itertools.groupby(numbers, lambda n: child(n) >= 0):
        yield from sorted(several, key=child)  # others stay as they are


def waits_for_a_start(recording: Recording, number: int) -> bool:
    """Return True if a step comes after a program's that began later.

    It began after the step before this one of the same process, and has taken
    so long to come that this call had begun.
    """
    steps = recording.steps
    own = steps[number].process
    before = max(
        i
        for i in range(-1, number)
        if i < 0
        or steps[i].process == own
        or (steps[i].call == "fork" and steps[i].child == own)
    )
    return any(
        step.call == "start" and step.process == steps[cause].process
        for cause in steps[number].causes
        for step in steps[before + 1 : cause]
    )


def forked_since_accept(recording: Recording, number: int) -> bool:
    """Return True if the process has accepted before, and then forked."""
    own = recording.steps[number].process
    before = [
        step.call for step in recording.steps[:number] if step.process == own
    ]
    accepts = [i for i, call in enumerate(before) if call == "accept"]
    return bool(accepts) and "fork" in before[accepts[-1] :]
