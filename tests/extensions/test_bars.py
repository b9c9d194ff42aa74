"""Bars are drawn of what a transcript shows."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from ipcdocs.recording.canvas import CHARACTER, SMALLEST
from ipcdocs.transcript import bars
from ipcdocs.transcript.syntax import result_name
from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
TRANSCRIPT = r"""
:varying: 200=\d+ 50=\d+

$ measure
          requests
fork            50
one  loop      200
"""
PAGE = f"""# Page

```{{transcript}}{TRANSCRIPT}```

```{{bars}} Requests a second
:name: rates

What *each* answered.
```
"""
EXTENSIONS = ("ipcdocs.recording", "ipcdocs.transcript")
ROWS = [("fork", "50"), ("one  loop", "200")]


def build(
    tmp_path: Path, page: str = PAGE, builder: str = "html"
) -> small_sites.Site:
    return small_sites.build(
        tmp_path, {"index.md": page}, *EXTENSIONS, builder=builder
    )


def lengths(html: str) -> list[float]:
    """Return the lengths of the bars, in pixels."""
    found = re.findall(r'class="diagram-bar" d="M\S+ \S+l(\S+) 0', html)
    return [float(length) for length in found]


def test_a_line_with_a_text_and_a_number_is_a_bar() -> None:
    text = """\
$ measure 7
        requests a second
fork            50
one  loop      200
half           0.5
 not   3
alone 3
7
"""
    assert bars.rows_in(text) == [*ROWS, ("half", "0.5")]


def test_bars_are_as_long_as_their_numbers_say() -> None:
    drawing = bars.drawing("a second", ROWS)
    boxes = [s.points for s in drawing.shapes if s.kind == "bar"]
    widths = [points[1][0] - points[0][0] for points in boxes]
    assert widths == pytest.approx([bars.LONGEST / 4, bars.LONGEST])
    # They begin behind the longest label, and the last number has room.
    left = len("one  loop") * CHARACTER + bars.GAP
    assert {points[0][0] for points in boxes} == {left}
    assert drawing.width >= left + bars.LONGEST + 3 * CHARACTER


def test_five_figures_can_be_read_on_a_telephone() -> None:
    """Its screen of 390 pixels has 358 for what a page shows."""
    rows = [("one after another", "16436")]
    assert bars.drawing("a second", rows).width * SMALLEST <= 358


def test_a_number_of_nothing_has_a_bar_that_can_be_seen() -> None:
    drawing = bars.drawing("a second", [("none", "0")])
    (box,) = (s.points for s in drawing.shapes if s.kind == "bar")
    assert box[1][0] - box[0][0] == 1


def test_the_page_has_a_drawing_that_can_be_read_aloud(tmp_path: Path) -> None:
    site = build(tmp_path)
    assert not site.warnings
    html = site.read("index.html")
    assert '<figure class="recording' in html
    assert 'id="rates"' in html
    title = "Requests a second: fork 50, one  loop 200"
    assert f'<title id="bars-1">{title}</title>' in html
    assert "What <em>each</em> answered." in html
    assert lengths(html) == [bars.LONGEST / 4, bars.LONGEST]
    assert ".diagram-bar" in site.read("_static/recording.css")


def test_what_was_measured_last_is_drawn(tmp_path: Path) -> None:
    results = tmp_path / "docs" / "_build" / "transcripts"
    results.mkdir(parents=True)
    name = result_name(TRANSCRIPT.strip("\n"))
    values = json.dumps({"50": "300", "200": "100"})
    (results / name).write_text(values, "utf-8")
    html = build(tmp_path).read("index.html")
    assert "fork 300, one  loop 100" in html
    assert lengths(html)[0] == bars.LONGEST


def test_paper_has_the_drawing_too(tmp_path: Path) -> None:
    site = build(tmp_path, builder="latex")
    (file,) = site.out.glob("*.tex")
    tex = file.read_text("utf-8")
    assert tex.count(r"\path[bar]") == 2
    assert "bar/.style" in tex


def test_text_has_the_numbers_and_the_caption(tmp_path: Path) -> None:
    site = build(tmp_path, builder="text")
    assert not site.warnings
    text = site.read("index.txt")
    assert "one  loop      200" in text
    assert "What *each* answered." in text


def test_the_drawing_is_of_the_transcript_before_it(tmp_path: Path) -> None:
    other = TRANSCRIPT.replace("fork ", "other")
    page = f"{PAGE}\n```{{transcript}}{other}```\n"
    html = build(tmp_path, page).read("index.html")
    assert lengths(html) == [bars.LONGEST / 4, bars.LONGEST]
    assert "second: fork 50" in html


@pytest.mark.parametrize(
    "before", ["", "```{transcript}\n$ true\nnothing was measured\n```\n"]
)
def test_bars_of_nothing_are_complained_of(
    tmp_path: Path, before: str
) -> None:
    page = f"# Page\n\n{before}\n```{{bars}} Requests a second\n```\n"
    site = build(tmp_path, page)
    assert "no numbers in a transcript before" in site.warnings
    assert "<svg" not in site.read("index.html")
