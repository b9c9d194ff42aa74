"""Children that fail, die or cannot be.

That nothing is left open, nobody left behind, and no child runs on as its
parent, RunningProgram sees to.
"""

from __future__ import annotations

import ast
import errno
import os
import re
import signal
import sys
from itertools import count, repeat
from typing import TYPE_CHECKING

import pytest

from tests.harness import catalogue
from tests.harness.catalogue import (
    EXECUTING,
    FILES,
    FORKING_SERVERS,
    NOT_COLLECTING,
    own_arguments,
    source,
)
from tests.harness.fault_groups import FaultGroup
from tests.harness.process_states import source_line
from tests.harness.running import (
    STDIN,
    ExitReport,
    RunningProgram,
    act_in_child,
    assert_exit_report,
    exit_report_error,
    main_of,
    outliving_child,
    reason,
    run_file,
    short_timeouts,
)
from tests.harness.signal_injection.checkpoints import STOPPING
from tests.harness.signal_injection.inject import (
    NOTES,
    run_with_checkpoints,
    watch_children,
)
from tests.harness.signal_injection.scenarios import BASELINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.signal_injection.checkpoints import Checkpoint

pytestmark = pytest.mark.slow
# A server goes on whatever its children do: its own tests look at that.
FORKING = [p for p in catalogue.FORKING if p not in FORKING_SERVERS]
WITH_CHANNELS = [
    p
    for p in FORKING
    if re.search(r"\bos\.(pipe|mkfifo)\b|\bsocket\b", source(p))
]
# One whose children serve until it ends them has no use for their status.
CHECKING_STATUS = [
    p
    for p in WITH_CHANNELS
    if not re.search(r"finally:\n( +for .*\n)? +os\.kill\(", source(p))
]
# What a parent meets that asks a child which is gone, or just going.
GONE = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE)
NO_ANSWER = "|".join([*map(reason, GONE), "a server did not answer"])
CANNOT_EXECUTE = 126  # what a shell says of a command

fork = os.fork


def run(program: str, **replace: object) -> ExitReport:
    """Run *program* with another fork, and perhaps shorter timeouts."""
    replace["os.fork"] = replace.pop("fork")
    with RunningProgram(
        program,
        *own_arguments(program),
        stdin=STDIN,
        replace=replace,
    ) as running:
        return running.finish()


def at_most(times: int) -> Callable[[], int]:
    """Return a fork that works a number of times only."""
    rest = repeat(None, times)

    def fork_or_fail() -> int:
        for _ in rest:
            return fork()
        raise BlockingIOError(errno.EAGAIN, "no room")

    return fork_or_fail


@pytest.mark.fault(FaultGroup.CHILDREN, "no room for another process")
@pytest.mark.parametrize("program", FORKING)
def test_reports_that_there_is_no_room_for_a_child(program: str) -> None:
    for children in count():
        ended = run(program, fork=at_most(children))
        if ended.status == 0:
            break
        stderr = rf"{program}: \[Errno {errno.EAGAIN}\] no room\n"
        if program in NOT_COLLECTING:  # it may be a child that has no room
            child = stderr_of_child(program, "no room")
            stderr += rf"|({child})?{program}: ({NO_ANSWER})\n"
        assert_exit_report(ended, stderr)
    assert children > 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("program", FORKING)
def test_reports_that_a_signal_ended_a_child(
    program: str, number: int
) -> None:
    def kill_oneself() -> None:
        os.kill(os.getpid(), number)

    ended = run(
        program, fork=act_in_child(kill_oneself), **short_timeouts(program)
    )
    if program in EXECUTING:  # it ends as the other program does
        dies = number == signal.SIGTERM
        assert_exit_report(ended, "", status=-number if dies else 128 + number)
    else:
        stderr = rf"({stderr_of_child(program)})*{program}: (?!child: ).+\n"
        assert_exit_report(ended, stderr)


@pytest.mark.fault(FaultGroup.CHILDREN, "SIGTERM at the moment of the fork")
@pytest.mark.parametrize("program", FORKING)
def test_a_child_that_nobody_knows_ends_by_itself(program: str) -> None:
    def fork_and_be_terminated() -> int:
        pid = fork()
        if pid:
            os.kill(os.getpid(), signal.SIGTERM)
        return pid

    ended = run(
        program, fork=fork_and_be_terminated, **short_timeouts(program)
    )
    assert ended.status == -signal.SIGTERM


@pytest.mark.fault(FaultGroup.CHILDREN, "output unwritten at the fork")
@pytest.mark.parametrize("program", FORKING)
def test_output_comes_once(program: str) -> None:
    def begin_and_run() -> None:
        print("begun", end=" ")
        run_file(program, *own_arguments(program))

    with RunningProgram(begin_and_run, stdin=STDIN, name=program) as running:
        ended = running.finish()
    assert (ended.status, ended.err, ended.out.count("begun")) == (0, "", 1)


@pytest.mark.parametrize("program", CHECKING_STATUS)
def test_reports_a_childs_status(program: str) -> None:
    def end_badly() -> None:
        leave = os._exit
        os._exit = lambda _: leave(3)  # type: ignore[assignment]

    ended = run(program, fork=act_in_child(end_badly))
    if program in EXECUTING:  # the other program ends well
        assert (ended.status, ended.err) == (0, "")
    else:
        assert_exit_report(ended, rf"{program}: .+\n")


def stderr_of_child(program: str, what: str = "") -> str:
    """Return a pattern of what a child says of its own failure."""
    if "traceback.print_exc()" in source(program):  # it is a reader's code
        # Two may write at once.
        line = r"(Traceback| |\w+Error: ).*\n"
        return rf"(?=(.*\n)*\w+: .*{what}.*\n)({line})+"
    return rf"{program}: child: .*{what}.*\n"


@pytest.mark.fault(FaultGroup.CHILDREN, "a child that fails")
@pytest.mark.parametrize("program", WITH_CHANNELS)
def test_reports_that_a_child_failed(program: str) -> None:
    def lose_every_channel() -> None:
        os.closerange(3, 256)

    # Or an impatient parent could end it before it has said why.
    fork = outliving_child(act_in_child(lose_every_channel))
    ended = run(program, fork=fork, **short_timeouts(program))
    status = CANNOT_EXECUTE if program in EXECUTING else 1
    # The child says why; the parent, that it failed.
    stderr = rf"({program}: .+\n){{2,}}"
    if program not in EXECUTING:
        stderr = rf"({stderr_of_child(program)})+{program}: .+\n"
    assert_exit_report(ended, stderr, status=status)


@pytest.mark.fault(FaultGroup.CHILDREN, "a mistake in a child's code")
@pytest.mark.parametrize("program", FORKING)
def test_reports_any_exception_of_a_child(program: str) -> None:
    """It comes at each line of the child's ``try``."""
    stderr = rf"({stderr_of_child(program, 'a mistake')})+{program}: .+\n"
    status = 1
    if program in EXECUTING:  # both its children fail
        stderr, status = rf"({program}: .*a mistake.*\n){{2}}", CANNOT_EXECUTE
    wanted = 0

    def fail(checkpoint: Checkpoint) -> None:
        if checkpoint.child and checkpoint.lines[0] == wanted:
            os.write(NOTES, b"here\n")
            raise LookupError("a mistake")

    missed = []
    lines = lines_of_child(program)
    assert lines, (
        f"{FILES[program].name}: no try ends by os._exit() in its finally: "
        "a child may run on as its parent"
    )
    for wanted in lines:
        ended, notes = run_with_checkpoints(program, BASELINE, fail, scale=1)
        if not notes:
            missed.append(wanted)
            continue
        if fault := exit_report_error(ended, stderr, status=status):
            pytest.fail(
                f"{source_line(FILES[program], wanted)}\n"
                "done:     LookupError('a mistake') was raised at this line, "
                f"in the child\n{fault}",
                pytrace=False,
            )
    assert missed != lines, f"{program}'s child came to none of its lines"


def lines_of_child(program: str) -> list[int]:
    """Return the lines of each ``try`` that ends by ``os._exit``."""
    lines = []
    for node in ast.walk(ast.parse(source(program))):
        if isinstance(node, ast.Try) and any(
            "os._exit(" in ast.unparse(last) for last in node.finalbody
        ):
            end = node.body[-1].end_lineno or 0
            lines += [*range(node.body[0].lineno, end + 1)]
    return lines


@pytest.mark.fault(
    FaultGroup.CHILDREN, "a process id that another process may have by now"
)
@pytest.mark.parametrize("program", EXECUTING)
def test_signals_nobody_for_whom_it_has_waited(program: str) -> None:
    """test_signals.py sees to it at each line of each program."""
    waitpid = os.waitpid

    def wait_and_tell(pid: int, options: int) -> tuple[int, int]:
        found = waitpid(pid, options)
        if found[0]:
            print("waited for one", file=sys.stderr)
        return found

    def watch_and_run() -> None:
        os.waitpid = wait_and_tell
        watch_children()
        main_of(program, "true", "sleep 1000")()

    with RunningProgram(watch_and_run, name=program) as running:
        assert running.stderr_line() == "waited for one"
        running.signal(signal.SIGTERM)
        status = -signal.SIGTERM
        assert running.finish() == (status, "", "waited for one\n")


@pytest.mark.skipif(
    sys.platform != "linux", reason="asks /proc for a process's signals"
)
@pytest.mark.parametrize("program", EXECUTING)
def test_what_it_executes_finds_signals_as_usual(program: str) -> None:
    """Python ignores SIGXFSZ as well, which matters to few programs."""
    grep = "grep -E Sig(Blk|Ign) /proc/self/status"
    with RunningProgram(program, grep, "cat") as running:
        out = running.finish().out
    blocked, ignored = (int(mask, 16) for mask in re.findall(r"\w+\n", out))
    assert not blocked
    for number in (signal.SIGPIPE, signal.SIGCHLD, *STOPPING):
        assert not ignored & 1 << number - 1, f"{number!r} is ignored"
