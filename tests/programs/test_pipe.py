from __future__ import annotations

import os
import signal

from ipc_examples.pipe import receive_from_child
from tests.harness.catalogue import FILES, source
from tests.harness.running import (
    RunningProgram,
    act_in_child,
    assert_exit_report,
    error_line,
    kill_self,
    main_of,
)
from tests.harness.signal_injection.checkpoints import (
    Checkpoint,
    watch_checkpoints,
)

CONSTANTS = {
    "MESSAGE": b"Bright star, would I were steadfast as thou art . . .\0"
}


def test_prints_what_the_child_wrote() -> None:
    line = "-->Bright star, would I were steadfast as thou art . . .\n"
    with RunningProgram("pipe") as running:
        assert running.finish() == (0, line, "")


def test_receives_more_than_a_pipe_holds() -> None:
    size = 1_000_000
    with RunningProgram(
        lambda: print(len(receive_from_child(bytes(size))))
    ) as pipe:
        assert pipe.finish() == (0, f"{size}\n", "")


def test_receives_nothing() -> None:
    with RunningProgram(lambda: print(receive_from_child(b""))) as pipe:
        assert pipe.finish() == (0, "b''\n", "")


def test_shows_each_message_on_a_line() -> None:
    replace = {"MESSAGE": b"one\0\x1b[2J\0\0four\0"}
    with RunningProgram("pipe", replace=replace) as running:
        out = "-->one\n-->\\x1b[2J\n-->\n-->four\n"
        assert running.finish() == (0, out, "")


READING = source("pipe").partition("source.read()")[0].count("\n") + 1
MORE_THAN_A_PIPE_HOLDS = bytes(1_000_000)


def at_its_reading(number: signal.Signals) -> None:
    """Send this process a signal when the parent is about to read."""

    def send(checkpoint: Checkpoint) -> None:
        if checkpoint.lines[0] == READING:
            os.kill(os.getpid(), number)

    watch_checkpoints(str(FILES["pipe"]), send)


def test_a_child_that_still_writes_does_not_outlive_its_parent() -> None:
    def run() -> None:
        at_its_reading(signal.SIGTERM)
        main_of("pipe", MESSAGE=MORE_THAN_A_PIPE_HOLDS)()

    with RunningProgram(run, name="pipe") as running:
        ended = running.finish()
    stderr = r"pipe: child: BrokenPipeError\(32, 'Broken pipe'\)\n"
    assert_exit_report(ended, stderr, status=-signal.SIGTERM, out="")


def test_an_exception_does_not_wait_for_a_child_that_still_writes() -> None:
    """A program with the function may be one that goes on after ^C."""

    def run() -> None:
        at_its_reading(signal.SIGINT)
        try:
            receive_from_child(MORE_THAN_A_PIPE_HOLDS)
        except KeyboardInterrupt:
            print("goes on")

    with RunningProgram(run, name="pipe") as running:
        ended = running.finish()
    stderr = r"pipe: child: BrokenPipeError\(32, 'Broken pipe'\)\n"
    assert_exit_report(ended, stderr, status=0, out="goes on\n")


def test_reports_a_childs_mistake() -> None:
    with RunningProgram("pipe", replace={"MESSAGE": "no bytes"}) as running:
        ended = running.finish()
    stderr = (
        r"pipe: child: TypeError\(.*\)\npipe: the child ended with status 1\n"
    )
    assert_exit_report(ended, stderr, out="")


def test_names_the_signal_that_ended_the_child() -> None:
    stderr = error_line("pipe", replace={"os.fork": act_in_child(kill_self)})
    assert stderr == "pipe: the child ended with status -9\n"
