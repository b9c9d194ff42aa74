from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Self

import pytest

from ipc_examples import skeleton
from ipc_examples.skeleton import distribute
from tests.harness.catalogue import FILES
from tests.harness.running import (
    DEADLINE,
    RunningProgram,
    assert_exit_report,
    descriptors,
    error_line,
    main_of,
    wait_until_blocked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "skeleton"
# What only another peer, or luck, brings about: see test_signals.py.
NOT_REACHED = (
    'raise ValueError(f"more than one line',
    'raise ChildProcessError("a worker ended',
)
SILENT = f"{NAME}: a worker ended before it answered\n"


def answers_to(lines: list[bytes], workers: int = 2) -> str:
    """Return the answers of *workers*, and see that all is well."""
    with RunningProgram(
        lambda: print(list(distribute(lines, workers)))
    ) as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    return out


class Typist:
    """One who types lines while the program runs, and does not end."""

    def __init__(self) -> None:
        self.inlet, self.keyboard = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in {self.inlet, self.keyboard} - {-1}:
            os.close(descriptor)

    def run(self, **names: object) -> Callable[[], object]:
        """Return a run of the program that reads what is typed."""
        main = main_of(NAME, **names)

        def read_and_run() -> None:
            os.dup2(self.inlet, 0)
            os.close(self.keyboard)
            main()

        return read_and_run

    def type(self, line: bytes) -> None:
        os.write(self.keyboard, line)

    def end(self) -> None:
        os.close(self.keyboard)
        self.keyboard = -1


@pytest.mark.parametrize(
    ("stdin", "answers"),
    [
        (b"", ""),
        (b"one\n", "ONE\n"),
        (b"one\ntwo\nthree\nfour\nfive\n", "ONE\nTWO\nTHREE\nFOUR\nFIVE\n"),
        (b"one\ntwo", "ONE\nTWO\n"),
        (b"\n\none\n", "\n\nONE\n"),
        (b"one\rtwo\r\n", "ONE\rTWO\r\n"),
    ],
)
def test_answers_each_line_in_order(stdin: bytes, answers: str) -> None:
    with RunningProgram(NAME, stdin=stdin) as running:
        assert running.finish() == (0, answers, "")


def test_answers_a_line_when_two_more_are_typed() -> None:
    with (
        Typist() as typist,
        RunningProgram(typist.run(), name=NAME) as running,
    ):
        typist.type(b"one\ntwo\n")
        typist.type(b"three\n")
        assert running.line() == "ONE"
        typist.type(b"four\n")
        assert running.line() == "TWO"
        typist.type(b"fi")
        typist.type(b"ve")
        typist.end()
        assert running.finish() == (0, "THREE\nFOUR\nFIVE\n", "")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_takes_as_many_lines_ahead_as_there_are_workers(workers: int) -> None:
    taken = []

    def lines() -> Iterator[bytes]:
        for number in range(5):
            taken.append(number)
            yield b"one"

    def tell_when() -> None:
        print(*(len(taken) for _ in distribute(lines(), workers)))

    with RunningProgram(tell_when) as running:
        ahead = [min(number + workers, 5) for number in range(1, 6)]
        assert running.finish() == (0, f"{' '.join(map(str, ahead))}\n", "")


def test_two_may_be_in_progress() -> None:
    """The workers of the one are not kept from ending by the other's."""

    def answer_two() -> None:
        one, other = distribute([b"one"] * 4), distribute([b"two"] * 4)
        print(next(one), next(other))
        print(*one)
        print(*other)
        print(*distribute(distribute([b"three"])))

    with RunningProgram(answer_two) as running:
        out = (
            "b'ONE' b'TWO'\nb'ONE' b'ONE' b'ONE'\nb'TWO' b'TWO' b'TWO'\n"
            "b'THREE'\n"
        )
        assert running.finish() == (0, out, "")


def test_who_wants_no_more_answers_ends_busy_workers_quietly() -> None:
    """There is no end to the lines; those that are needed are taken."""
    kill = os.kill

    def kill_when_idle(pid: int, number: int) -> None:
        wait_until_blocked(pid)  # it has answers to hand over, or ends
        kill(pid, number)

    def take_some() -> None:
        answers = distribute(itertools.repeat(b"one"))
        print(*itertools.islice(answers, 5))
        answers.close()  # type: ignore[attr-defined]

    with RunningProgram(
        take_some, replace={"os.kill": kill_when_idle}
    ) as running:
        assert running.finish() == (0, "b'ONE' " * 4 + "b'ONE'\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3, 10])
def test_any_number_of_workers_may_work(workers: int) -> None:
    lines = [b"one", b"two", b"three"]
    assert answers_to(lines, workers) == "[b'ONE', b'TWO', b'THREE']\n"


def test_two_workers_are_forked() -> None:
    def count_forks() -> None:
        fork, pids = os.fork, []

        def fork_and_count() -> int:
            pids.append(fork())
            return pids[-1]

        os.fork = fork_and_count
        print(list(distribute([])), len(pids))

    with RunningProgram(count_forks) as running:
        assert running.finish() == (0, "[] 2\n", "")


@pytest.mark.slow
def test_a_line_may_exceed_every_buffer() -> None:
    lines = [bytes([65 + n]) * 3_000_000 for n in range(5)]
    with RunningProgram(
        lambda: print(list(distribute(lines)) == lines)
    ) as running:
        assert running.finish() == (0, "True\n", "")


@pytest.mark.slow
def test_there_may_be_more_lines_than_fit_between_the_processes() -> None:
    """Nobody waits for a worker that waits for somebody to take its answer."""
    lines = [b"%d" % n for n in range(2_000)]
    with RunningProgram(
        lambda: print(list(distribute(lines)) == lines)
    ) as running:
        assert running.finish() == (0, "True\n", "")


@pytest.mark.slow
def test_the_work_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    def pid(_: bytes) -> bytes:
        return str(os.getpid()).encode()

    monkeypatch.setattr(skeleton, "work", pid)
    one, other, *rest = re.findall(r"\d+", answers_to([b""] * 4))
    assert one != other
    assert rest == [one, other]


@pytest.mark.slow
def test_a_worker_holds_no_channel_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def count(_: bytes) -> bytes:
        return str(len(descriptors())).encode()

    monkeypatch.setattr(skeleton, "work", count)
    counts = re.findall(r"\d+", answers_to([b""] * 3, workers=3))
    assert len(set(counts)) == 1


def test_what_the_work_prints_comes_before_its_answer() -> None:
    def tell(line: bytes) -> bytes:
        print("working on", line)
        return line.upper()

    words = ("one", "two", "three", "four", "five")
    stdin = "".join(f"{word}\n" for word in words).encode()
    with RunningProgram(NAME, stdin=stdin, replace={"work": tell}) as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    stderr = out.splitlines()
    assert len(stderr) == 2 * len(words)
    for word in words:
        assert stderr.index(f"working on b'{word}'") < stderr.index(
            word.upper()
        )


def kill_oneself(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b"never"


@pytest.mark.parametrize("end", [lambda _: os._exit(0), kill_oneself])
def test_reports_a_worker_that_ends(end: Callable[[bytes], bytes]) -> None:
    error = error_line(NAME, stdin=b"one\n", replace={"work": end})
    assert re.fullmatch(SILENT, error)


def test_reports_a_worker_that_ends_when_its_answer_is_due() -> None:
    with Typist() as typist:
        run = typist.run(work=kill_oneself)
        with RunningProgram(run, name=NAME) as running:
            typist.type(b"one\ntwo\nthree\n")
            assert_exit_report(running.finish(), SILENT, out="")


def test_reports_a_worker_that_is_killed_between_two_lines() -> None:
    def kill_the_worker() -> None:
        fork, pids = os.fork, []

        def fork_and_remember() -> int:
            pids.append(fork())
            return pids[-1]

        os.fork = fork_and_remember
        try:
            for answer in distribute([b"one", b"two"], workers=1):
                print(answer)
                os.kill(pids[0], signal.SIGKILL)
                os.waitid(os.P_PID, pids[0], os.WEXITED | os.WNOWAIT)
        except OSError as error:
            print(error)

    with RunningProgram(kill_the_worker) as running:
        out = "b'ONE'\n[Errno 32] Broken pipe\n"
        assert running.finish() == (0, out, "")


@pytest.mark.parametrize("failing", [0, 1])
def test_reports_a_worker_that_fails_without_a_line(failing: int) -> None:
    fork, numbers = os.fork, itertools.count()

    def fork_or_fail() -> int:
        number = next(numbers)
        if (pid := fork()) == 0 and number == failing:
            os._exit(3)
        return pid

    stderr = error_line(NAME, replace={"os.fork": fork_or_fail})
    assert stderr == f"{NAME}: a worker failed\n"


def test_shows_where_the_work_failed() -> None:
    with RunningProgram(
        NAME, stdin=b"one\n", replace={"work": int}
    ) as running:
        ended = running.finish()
    stderr = (
        r"Traceback \(most recent call last\):\n(  .*\n)+"
        rf"ValueError: invalid literal for int\(\).*\n{SILENT}"
    )
    assert_exit_report(ended, stderr, out="")


def test_shows_that_the_work_met_an_error_of_the_system() -> None:
    def open_it(line: bytes) -> bytes:
        with open(line, "rb") as file:
            return file.read()

    with RunningProgram(
        NAME, stdin=b"/no\n", replace={"work": open_it}
    ) as running:
        ended = running.finish()
    stderr = (
        r"Traceback \(most recent call last\):\n(  .*\n)+"
        rf"FileNotFoundError: .*No such file or directory: b'/no'\n{SILENT}"
    )
    assert_exit_report(ended, stderr, out="")


@pytest.mark.parametrize("answer", [b"one\ntwo", b"one\n", b"\n"])
def test_says_that_an_answer_has_more_lines(answer: bytes) -> None:
    replace = {"work": lambda _: answer}
    with RunningProgram(NAME, stdin=b"one\n", replace=replace) as running:
        ended = running.finish()
    stderr = re.escape(f"ValueError: more than one line: {answer!r}\n")
    assert_exit_report(ended, rf"Traceback (.*\n)+{stderr}{SILENT}", out="")


@pytest.mark.parametrize("line", [b"one\ntwo", b"one\n", b"\n"])
def test_takes_no_more_than_one_line(line: bytes) -> None:
    def tell_why() -> None:
        answers = distribute([b"zero", b"one", b"two", line, b"four"])
        try:
            for answer in answers:
                print(answer)
        except ValueError as error:
            print(error)

    with RunningProgram(tell_why) as running:
        out = f"b'ZERO'\nb'ONE'\nmore than one line: {line!r}\n"
        assert running.finish() == (0, out, "")


def test_hands_on_what_the_lines_raise() -> None:
    def lines() -> Iterator[bytes]:
        yield from (b"one", b"two", b"three")
        raise LookupError("no more")

    def tell_why() -> None:
        try:
            for answer in distribute(lines()):
                print(answer)
        except LookupError as error:
            print(error)

    with RunningProgram(tell_why) as running:
        assert running.finish() == (0, "b'ONE'\nno more\n", "")


@pytest.mark.parametrize(
    ("path", "flags", "why"),
    [
        ("/", os.O_RDONLY, "[Errno 21] Is a directory"),
        (os.devnull, os.O_WRONLY, "[Errno 9] Bad file descriptor"),
    ],
)
def test_reports_an_input_that_cannot_be_read(
    path: str, flags: int, why: str
) -> None:
    def run() -> None:
        descriptor = os.open(path, flags)
        os.dup2(descriptor, 0)
        os.close(descriptor)
        main_of(NAME)()

    with RunningProgram(run, name=NAME) as running:
        status, out, err = running.finish()
    assert (status, out) == (1, "")
    assert re.fullmatch(rf"{NAME}: {re.escape(why)}.*\n", err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_at_once_and_a_busy_worker_after_its_line(
    number: int,
) -> None:
    gate, keeper = os.pipe()

    def wait_at_the_gate(line: bytes) -> bytes:
        print("busy", file=sys.stderr)
        os.read(gate, 1)
        return line

    replace = {"work": wait_at_the_gate}
    with RunningProgram(NAME, stdin=b"one\n", replace=replace) as running:
        assert running.stderr_line() == "busy"
        running.signal(number)
        # It has ended, though its worker cannot go on.
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        os.write(keeper, b".")
        assert running.finish() == (-number, "", "")
    os.close(gate)
    os.close(keeper)


def test_an_interpreter_ends_when_nobody_reads_its_answers() -> None:
    """As it is started by a shell, while more lines may come."""
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-X", "dev", FILES[NAME]],
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=subprocess.PIPE,
    ) as running:
        os.close(writer)
        os.close(reader)
        assert running.stdin
        assert running.stderr
        running.stdin.write(b"one\ntwo\nthree\n")
        running.stdin.flush()
        assert running.wait(DEADLINE) == 1
        error = running.stderr.read().decode()
    assert error == f"{NAME}: [Errno 32] Broken pipe\n"
