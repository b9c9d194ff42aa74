"""Each recording says what its programs do, and the model can read it."""

from __future__ import annotations

import difflib
import itertools
import json
from dataclasses import fields, replace
from pprint import pformat
from typing import TYPE_CHECKING, Any

import pytest
from record import recorder, strace_log
from record.interpret import READING, comparable

from ipcdocs.recording import model
from ipcdocs.recording.model import Step
from ipcdocs.transcript import syntax
from tests.harness import handmade
from tests.harness.recordings import load

if TYPE_CHECKING:
    from pathlib import Path

    from ipcdocs.recording.model import Recording, State

# The build itself refuses a recording that is corrupt or not up to date.
pytestmark = pytest.mark.slow
RECORDED = recorder.recorded()
CLOSING = {"close", "shutdown", "exit", "killed"}


ENDS = (".json", ".txt", ".svg")


def test_every_recording_is_on_a_page() -> None:
    files = {file.name for file in recorder.RECORDINGS.iterdir()}
    named = {f"{name}{end}" for name in RECORDED for end in ENDS}
    if unused := files - named:
        pytest.fail(
            f"no transcript has the option record for {sorted(unused)} in "
            "docs/recordings: remove them, or write :record: NAME into one",
            pytrace=False,
        )


@pytest.mark.parametrize("name", RECORDED)
def test_recording_is_what_happens_today(name: str) -> None:
    try:
        today = recorder.record(*RECORDED[name])
    except strace_log.Unrecordable as reason:
        pytest.skip(str(reason))
    was, now = comparable(load(name)), comparable(today)
    if was != now:  # equal sets may be written in another order
        changed = difflib.unified_diff(
            pformat(was).splitlines(),
            pformat(now).splitlines(),
            "recorded",
            "today",
            lineterm="",
        )
        pytest.fail("\n".join([f"{name}:", *changed]), pytrace=False)


@pytest.mark.parametrize("name", RECORDED)
class TestRecording:
    def test_a_recording_is_up_to_date(self, name: str) -> None:
        _, block = RECORDED[name]
        model.check_up_to_date(load(name), block.text, recorder.PROGRAMS)

    def test_prints_what_the_page_shows(self, name: str) -> None:
        made = load(name)
        parsed = syntax.parse(RECORDED[name][1].text)
        shown = [
            line.text
            for _, line in parsed.lines()
            if line.kind is syntax.Kind.OUTPUT
        ]
        printed = "".join(
            step.data
            for step in made.steps
            if step.endpoint
            and made.objects[step.endpoint[0]] == "terminal"
            and step.call == "write"
        )
        assert set(printed.splitlines()) <= set(shown)
        assert printed

    def test_every_process_begins_once(self, name: str) -> None:
        made = load(name)
        begun = [s.process for s in made.steps if s.call == "start"]
        begun += [s.child for s in made.steps if s.call == "fork" and s.child]
        assert sorted(begun) == [*range(len(made.processes))]

    def test_a_run_leaves_no_descriptor_and_no_data(self, name: str) -> None:
        *_, last = load(name).states()
        assert not any(last.tables.values())
        if name != "vanished_peer":  # whose peer drops what it is sent
            assert not any(last.queues.values())

    def test_waits_for_every_child(self, name: str) -> None:
        steps = load(name).steps
        forked = [step.child for step in steps if step.call == "fork"]
        waited = [step.child for step in steps if step.call == "wait"]
        assert sorted(map(str, forked)) == sorted(map(str, waited))

    def test_data_are_read_after_they_were_written(self, name: str) -> None:
        steps = load(name).steps
        for step in steps:
            if step.taken_from:
                written = "".join(steps[cause].data for cause in step.causes)
                assert step.data in written

    def test_a_stream_ends_since_an_end_was_closed(self, name: str) -> None:
        steps = load(name).steps
        for step in steps:
            if step.call in READING and not step.data:
                for cause in step.causes:
                    assert steps[cause].call in CLOSING


def without(made: Recording, number: int) -> Recording:
    """Return a recording that lacks a step, which nothing needs."""
    steps = [
        replace(step, causes=[n - (n > number) for n in step.causes])
        for step in made.steps
        if step is not made.steps[number]
    ]
    return replace(made, steps=steps)


@pytest.mark.parametrize(
    ("name", "process", "matters"),
    [
        ("datagram_request", 1, False),  # a child, forked after its parent
        ("inet_streams", 0, True),  # a server, for a program in a terminal
    ],
)
def test_who_had_to_wait_matters_if_for_a_start(
    name: str, process: int, *, matters: bool
) -> None:
    made = load(name)
    steps = [*made.steps]
    first = next(
        number
        for number, step in enumerate(steps)
        if step.process == process and step.causes
    )
    steps[first] = replace(steps[first], blocked=not steps[first].blocked)
    other = replace(made, steps=steps)
    assert (comparable(other) != comparable(made)) is matters


def test_which_child_was_waited_for_first_does_not_matter() -> None:
    made = load("pipeline")
    steps = [*made.steps]
    first, second = (n for n, s in enumerate(steps) if s.call == "wait")
    steps[first], steps[second] = steps[second], steps[first]
    assert comparable(replace(made, steps=steps)) == comparable(made)
    steps[first] = replace(steps[first], line=1)
    assert comparable(replace(made, steps=steps)) != comparable(made)


def test_the_call_that_a_deadly_signal_interrupts_does_not_matter() -> None:
    """It came a little earlier, and the call had not begun."""
    made = load("round_trips")
    number = next(n for n, s in enumerate(made.steps) if s.error == "EINTR")
    shorter = without(made, number)
    assert comparable(shorter) == comparable(made)
    shorter = without(shorter, number - 1)
    assert comparable(shorter) != comparable(made)


def test_that_there_was_no_news_yet_does_not_matter() -> None:
    made = load("framed_echo")
    server = [n for n, step in enumerate(made.steps) if step.process == 0]
    asked = {"again": 0, "once": 0}
    for number, following in itertools.pairwise(server):
        step = made.steps[number]
        if (step.call, step.detail, step.error) == ("epoll_wait", "", ""):
            again = made.steps[following].call == step.call
            asked["again" if again else "once"] = number
    assert comparable(without(made, asked["again"])) == comparable(made)
    assert comparable(without(made, asked["once"])) != comparable(made)


@pytest.mark.parametrize("member", ["endpoint", "sent_to", "taken_from"])
def test_on_which_object_a_call_works_matters(member: str) -> None:
    made = load("datagram_request")
    steps = [*made.steps]
    number = next(n for n, s in enumerate(steps) if getattr(s, member))
    which, end = getattr(steps[number], member)
    for other in (which + 1, end), (which, 1 - end):
        changed: dict[str, Any] = {member: other}
        steps[number] = replace(made.steps[number], **changed)
        assert comparable(replace(made, steps=steps)) != comparable(made)


def moments(name: str) -> list[tuple[Step, State]]:
    """Return each step with what held before it."""
    made, state = load(name), model.State()
    found = []
    for step in made.steps:
        found.append((step, state.copy()))
        state.apply(made, step)
    return found


def test_pipe_closes_the_unused_ends_before_it_uses_the_others() -> None:
    parent, child = (
        [step.call for step, _ in moments("pipe") if step.process == number]
        for number in (0, 1)
    )
    assert parent[:4] == ["start", "pipe", "fork", "close"]
    assert parent[4:] == ["read", "read", "close", "wait", "write", "exit"]
    assert child == ["close", "write", "close", "exit"]


def test_the_pipe_holds_the_message_when_its_reader_wakes() -> None:
    first, second = [m for m in moments("pipe") if m[0].call == "read"]
    step, state = first
    assert step.taken_from is not None
    assert "".join(state.queues[step.taken_from]) == step.data
    assert step.data.endswith("thou art . . .\0")
    step, state = second
    assert step.data == ""
    ends = [end for table in state.tables.values() for end in table.values()]
    assert (step.endpoint and (step.endpoint[0], 1)) not in ends


def test_both_processes_have_both_ends_after_the_fork() -> None:
    for name in ("pipe", "socketpair"):
        fork = [m[0].call for m in moments(name)].index("fork")
        _, state = moments(name)[fork + 1]
        assert state.tables[0] == state.tables[1]
        assert sorted(state.tables[0]) == [0, 1, 2, 3, 4]


def test_accept_returns_the_other_end_of_the_connection() -> None:
    for name in ("inet_streams", "unix_streams", "inet_stream_select"):
        steps = load(name).steps
        for step in steps:
            if step.call == "accept":
                (connection, side), *_ = filter(None, step.table.values())
                (cause,) = step.causes
                asked = [*filter(None, steps[cause].table.values())]
                assert asked == [(connection, 0)]
                assert side == 1


def test_a_descriptor_arrives_as_the_same_file() -> None:
    steps = load("pass_descriptor").steps
    (sent,) = [s.table for s in steps if s.call == "openat"]
    (received,) = [s.table for s in steps if s.call == "recvmsg"]
    assert [*sent.values()] == [*received.values()]


def test_exec_keeps_what_dup2_made_and_closes_the_rest() -> None:
    *_, (step, state) = [
        m for m in moments("pipeline") if m[0].call == "execve"
    ]
    assert step.detail.split()[0] in ("printf", "wc")
    kept = {fd for fd in state.tables[step.process] if fd not in step.table}
    assert kept == {0, 1, 2}
    after = [
        other.line
        for other, _ in moments("pipeline")
        if other.process == step.process
    ]
    assert after[after.index(None) - 1] == step.line
    assert after[-1] is None


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "pipe.json"
    file.write_text(load("pipe").dump())
    assert model.load(file) == load("pipe")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        load("pipe").dump().replace('"terminal"', '"telephone"'),
    ],
)
def test_a_corrupt_recording_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pipe.json"
    file.write_text(text)
    with pytest.raises(model.RecordingError, match=r"^pipe\.json: .+: run"):
        model.load(file)


@pytest.mark.parametrize(
    ("number", "members", "reason"),
    [
        (4, {"process": 3}, "step 4 is of no process"),
        (6, {"causes": [6]}, "step 6 comes before its cause"),
        (6, {"data": "b"}, "'b' is read, but 'ab' waits"),
        (6, {"taken_from": (9, 1)}, "'a' is read, but '' waits"),
    ],
)
def test_a_recording_that_contradicts_itself_is_refused(
    tmp_path: Path, number: int, members: dict[str, Any], reason: str
) -> None:
    steps = list(handmade.STEPS)
    steps[number] = replace(steps[number], **members)
    text = replace(handmade.RUN, steps=steps).dump()
    message = f"pipe.json: {reason}: run nox -s record -- pipe"
    assert load_error(tmp_path / "pipe.json", text) == message


def test_an_object_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    objects = ["telephone", *handmade.OBJECTS[1:]]
    message = load_error(
        tmp_path / "pipe.json", replace(handmade.RUN, objects=objects).dump()
    )
    assert "an object is a telephone" in message


def test_what_was_not_written_cannot_be_read(tmp_path: Path) -> None:
    members = json.loads(load("pipe").dump())
    for step in members["steps"]:
        if "taken_from" in step:
            step["data"] = "Dull star"
    file = tmp_path / "pipe.json"
    file.write_text(json.dumps(members))
    with pytest.raises(model.RecordingError, match="Dull star"):
        model.load(file)


def load_error(file: Path, text: str) -> str:
    """Write a recording; return why it cannot be read."""
    file.write_text(text, "utf-8")
    with pytest.raises(model.RecordingError) as refused:
        model.load(file)
    return str(refused.value)


def test_any_changed_character_is_refused(tmp_path: Path) -> None:
    file, text = tmp_path / "fork.json", load("fork").dump()
    others = {" ": "\n", "\n": " ", "9": "8", "z": "y", "_": "-"}
    messages = set()
    for at, character in enumerate(text):
        other = others.get(character) or chr(ord(character) + 1)
        messages.add(load_error(file, f"{text[:at]}{other}{text[at + 1 :]}"))
    reason = "it was changed after it was recorded"
    assert f"fork.json: {reason}: run nox -s record -- fork" in messages
    assert all(
        reason.endswith(": run nox -s record -- fork") for reason in messages
    )


def changed(value: object) -> object:
    """Return something else of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, list):
        return value[:-1]
    return {}


@pytest.mark.parametrize("member", [each.name for each in fields(Step)])
def test_any_changed_member_of_a_step_is_refused(
    tmp_path: Path, member: str
) -> None:
    text, row, step = next(
        (text, row, step)
        for text in (load(name).dump() for name in RECORDED)
        for row in text.splitlines()
        if row.startswith('{"process"')
        and member in (step := json.loads(row.removesuffix(",")))
    )
    without = {name: step[name] for name in step if name != member}
    for other in step | {member: changed(step[member])}, without:
        assert text.count(row) == 1
        new = text.replace(row.removesuffix(","), json.dumps(other))
        assert load_error(tmp_path / "pipe.json", new).startswith(
            "pipe.json: "
        )


def test_a_changed_program_is_told(tmp_path: Path) -> None:
    _, block = RECORDED["pipe"]
    tmp_path.joinpath("pipe.py").write_text("changed")
    with pytest.raises(model.RecordingError, match=r"^pipe changed since"):
        model.check_up_to_date(load("pipe"), block.text, tmp_path)


def test_a_changed_transcript_is_told() -> None:
    other = replace(load("pipe"), transcript="other")
    _, block = RECORDED["pipe"]
    with pytest.raises(model.RecordingError, match="the transcript"):
        model.check_up_to_date(other, block.text, recorder.PROGRAMS)
