"""Forks where forks are cheap: in a process that holds little.

A fork copies the page tables of all that a process holds, and a worker of
pytest's holds every test. So each worker has a *fork server*: a process that
has imported the programs and what runs them, and not even pytest. What can be
told by a pickle is done in a fork of the server. What cannot, such as a
function that a test defines, is done in a fork of the worker.

The fork of the server becomes a child of the worker, which adopts orphans, and
can wait for it::

    the worker        the fork server     one in between    the fork
    ----------        ---------------     --------------    --------
    descriptors ----> forks ------------> forks ----------> waits
           <--------- waits ------------- the fork's id     |
           <--------- 0                   ends              | is adopted
    what to do --------------------------------------------> does it

It has the worker's current directory, environment and limit of descriptors. Of
the worker's descriptors it has those that it is given; of what the worker has
changed in its memory, nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from tests.harness.catalogue import PROGRAMS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Action = Callable[..., int | None]  # it returns the exit status, or None for 0

# What the server imports. Of tests/ it can be told nothing else: it would have
# to import a test, and with it pytest.
MODULES = (
    *(f"ipc_examples.{program}" for program in PROGRAMS),
    "tests.harness.fork_server",
    "tests.harness.idle_children",
    "tests.harness.peers",
    "tests.harness.running",
    "tests.harness.signal_injection.faults",
    "tests.harness.small_process",
)
NUMBER = struct.Struct("i")  # a process id, or 0
MOST = 16  # descriptors that a new process is given
STREAMS = 3  # that are standard: input, output, error


class ForkServerError(RuntimeError):
    """The fork server could not be started, or has ended."""


def adopt_orphans() -> None:
    """Make a grandchild without a parent our child: so we learn of it."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


class Place(NamedTuple):
    """What a process has from its parent."""

    directory: str
    environment: dict[str, str]
    limits: tuple[int, int]  # of descriptors

    @classmethod
    def here(cls) -> Place:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        return cls(os.getcwd(), dict(os.environ), limits)

    def enter(self) -> None:
        os.chdir(self.directory)
        os.environ.clear()
        os.environ.update(self.environment)
        resource.setrlimit(resource.RLIMIT_NOFILE, self.limits)


class Pickler(pickle.Pickler):
    """Names what the server can import, and nothing of a test."""

    def reducer_override(self, value: object) -> Any:  # noqa: ANN401
        module = str(getattr(value, "__module__", None) or "builtins")
        package = module.partition(".")[0]
        if module not in MODULES and package not in sys.stdlib_module_names:
            raise pickle.PicklingError(f"{module} is not for the server")
        return NotImplemented


def pickled_order(action: Action) -> bytes | None:
    """Return *action*, and the place for it, as a pickle for the server.

    :returns: None if it cannot be told
    """
    order = io.BytesIO()
    try:
        Pickler(order).dump((Place.here(), action))
    except Exception:  # noqa: BLE001 - each class refuses in its own way
        return None
    return order.getvalue()


class ForkServer:
    """A process of which others are forks."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.channel, theirs = socket.socketpair()
        number = theirs.fileno()
        script = (
            f"from tests.harness import fork_server as f; f.serve({number})"
        )
        # A warning is an error, as in the tests' own process.
        command = [sys.executable, "-P", "-W", "error", "-c", script]
        with theirs, contextlib.ExitStack() as until_started:
            until_started.enter_context(self.channel)
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**environment, "PYTHONPATH": str(ROOT)},
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            until_started.pop_all()

    def fork(self, order: bytes, theirs: Sequence[int]) -> int:
        """Let a fork of the server do what *order* says; return its id.

        :raises EOFError: the server has ended, and so ConnectionError
        """
        telling, waiting = socket.socketpair()
        with telling:
            with waiting:
                descriptors = [*theirs, waiting.fileno()]
                socket.send_fds(self.channel, [b"."], descriptors)
            pid, _ = self.number(), self.number()
            with contextlib.suppress(ConnectionError):  # it was killed
                telling.sendall(order)
        return pid

    def number(self) -> int:
        """Return the next number that it sends."""
        data = self.channel.recv(NUMBER.size, socket.MSG_WAITALL)
        if not data:
            raise EOFError
        return int(NUMBER.unpack(data)[0])

    def stop(self) -> str:
        """End the server; return how it ended, and its standard error."""
        self.channel.shutdown(socket.SHUT_RDWR)
        self.channel.close()
        err = self.process.communicate()[1].decode()
        status = self.process.returncode
        return f"the fork server ended, status {status}, stderr:\n{err}"

    def drop(self) -> None:
        """Close what a fork of this process has of it."""
        self.channel.close()
        if self.process.stderr:
            self.process.stderr.close()


# Both by the id of a process: a fork of it has neither.
USERS: dict[int, dict[str, str]] = {}  # the environment for its server
SERVERS: dict[int, ForkServer] = {}  # its server, once it was needed


def use_server() -> None:
    """Let this process, but no fork of it, have a fork server from now on.

    It starts when it is needed, in the environment of now: a test's own may
    name what is gone later.
    """
    adopt_orphans()
    if sys.platform == "linux":
        USERS[os.getpid()] = dict(os.environ)


def stop_server() -> str:
    """End the server of this process; return how it ended, if there was one.

    Another one starts if it is needed.
    """
    server = SERVERS.pop(os.getpid(), None)
    return server.stop() if server else ""


def fork(
    action: Action,
    theirs: Sequence[int],
    ours: Iterable[int],
    *,
    here: bool = False,
) -> int:
    """Let a new process, a child of ours, do *action*; return its id.

    :param theirs: its standard input, output and error, and the descriptors
        with which it is to call *action*
    :param ours: their other ends, which it shall not have
    :param here: whether it must be a fork of this process
    :raises ForkServerError: the server could not be started, or has ended
    """
    if not here and os.getpid() in USERS and (order := pickled_order(action)):
        return fork_of_server(order, theirs)
    if (pid := os.fork()) == 0:
        act(action, theirs, ours)
    return pid


def fork_of_server(order: bytes, theirs: Sequence[int]) -> int:
    pid = os.getpid()
    if pid not in SERVERS:
        SERVERS[pid] = ForkServer(USERS[pid])
    try:
        return SERVERS[pid].fork(order, theirs)
    except (ConnectionError, EOFError):
        raise ForkServerError(stop_server()) from None
    except BaseException:  # a test's time is over: its answer may come yet
        SERVERS[pid].process.kill()
        stop_server()
        raise


def act(
    action: Action, theirs: Sequence[int], ours: Iterable[int]
) -> NoReturn:
    """Be the new process: call *action*, and end; see fork()."""
    status = 1
    try:
        for server in SERVERS.values():
            server.drop()
        for descriptor in ours:
            os.close(descriptor)
        for number, descriptor in enumerate(theirs[:STREAMS]):
            os.dup2(descriptor, number)
        for descriptor in theirs[:STREAMS]:
            if descriptor >= STREAMS:
                os.close(descriptor)
        status = action(*theirs[STREAMS:]) or 0
        print(end="", flush=True)
    except BaseException:  # noqa: BLE001 - nobody else would tell
        traceback.print_exc()
    finally:
        os._exit(status)


def serve(descriptor: int) -> None:
    """Be a fork server, until the other end of a socket is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for module in MODULES:
        importlib.import_module(module)
    flags = socket.MSG_CMSG_CLOEXEC
    with socket.socket(fileno=descriptor) as channel:
        while theirs := socket.recv_fds(channel, 1, MOST, flags)[1]:
            fork_orphan(channel, theirs)


def fork_orphan(channel: socket.socket, theirs: list[int]) -> None:
    """Fork twice; close *theirs*; tell when the first of the two has ended.

    :raises ChildProcessError: it could not fork
    """
    if (between := os.fork()) == 0:
        fork_and_end(channel, theirs)
    for each in theirs:
        os.close(each)
    if os.waitpid(between, 0)[1]:
        raise ChildProcessError("there was no second fork")
    channel.send(NUMBER.pack(0))


def fork_and_end(channel: socket.socket, theirs: list[int]) -> NoReturn:
    """Fork, and tell the number; the worker waits for the process."""
    status = 1
    try:
        if (pid := os.fork()) == 0:
            act(carry_out, theirs, [channel.fileno()])
        channel.send(NUMBER.pack(pid))
        status = 0
    except BaseException:  # noqa: BLE001 - nobody else would tell
        traceback.print_exc()
    finally:
        os._exit(status)


def carry_out(*descriptors: int) -> int | None:
    """Read an order from the last of the descriptors, and do as it says."""
    *others, waiting = descriptors
    with open(waiting, "rb") as orders:
        place, action = pickle.load(orders)  # noqa: S301 - it is our own
    place.enter()
    status: int | None = action(*others)
    return status
