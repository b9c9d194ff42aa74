"""Faults and signals come where and when a test says, and once."""

from __future__ import annotations

import builtins
import os
import re
import selectors
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.harness.catalogue import FILES, FORKING, ROOT, source
from tests.harness.running import RunningProgram, main_of
from tests.harness.signal_injection import scenarios
from tests.harness.signal_injection.checkpoints import (
    Checkpoint,
    next_descriptor,
    watch_checkpoints,
)
from tests.harness.signal_injection.inject import (
    Effect,
    effect_of,
    inject,
    reach_checkpoints,
    watch_children,
)
from tests.harness.signal_injection.scenarios import (
    BASELINE,
    Fault,
    Scenario,
    arranged,
    scenarios_of,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        (BASELINE, "nothing else happens"),
        (Scenario(fault=Fault.BAD_ARGUMENTS), "it is given wrong arguments"),
        (
            Scenario("os.read", Fault.FAIL),
            "os.read() in the first process fails once",
        ),
        (
            Scenario("os.read", Fault.WOULD_BLOCK, in_child=True),
            "os.read() in a child would block once",
        ),
        (
            Scenario("os.fork", Fault.KILL_CHILD, in_child=True),
            "each child is killed once its work is done",
        ),
    ],
)
def test_a_scenario_has_words(scenario: Scenario, words: str) -> None:
    assert str(scenario) == words


def test_scenarios_are_all_different() -> None:
    for program in FORKING:
        scenarios = [*scenarios_of(program)]
        assert len({*scenarios}) == len(scenarios) > 1


MADE_SCENARIOS = """\
nothing else happens
it is given wrong arguments
each child loses all its descriptors
each child is killed once its work is done
os.fork() in the first process is interrupted by SIGTERM
os.fork() in the first process fails once
os.fork() in the first process would block once
os.fork() in a child is interrupted by SIGTERM
os.waitpid() in the first process is interrupted by SIGTERM
os.waitpid() in a child is interrupted by SIGTERM
select() of any selector in the first process is interrupted by SIGTERM
select() of any selector in the first process finds nothing ready once
select() of any selector in the first process fails once
select() of any selector in the first process would block once
select() of any selector in a child is interrupted by SIGTERM
select() of any selector in a child finds nothing ready once
select() of any selector in a child fails once
select() of any selector in a child would block once
"""


def test_scenarios_are_those_that_a_program_can_come_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = {"os.fork", "os.waitpid", "selector.select", "len", "os.getpid"}
    for name in "FORKING", "HANDLING_SIGNALS", "WITH_ARGUMENTS":
        monkeypatch.setattr(scenarios, name, ["made"])
    monkeypatch.setattr(scenarios, "calls_of", lambda _: calls)
    monkeypatch.setattr(scenarios, "source", lambda p: f"{p} BlockingIOError")
    found = [str(each) for each in scenarios_of("made")]
    assert found == MADE_SCENARIOS.splitlines()
    monkeypatch.setattr(scenarios, "source", lambda _: "")
    anywhere = "select() of any selector in the first process"
    plain = [str(each) for each in scenarios_of("plain")]
    assert plain == [
        "nothing else happens",
        "os.fork() in the first process fails once",
        f"{anywhere} finds nothing ready once",
        f"{anywhere} fails once",
    ]
    calls = {"one.recv", "other.recv"}
    spelled_twice = [str(each) for each in scenarios_of("plain")]
    assert spelled_twice == [
        "nothing else happens",
        "recv() of any socket in the first process fails once",
    ]


@pytest.mark.parametrize("call", sorted(scenarios.CALLS))
def test_a_call_that_may_fail_exists(call: str) -> None:
    owners = (builtins, os, selectors.DefaultSelector, signal, socket)
    assert any(hasattr(o, call) for o in (*owners, socket.socket))


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.FAIL, OSError), (Fault.WOULD_BLOCK, BlockingIOError)],
)
def test_a_call_fails_once(
    monkeypatch: pytest.MonkeyPatch, fault: Fault, error: type[OSError]
) -> None:
    monkeypatch.setattr(os, "getppid", parent := os.getppid)
    with arranged(Scenario("os.getppid", fault)):
        with pytest.raises(error):
            os.getppid()
        assert os.getppid() == parent()


def test_no_call_fails_after_its_scenario(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getppid", parent := os.getppid)
    with arranged(Scenario("os.getppid", Fault.FAIL)):
        pass
    assert os.getppid() == parent()


def test_a_call_fails_in_the_child_alone() -> None:
    def call() -> str:
        try:
            os.getppid()
        except OSError:
            return "fails"
        return "works"

    def fork_and_call() -> None:
        with arranged(Scenario("os.getppid", Fault.FAIL, in_child=True)):
            child = os.fork()
            if child == 0:
                print("child:", call(), flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            print("parent:", call())

    with RunningProgram(fork_and_call) as running:
        out = "child: fails\nparent: works\n"
        assert running.finish() == (0, out, "")


def test_what_a_signal_does_is_found_out() -> None:
    def try_each() -> None:
        number = signal.SIGHUP
        print(effect_of(number).name, effect_of(signal.SIGINT).name)
        for handler in (signal.SIG_IGN, lambda *_: None):
            signal.signal(number, handler)
            print(effect_of(number).name)
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        print(effect_of(number).name)

    with RunningProgram(try_each) as running:
        out = "KILLS RAISES\nIGNORED\nCALLS\nWAITS\n"
        assert running.finish() == (0, out, "")


def line_of(program: str, text: str) -> int:
    """Return the number of the line that begins with *text*."""
    lines = [line.strip() for line in source(program).splitlines()]
    (number,) = (n for n, line in enumerate(lines, 1) if line.startswith(text))
    return number


def test_a_checkpoint_tells_who_is_where_with_what() -> None:
    def run() -> None:
        show = partial(print, flush=True)
        watch_checkpoints(str(FILES["pipe"]), show)
        main_of("pipe")()

    with RunningProgram(run) as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    called = (
        line_of("pipe", "write_and_exit(source, sink"),
        line_of("pipe", 'print(f"-->'),
    )
    writing = line_of("pipe", "sink.write(data)"), *called
    # Of the pipe the child has closed the end that it does not use: the first.
    assert str(Checkpoint(child=True, lines=writing, descriptor=0)) in out
    assert str(Checkpoint(child=False, lines=writing, descriptor=0)) not in out


def test_what_sigchld_interrupts_makes_no_other_checkpoint() -> None:
    """When a child ends, and what is open then, is a matter of chance."""
    found = reach_checkpoints("inet_stream_fork", [BASELINE])
    checkpoints = {arrivals[0].checkpoint for arrivals in found}
    reaping = line_of("inet_stream_fork", "while (ended := os.waitpid")
    assert {c for c in checkpoints if c.lines[0] == reaping} == {
        Checkpoint(child=False, lines=(reaping,), descriptor=0)
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_comes_at_its_checkpoint(number: int) -> None:
    reading = line_of("pipe", "received = source.read()")
    for arrivals in reach_checkpoints("pipe", [BASELINE]):
        if arrivals[0].checkpoint.lines[0] == reading:
            break
    assert arrivals[0].effects[signal.SIGTERM] is Effect.KILLS
    assert arrivals[0].without_signal.status == 0
    arrival, ended = inject("pipe", arrivals, number)
    assert arrival is arrivals[0]
    assert ended
    assert ended.status == -number


def test_a_checkpoint_that_is_not_reached_is_told() -> None:
    arrivals = reach_checkpoints("pipe", [BASELINE])[0]
    nowhere = Checkpoint(child=False, lines=(0,), descriptor=0)
    never = arrivals[0]._replace(checkpoint=nowhere)
    assert inject("pipe", [never], signal.SIGTERM) == (never, None)
    again = inject("pipe", [never, arrivals[0]], signal.SIGTERM)
    assert again[0] is arrivals[0]
    assert again[1]


def test_threads_do_not_count_each_others_descriptors() -> None:
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(next_descriptor) for _ in range(4000)]
        assert len({one.result() for one in asked}) == 1


def test_a_signal_to_who_was_waited_for_is_told() -> None:
    def wait_and_kill() -> None:
        watch_children()
        child = os.fork()
        if child == 0:
            os.read(hold, 1)
            os._exit(0)
        os.kill(child, 0)
        os.waitpid(child, os.WNOHANG)
        os.kill(child, 0)
        os.write(release, b".")
        os.waitpid(child, 0)
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            print(child)

    hold, release = os.pipe()
    with RunningProgram(wait_and_kill) as running:
        status, out, err = running.finish()
    os.close(hold)
    os.close(release)
    (told,) = err.splitlines()
    start = f"process {out.strip()}, which was waited for, is signalled: "
    assert (status, told.removeprefix(start).partition(".py:")[0]) == (
        *(0, "test_signal_injection"),
    )
    assert told.endswith(": os.kill(child, 0)")


README = (ROOT / "tests" / "README.md").read_text("utf-8")


def test_the_readme_quotes_the_program_as_it_is() -> None:
    quotes = re.findall(r"(?m)pipe\.py:(\d+): (.+?)(?:\.\.\.)?$", README)
    assert quotes
    lines = source("pipe").splitlines()
    for number, text in quotes:
        assert lines[int(number) - 1].strip().startswith(text), (
            f"tests/README.md says something else of line {number} of pipe.py"
        )


def test_the_readme_draws_lines_that_are_reached() -> None:
    rows = re.findall(r"(?m)^ +o line (\d+) +o line (\d+)", README)
    assert rows
    reached = {
        (arrivals[0].checkpoint.child, arrivals[0].checkpoint.lines[0])
        for arrivals in reach_checkpoints("pipe", [BASELINE])
    }
    for child, column in enumerate(zip(*rows, strict=True)):
        assert {(bool(child), int(number)) for number in column} <= reached
