"""The recorder writes what is new, and nothing when something is wrong."""

from __future__ import annotations

import contextlib
import functools
import importlib
import socket
import sys
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from record import recorder, strace_log, trace_lines
from record.interpret import Interpreter, NotUnderstoodError
from record.snapshot import snapshot

from ipcdocs.recording import model
from ipcdocs.recording.model import Step
from tests.harness import handmade, markdown_blocks, pseudo_terminals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
OTHER: dict[type, Callable[[Any], object]] = {
    bool: lambda value: not value,
    dict: lambda table: {number + 1: end for number, end in table.items()},
    int: lambda number: number + 1,
    list: lambda steps: steps[:-1],
    str: lambda text: f"{text}x",
    tuple: lambda end: (end[0], 1 - end[1]),
}
RUN = "$ python -m ipc_examples.fork\n"


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the file of the only recording."""
    monkeypatch.setattr(recorder, "RECORDINGS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["record"])
    return tmp_path / "fork.json"


def record(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    block = markdown_blocks.Block(
        1, "{transcript}", f":record: fork\n\n{text}"
    )
    found = {"fork": ("docs/page.md", block)}
    monkeypatch.setattr(recorder, "recorded", lambda: found)
    return recorder.main()


@pytest.fixture
def traced() -> None:
    """Skip a test that needs strace where it cannot be had."""
    try:
        strace_log.command()
    except strace_log.Unrecordable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def shown() -> str:
    """Return a transcript of a page."""
    _, block = recorder.recorded()["fork"]
    return block.text.partition("\n\n")[2]


def test_no_strace(
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(file.parent))
    assert record(monkeypatch, RUN) == 1
    assert capsys.readouterr() == (
        "",
        "record: fork: strace is not installed\n",
    )
    assert not file.exists()


def test_strace_may_not_trace(
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    strace_error = (
        "strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted"
    )
    refused = file.with_name("strace")
    refused.write_text(f"#!/bin/sh\necho '{strace_error}' >&2\nexit 1\n")
    refused.chmod(0o755)
    monkeypatch.setenv("PATH", str(file.parent))
    assert record(monkeypatch, RUN) == 1
    assert capsys.readouterr() == ("", f"record: fork: {strace_error}\n")
    assert not file.exists()


def test_no_such_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["record", "fork", "spoon"])
    assert recorder.main() == 1
    assert capsys.readouterr() == ("", "record: no page has :record: spoon\n")


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$ python -m ipc_examples.fork spoon\n", "shows something else"),
        ("$ python -c 'input()'\nnever\n", "shows nothing more for"),
    ],
)
def test_a_program_that_fails_or_hangs(
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    reason: str,
) -> None:
    hasty = functools.partial(pseudo_terminals.run, deadline=2)
    monkeypatch.setattr(pseudo_terminals, "run", hasty)
    assert record(monkeypatch, text) == 1
    assert reason in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.usefixtures("traced")
def test_a_recording_that_tells_the_same_stays(
    monkeypatch: pytest.MonkeyPatch, file: Path, shown: str
) -> None:
    file.write_text("{")
    assert record(monkeypatch, shown) == 0
    made = model.load(file)
    for step in made.steps:
        step.blocked = False
    file.write_text(made.dump())
    assert record(monkeypatch, shown) == 0
    assert model.load(file) == made
    file.write_text(replace(made, steps=made.steps[:-1]).dump())
    assert record(monkeypatch, shown) == 0
    assert len(model.load(file).steps) == len(made.steps)


@pytest.mark.usefixtures("traced")
def test_a_snapshot_is_of_the_recording_beside_it(
    monkeypatch: pytest.MonkeyPatch, file: Path, shown: str
) -> None:
    assert record(monkeypatch, shown) == 0
    made = model.load(file)
    text = file.with_suffix(".txt").read_text("utf-8")
    assert text == snapshot(made)
    made.steps[-1].blocked = not made.steps[-1].blocked  # it tells the same
    file.write_text(made.dump())
    assert record(monkeypatch, shown) == 0
    assert (
        file.with_suffix(".txt").read_text("utf-8") == snapshot(made) != text
    )


def test_a_snapshot_has_a_part_for_each_process() -> None:
    parent, child, client = snapshot(handmade.RUN).split("\n\n")
    assert parent.startswith("""\
parent, serve.py
 1  line 3    start: 0 1 2 = terminal
 2  line 10   pipe: 3 = pipe[0]; 4 = pipe[1]
 3  line 11   fork: process child
 4  line 12   close 4 = pipe[1]: 4 = nothing
 5  line 13   read 3 = pipe[0]: takes b'a' of b'ab' in pipe[0]; after child 2;\
 waited
 6  line 14   SIGINT: read(3); waited
 7  line 14   read 3 = pipe[0]: fails with EINTR
""")
    assert (
        child
        == """\
child, serve.py
 1  line 20   close 3 = pipe[0]: 3 = nothing
 2  line 21   write 4 = pipe[1]: b'ab'; to pipe[0]
 3  line 22   execve: cat -n; 4 = nothing
 4            SIGTERM
 5            killed: SIGTERM; 0 1 2 = nothing"""
    )
    assert client.startswith("client, client.py\n 1  line 4    start: ")


@pytest.mark.parametrize("member", [each.name for each in fields(Step)])
def test_a_snapshot_shows_each_member_of_a_step(member: str) -> None:
    changed = 0
    for number, step in enumerate(handmade.STEPS):
        if (value := getattr(step, member)) in (None, [], {}):
            continue
        other: dict[str, Any] = {member: OTHER[type(value)](value)}
        steps = [*handmade.STEPS]
        steps[number] = replace(step, **other)
        with contextlib.suppress(LookupError, ValueError):  # no recording
            made = snapshot(replace(handmade.RUN, steps=steps))
            assert made != snapshot(handmade.RUN), step
        changed += 1
    assert changed


@pytest.mark.parametrize(
    ("signal", "calls"),
    [
        # It is ignored, so only a process that is traced is interrupted.
        ("SIGCHLD", ["SIGCHLD", "read"]),
        ("SIGINT", ["read", "SIGINT", "read"]),
    ],
)
def test_an_interrupted_call(signal: str, calls: list[str]) -> None:
    trace = f"""\
1.0 read(3<socket:[7]>, 0x7f00, 64) = -1 EINTR (Interrupted system call)
2.0 --- {signal} {{si_signo={signal}}} ---
3.0 read(3<socket:[7]>, "one", 64) = 3
"""
    assert [call.name for call in strace_log.parse(trace)] == calls


def interpret(*calls: str) -> Interpreter:
    """Return an interpreter of the calls of a process; "12" is a line."""
    rows = [
        f'{time}.0 stat("@line:{call}", 0x7f00) = -1 ENOENT (No such file)'
        if call.isdigit()
        else f"{time}.0 {call}"
        for time, call in enumerate(calls, 1)
    ]
    traced = strace_log.Traced(7, "", [*strace_log.parse("\n".join(rows))])
    interpreter = Interpreter([traced])
    interpreter.run()
    return interpreter


@pytest.mark.parametrize(
    "data",
    [
        "{u32=4, u64=4}",
        "{u32=4, u64=139637976727556}",  # Python sets the lower half alone
        "0x7f0000000004",  # strace 7.2
    ],
)
def test_what_epoll_tells_is_the_descriptor(data: str) -> None:
    poll = "3<anon_inode:[eventpoll]>"
    event = f"{{events=EPOLLIN, data={data}}}"
    steps = interpret(
        "1",
        f"epoll_create1(EPOLL_CLOEXEC) = {poll}",
        "pipe2([4<pipe:[7]>, 5<pipe:[7]>], O_CLOEXEC) = 0",
        f"epoll_ctl({poll}, EPOLL_CTL_ADD, 4<pipe:[7]>, {event}) = 0",
        'write(5<pipe:[7]>, "one", 3) = 3',
        f"epoll_wait({poll}, [{event}], 1, -1) = 1",
    ).steps
    *_, write, wait = steps
    assert (wait.call, wait.detail) == ("epoll_wait", "4")
    assert wait.causes == [steps.index(write)]


PROGRAM = '''\
"""Has a docstring."""
import os, socket
file = open(os.devnull)
with (
    file,
    socket.socket() as one,
    socket.socket() as other,
):
    print(one, other)
'''


@pytest.mark.parametrize(
    ("imported", "left"),
    [
        pytest.param("2", ["4", "4", "4"], id="Python 3.12"),
        pytest.param("2", ["7", "6", "5"], id="Python 3.13"),
        pytest.param("3", ["7", "6", "5"], id="known modules"),
    ],
)
def test_lines_are_those_of_every_python(
    tmp_path: Path, imported: str, left: list[str]
) -> None:
    tmp_path.joinpath("program.py").write_text(PROGRAM)
    words = ["python", "trace_lines.py", "-m", "ipc_examples.program"]
    quoted = ", ".join(f'"{word}"' for word in words)
    interpreter = interpret(
        f'execve("/bin/python", [{quoted}], 0x7f00) = 0',
        imported,
        'openat(AT_FDCWD, "x.py", O_RDONLY) = 3</x.py>',
        "3",
        'openat(AT_FDCWD, "/tmp", O_TMPFILE) = 3</tmp/#1>',
        "6",
        "socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 4<TCP:[1]>",
        "7",
        "socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 5<TCP:[2]>",
        left[0],
        "close(5<TCP:[2]>) = 0",
        left[1],
        "close(4<TCP:[1]>) = 0",
        left[2],
        "close(3</tmp/#1>) = 0",
    )
    made = interpreter.recording("", tmp_path, {})
    lines = [(step.call, step.line) for step in made.steps]
    assert lines == [
        ("start", 2),
        ("openat", 3),
        ("socket", 6),
        ("socket", 7),
        ("close", 7),
        ("close", 6),
        ("close", 4),
    ]


def test_what_an_import_does_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    announced: list[str] = []
    monkeypatch.setattr(trace_lines, "tell_strace", announced.append)
    monkeypatch.syspath_prepend(tmp_path)
    tmp_path.joinpath("inner_module.py").write_text("1 / 0")
    tmp_path.joinpath("outer_module.py").write_text("import inner_module")
    sys.setprofile(trace_lines.profile)
    try:
        importlib.import_module("outer_module")
    except ZeroDivisionError:
        pass
    finally:
        sys.setprofile(None)
    assert announced == ["quiet", "quiet", "loud", "loud"]


def test_a_fifo_is_a_pipe_with_a_name() -> None:
    made = interpret(
        "1",
        'mknodat(AT_FDCWD</tmp>, "fifo", S_IFIFO|0666) = 0',
        'openat(AT_FDCWD</tmp>, "fifo", O_RDONLY|O_NONBLOCK) = 3</tmp/fifo>',
        'openat(AT_FDCWD</tmp>, "fifo", O_WRONLY) = 4</tmp/fifo>',
        'unlinkat(AT_FDCWD</tmp>, "fifo", 0) = 0',
        'write(4</tmp/fifo (deleted)>, "one", 3) = 3',
        'read(3</tmp/fifo (deleted)>, "one", 64) = 3',
    )
    *_, read = made.steps
    assert made.objects == ["terminal", "fifo"]
    assert [(step.call, step.table) for step in made.steps[1:]] == [
        ("mkfifo", {}),
        ("openat", {3: (1, 0)}),
        ("openat", {4: (1, 1)}),
        ("unlink", {}),
        ("write", {}),
        ("read", {}),
    ]
    assert (read.taken_from, read.data, read.causes) == ((1, 0), "one", [5])


def test_what_a_recording_cannot_tell_is_refused() -> None:
    opened = 'openat(AT_FDCWD</tmp>, "file", {}) = 3</tmp/file>'
    used = 'read(3</tmp/file>, "one", 64) = 3'
    assert (
        len(interpret("1", opened.format("O_CREAT|O_RDWR"), used).steps) == 1
    )
    refused = r"line 1: read\(3</tmp/file>, .*\): a recording cannot tell what"
    with pytest.raises(NotUnderstoodError, match=refused):
        interpret("1", opened.format("O_RDONLY"), used)


def test_what_is_left_out_may_be_nested() -> None:
    steps = interpret(
        "1",
        'stat("@quiet", 0x7f00) = -1 ENOENT (No such file)',
        "pipe2([3<pipe:[1]>, 4<pipe:[1]>], O_CLOEXEC) = 0",
        'stat("@quiet", 0x7f00) = -1 ENOENT (No such file)',
        'stat("@loud", 0x7f00) = -1 ENOENT (No such file)',
        "pipe2([3<pipe:[2]>, 4<pipe:[2]>], O_CLOEXEC) = 0",
        'stat("@loud", 0x7f00) = -1 ENOENT (No such file)',
        "socketpair(AF_UNIX, SOCK_STREAM, 0, [3<x>, 4<x>]) = 0",
    ).steps
    assert [step.call for step in steps] == ["start", "socketpair"]


V4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
V6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 1, 0, 0))


@pytest.mark.parametrize(
    ("known", "found"),
    [([V6, V4], [V4]), ([V4], [V4]), ([V6], [V6]), ([], [])],
)
def test_localhost_has_one_address(
    monkeypatch: pytest.MonkeyPatch, known: list[object], found: list[object]
) -> None:
    monkeypatch.setattr(trace_lines, "FIND_ADDRESSES", lambda *_: known)
    assert trace_lines.find_ipv4("localhost", 1) == found


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("accept4(3<x>, NULL, NULL, SOCK_CLOEXEC) = 4<x>", "accept"),
        ("accept(3<x>, NULL, NULL) = 4<x>", "accept"),
        ("clone3({flags=CLONE_VFORK}, 88) = 8", "fork"),
        ("clone(child_stack=NULL, flags=SIGCHLD) = 8", "fork"),
        ("ppoll([{fd=3, events=POLLIN}], 1, NULL, NULL, 0) = 1", "poll"),
        ('unlinkat(AT_FDCWD, "name", 0) = 0', "unlink"),
        ('sendto(3<x>, "a", 1, 0, NULL, 0) = 1', "send"),
        ('sendto(3<x>, "a", 1, 0, {sa_family=AF_UNIX}, 2) = 1', "sendto"),
        ('recvfrom(3<x>, "a", 9, 0, NULL, NULL) = 1', "recv"),
        ('recvfrom(3<x>, "a", 9, 0, NULL, [128 => 0]) = 1', "recvfrom"),
    ],
)
def test_a_call_has_one_name(made: str, named: str) -> None:
    (call,) = strace_log.parse(f"1.0 {made}")
    assert call.name == named
    assert made.partition("(")[0] in strace_log.CALLS
