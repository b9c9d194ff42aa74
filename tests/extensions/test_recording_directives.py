"""What the pages show of a recording is what the recording holds."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from record import recorder

from ipcdocs.recording import diagrams, directives, model
from ipcdocs.recording.canvas import LOOKS
from ipcdocs.recording.prose import Words
from tests.harness import handmade, markdown_blocks, small_sites
from tests.harness.recordings import load

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", recorder.recorded())
class TestDrawnRun:
    def test_the_stepper_comes_to_the_same_states(self, name: str) -> None:
        run = load(name)
        held = dict[str, dict[str, Any]](t={}, q={}, s={}, d={})
        words = Words(run)
        data: Any = directives.stepper_data(words)
        for step, state in zip(data["steps"], run.states(), strict=True):
            for part, now in held.items():
                now.update(step[part])
                held[part] = {k: v for k, v in now.items() if v is not None}
            assert held["q"] == words.waiting(state)
            assert held["s"] == words.unheld(state)
            assert held["t"] == {
                f"{process} {fd}": end
                for process in state.tables
                for fd, end in words.table(state, process).items()
            }

    def test_who_has_to_wait_is_shown_waiting(self, name: str) -> None:
        run = load(name)
        words = Words(run)
        for number, step in enumerate(run.steps):
            before = run.steps[number - 1].process
            if step.blocked and before != step.process:
                line, doing = words.activity(number - 1, step.process)
                assert line == step.line
                assert doing.startswith("waits in ``")

    def test_every_step_is_drawn_and_told(self, name: str) -> None:
        run = load(name)
        words = Words(run)
        root = ET.fromstring(diagrams.sequence(Words(run)).svg("x"))  # noqa: S314
        rows = root.findall(f"{SVG}path[@data-step]")
        assert len(rows) == len(run.steps)
        labels = [e.text or "" for e in root.findall(f"{SVG}text")]
        for number, step in enumerate(run.steps):
            call = words.call(step)
            line = "" if step.line is None else str(step.line)
            label = labels[len(run.processes) + number]
            assert label.startswith(
                f"{line:>3} {call}"[: diagrams.COLUMNS - 1]
            )
            assert f"``{call}``" in words.step(number)

    def test_every_link_between_processes_is_an_arrow(self, name: str) -> None:
        run = load(name)
        links = [step for step in run.steps if step.call == "fork"]
        links += [
            step
            for step in run.steps
            for cause in step.causes
            if run.steps[cause].process != step.process
        ]
        shapes = diagrams.sequence(Words(run)).shapes
        heads = [shape for shape in shapes if shape.kind == "head"]
        assert len(heads) == len(links)

    def test_nothing_is_drawn_outside(self, name: str) -> None:
        run = load(name)
        drawings = [diagrams.sequence(Words(run))]
        drawings += [
            diagrams.tables(Words(run), state, "now") for state in run.states()
        ]
        for drawing in drawings:
            for shape in drawing.shapes:
                for x, y in shape.points:
                    assert 0 <= x <= drawing.width
                    assert 0 <= y <= drawing.height

    def test_on_paper_all_of_it_is_drawn(self, name: str) -> None:
        drawing = diagrams.sequence(Words(load(name)))
        height = directives.ROWS_A_PAGE * diagrams.ROW
        strips = [*drawing.tikz(height)]
        assert len(strips) == -(-drawing.height // height)
        assert all(r"\end{tikzpicture}" in strip for strip in strips)


def test_a_moment_does_not_depend_on_what_happens_elsewhere() -> None:
    state = handmade.RUN.at("After the parent's close")
    assert sorted(state.tables[handmade.PARENT]) == [0, 1, 2, 3]
    assert sorted(state.tables[handmade.CHILD]) == [0, 1, 2, 3, 4]
    both = handmade.RUN.at("After the parent's close and the child's close")
    assert sorted(both.tables[handmade.CHILD]) == [0, 1, 2, 4]


def test_a_moment_comes_after_what_led_to_it() -> None:
    state = handmade.RUN.at("After the connect")
    assert state.tables[handmade.PARENT][5] == (handmade.LISTENER, 0)
    assert state.tables[handmade.CLIENT][3] == handmade.CLIENTS


def test_a_moment_can_be_the_one_before() -> None:
    state = handmade.RUN.at("Before the connect")
    assert state.tables[handmade.PARENT][5] == (handmade.LISTENER, 0)
    assert state.tables[handmade.CLIENT][3] == (handmade.OTHER, 0)
    assert handmade.CHILD not in handmade.RUN.at("Before the fork").tables


@pytest.mark.parametrize(
    ("step", "number"),
    [
        ("the close", 3),
        ("the parent's close", 5),
        ("the child's close", 3),
        ("the second close", 5),
        ("the parent's second read", 9),
        ("the client's socket", 18),
        ("client's socket", 18),  # child 1 has no article
        ("the third recvfrom", 26),
        ("the SIGTERM", 11),
    ],
)
def test_a_step_has_a_name(step: str, number: int) -> None:
    assert handmade.RUN.find(step) == number


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "After",
        "After the",
        "Afte the fork",
        "After the for",
        "After the forkk",
        "After th fork",
        "After thefork",
        "Before the fork ",
        "After the fork and",
        "After the fork and fork",
        "After the paren's fork",
        "After the parent' fork",
        "After the nobody's fork",
        "After the third close",
        "After the secnd close",
        "before the fork",
    ],
)
def test_an_unknown_moment_is_refused(moment: str) -> None:
    with pytest.raises(model.RecordingError, match=r"^there is no"):
        handmade.RUN.at(moment)


# The machinery's own tests: the pages do not need them to be built.
CAPTION = "This run, call by call"
LEGEND = (
    "A row is a call, after the number of its line in the program. A process "
    "waits where its line is dotted. An arrow leads to a call from what made "
    "it possible; data came with it if the arrow is solid."
)
FIGURE = """# Page

```{descriptors} made
:name: figure-1

Before the fork
After the parent's close and the child's close
```
"""


def site(folder: Path, page: str, builder: str = "html") -> small_sites.Site:
    """Build a page about the run that is made by hand."""
    texts = {"index.md": page, "recordings/made.json": handmade.RUN.dump()}
    return small_sites.build(
        folder, texts, "ipcdocs.recording", builder=builder
    )


@pytest.mark.slow
def test_a_figure_of_moments(tmp_path: Path) -> None:
    built = site(tmp_path, FIGURE)
    assert not built.warnings
    html = built.read("index.html").replace("\u2019", "'")
    titles = re.findall(r'<p class="recording-title">(.+?)</p>', html)
    assert titles == FIGURE.splitlines()[5:7]
    assert titles == [
        unescape(title)
        for title in re.findall(r'<title id="figure-1-.">(.+)</title>', html)
    ]
    caption = "How parent and child come to share a pipe"
    assert re.search(rf'<span class="caption-text">{caption}</span>', html)
    assert "<summary>The same in words</summary>" in html
    assert "parent: 0 is terminal; 1 is terminal; 2 is terminal;" in html


@pytest.mark.slow
def test_a_figure_of_moments_on_paper(tmp_path: Path) -> None:
    """The caption stands above, and no page ends below it."""
    text = site(tmp_path, FIGURE, "latex").read("site.tex")
    caption = "How parent and child come to share a pipe}"
    before, _, after = text.partition(caption)
    assert "\\par\n" in before[-200:]
    assert after.startswith("\n\n\\nopagebreak\n")
    assert "The same in words" not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            FIGURE.replace("Before the", "Befor the"),
            "there is no moment 'Befor the fork'",
        ),
        (FIGURE.replace("the fork", "the for"), "there is no step 'the for'"),
        (FIGURE.replace("} made", "} mad"), "mad.json: No such file"),
        (FIGURE.replace(":name: figure-1\n", ""), "needs a name"),
        (FIGURE.replace(":name", ":caption: Sharing\n:name"), "caption"),
        (re.sub("After.*\n", "Before the pipe\n", FIGURE), "nobody holds"),
        ("```{run} nosuch\n```\n", "nosuch.json: No such file"),
    ],
)
def test_a_wrong_figure_is_refused(
    tmp_path: Path, wrong: str, message: str
) -> None:
    built = site(tmp_path, wrong)
    assert re.search(rf"index\.md:\d+: .*{message}", built.warnings)


@pytest.mark.slow
def test_a_run_that_was_changed_is_refused(tmp_path: Path) -> None:
    dumped = handmade.RUN.dump()
    texts = {
        "index.md": "```{run} made\n```\n",
        "recordings/made.json": dumped.replace('"line": 41', '"line": 42'),
    }
    built = small_sites.build(tmp_path, texts, "ipcdocs.recording")
    reason = "it was changed after it was recorded: run nox -s record -- made"
    assert f"made.json: {reason}" in built.warnings


@pytest.mark.slow
def test_a_run_on_a_page(tmp_path: Path) -> None:
    built = site(tmp_path, "# Page\n\n```{run} made\n```\n")
    assert not built.warnings
    html = built.read("index.html")
    (run,) = html.split(
        '<div class="recording recording-run docutils container"'
    )[1:]
    assert run.startswith(' id="run-made">')
    assert f"<strong>{CAPTION}</strong>" in run
    (legend,) = re.findall(
        r'<p class="recording-legend">(.+?)</p>', run, re.DOTALL
    )
    assert " ".join(legend.split()) == LEGEND
    assert "<summary>The same in words</summary>" in run
    title = "What parent, child and client did, step by step"
    assert f'<title id="run-made-title">{title}</title>' in run
    assert run.partition("</ol>")[0].count("<li>") == len(handmade.STEPS)
    (data,) = re.findall(r'<script type="application/json">(.+)</script>', run)
    assert len(json.loads(data)["steps"]) == len(handmade.STEPS)
    assert "``" not in data
    assert "stepper.js" in html


INCLUDE = """```{literalinclude} ../ipc_examples/one.py
```

"""


@pytest.mark.slow
def test_the_stepper_finds_the_first_whole_listing(tmp_path: Path) -> None:
    part = INCLUDE.replace("py\n", "py\n:lines: 1\n")
    texts = {
        "index.md": f"# Page\n\n{part}{INCLUDE}Again:\n\n{INCLUDE}",
        "../ipc_examples/one.py": "first = 1\nsecond = 2\n",
    }
    built = small_sites.build(tmp_path, texts, "ipcdocs.recording")
    assert not built.warnings
    html = built.read("index.html")
    assert html.count("listing-one") == 1
    first = html.index("first")
    assert first < html.index("listing-one") < html.index("second")
    assert html.index("second") < html.index("Again:")


@pytest.mark.slow
def test_a_run_on_paper(tmp_path: Path) -> None:
    built = site(tmp_path, "# Page\n\n```{run} made\n```\n", "latex")
    assert not built.warnings
    text = built.read("site.tex")
    assert LOOKS in text
    (run,) = text.split(CAPTION)[1:]
    strips = re.findall(
        r"\n\\nopagebreak\n\\noindent \\begin\{tikzpicture\}", run
    )
    assert len(strips) == 1
    assert "What parent, child and client did" not in run  # but the words
    assert r"\sphinxcode{\sphinxupquote{epoll\_wait(8)}}" in run


def test_the_stepper_is_one_small_script() -> None:
    static = markdown_blocks.DOCS / "_ext" / "ipcdocs" / "recording" / "static"
    script = static / "stepper.js"
    assert len(script.read_bytes()) <= 6400
    text = script.read_text("utf-8")
    assert not any(word in text for word in ("import", "fetch", "http"))


def test_the_stepper_s_data_are_plain() -> None:
    json.dumps(directives.stepper_data(Words(load("pipe"))), allow_nan=False)
