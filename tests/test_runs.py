"""What the pages show of a recording is what the recording holds."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import figures
import pages
import pytest
import recorder
import recording
import runs
from programs import PROGRAMS
from wording import Words

NAMES = [*recorder.recorded()]
SVG = "{http://www.w3.org/2000/svg}"


def load(name: str) -> recording.Recording:
    return recording.load(recorder.RECORDINGS / f"{name}.json")


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_has_a_run(program: str) -> None:
    assert any(program in load(name).sources for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestRun:
    def test_the_stepper_comes_to_the_same_states(self, name: str) -> None:
        made, held = load(name), dict[str, dict[str, Any]](t={}, q={}, d={})
        said = Words(made)
        data: Any = runs.stepper_data(made)
        for step, state in zip(data["steps"], made.states(), strict=True):
            for part, now in held.items():
                now.update(step[part])
                held[part] = {k: v for k, v in now.items() if v is not None}
            assert held["q"] == said.waiting(state)
            assert held["t"] == {
                f"{process} {fd}": said.end(end)
                for process, table in state.tables.items()
                for fd, end in table.items()
            }

    def test_who_has_to_wait_is_shown_waiting(self, name: str) -> None:
        made = load(name)
        said = Words(made)
        for number, step in enumerate(made.steps):
            before = made.steps[number - 1].process
            if step.waited and before != step.process:
                line, doing = said.doing(number - 1, step.process)
                assert line == step.line
                assert doing.startswith("waits in ``")

    def test_every_step_is_drawn_and_told(self, name: str) -> None:
        made = load(name)
        said = Words(made)
        root = ET.fromstring(figures.sequence(made).svg("x"))  # noqa: S314
        rows = root.findall(f"{SVG}path[@data-step]")
        assert len(rows) == len(made.steps)
        labels = [e.text or "" for e in root.findall(f"{SVG}text")]
        for number, step in enumerate(made.steps):
            call = said.call(step)
            line = "" if step.line is None else str(step.line)
            label = labels[len(made.processes) + number]
            assert label.startswith(f"{line:>3} {call}"[: figures.COLUMNS - 1])
            assert f"``{call}``" in said.step(number)

    def test_every_link_between_processes_is_an_arrow(self, name: str) -> None:
        made = load(name)
        links = [step for step in made.steps if step.call == "fork"]
        links += [
            step
            for step in made.steps
            for cause in step.after
            if made.steps[cause].process != step.process
        ]
        shapes = figures.sequence(made).shapes
        heads = [shape for shape in shapes if shape.kind == "head"]
        assert len(heads) == len(links)

    def test_nothing_is_drawn_outside(self, name: str) -> None:
        made = load(name)
        drawings = [figures.sequence(made)]
        drawings += [
            figures.tables(made, state, "now") for state in made.states()
        ]
        for drawing in drawings:
            for shape in drawing.shapes:
                for x, y in shape.points:
                    assert 0 <= x <= drawing.width
                    assert 0 <= y <= drawing.height

    def test_on_paper_all_of_it_is_drawn(self, name: str) -> None:
        drawing = figures.sequence(load(name))
        height = runs.ROWS_A_PAGE * figures.ROW
        strips = [*drawing.tikz(height)]
        assert len(strips) == -(-drawing.height // height)
        assert all(r"\end{tikzpicture}" in strip for strip in strips)


def test_a_moment_does_not_depend_on_what_happens_elsewhere() -> None:
    made = load("pipe")
    state = made.state_after("parent close")
    assert sorted(state.tables[0]) == [0, 1, 2, 3]
    assert sorted(state.tables[1]) == [0, 1, 2, 3, 4]
    both = made.state_after("parent close", "child close")
    assert sorted(both.tables[1]) == [0, 1, 2, 4]


def test_a_moment_comes_after_what_led_to_it() -> None:
    made = load("inet_streams")
    state = made.state_after("inet_stream_connect connect")
    said = Words(made)
    assert said.table(state, 0)[3] == "listener"
    assert said.table(state, 1)[3] == "connection 1, client's end"


def test_a_moment_can_be_a_later_call() -> None:
    made = load("pipe")
    (at,) = [
        number
        for number, step in enumerate(made.steps)
        if step.call == "read" and not step.data
    ]
    assert made.find("parent read 2") == at


@pytest.mark.parametrize(
    "moment", ["", "parent", "nobody fork", "parent read 3", "parent read 0"]
)
def test_an_unknown_moment_is_refused(moment: str) -> None:
    with pytest.raises(recording.RecordingError, match="there is no step"):
        load("pipe").state_after(moment)


def test_the_tables_show_who_holds_what() -> None:
    made = load("pipe")
    state = made.state_after("parent close", "child write")
    texts = [
        shape.text
        for shape in figures.tables(made, state, "now").shapes
        if shape.text
    ]
    assert texts[:4] == ["pipe", "read end", "  54 bytes wait", "write end"]
    assert texts[4:9] == [
        "parent",
        "0 terminal",
        "1 terminal",
        "2 terminal",
        "3 pipe",
    ]


def test_the_stepper_is_one_small_script() -> None:
    script = pages.DOCS / "_static" / "stepper.js"
    assert len(script.read_bytes()) <= 6000
    text = script.read_text("utf-8")
    assert not any(word in text for word in ("import", "fetch", "http"))


def test_the_stepper_s_data_are_plain() -> None:
    json.dumps(runs.stepper_data(load("pipe")), allow_nan=False)
