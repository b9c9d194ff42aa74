"""Pages load the style sheets and scripts of the sub-packages they use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.harness import markdown_blocks, small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
EXTENSION = """
from ipcdocs.static_files import add_static_files

def setup(app):
    add_static_files(app, __file__, "b.css", "a.js", "a.css")
"""
FILES = {
    "index.md": "# Page\n",
    "own/own.css": "",
    "extension/static/a.css": "/* a */",
    "extension/static/b.css": "/* b */",
    "extension/static/a.js": "// a",
}


def files_of(html: str) -> list[str]:
    """Return the files of sub-packages that a page loads, in their order."""
    return re.findall(r'(?:href|src)="_static/(\w\.\w+)', html)


def test_each_page_loads_them_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "docs" / "extension"
    folder.mkdir(parents=True)
    (folder / "with_static_files.py").write_text(EXTENSION)
    monkeypatch.syspath_prepend(folder)
    site = small_sites.build(
        tmp_path, FILES, "with_static_files", html_static_path=["own"]
    )
    assert not site.warnings
    assert files_of(site.read("index.html")) == ["b.css", "a.css", "a.js"]
    for name in "a.css", "b.css", "a.js":
        text = FILES[f"extension/static/{name}"]
        assert site.read(f"_static/{name}") == text
    assert (site.out / "_static" / "own.css").exists()


@pytest.mark.parametrize(
    ("package", "names"),
    [
        ("recording", ["recording.css", "stepper.css", "stepper.js"]),
        ("transcript", ["transcript.css", "transcript-side-by-side.css"]),
        pytest.param(
            *("verification", ["verification.css"]),
            marks=pytest.mark.filterwarnings("ignore:.*FillFaultMatrix.app"),
        ),
    ],
)
def test_a_sub_package_has_its_files(
    tmp_path: Path, package: str, names: list[str]
) -> None:
    site = small_sites.build(
        tmp_path, {"index.md": "# Page\n"}, f"ipcdocs.{package}"
    )
    assert not site.warnings
    html = site.read("index.html")
    for name in names:
        assert f'"_static/{name}?v=' in html
        assert (site.out / "_static" / name).exists()


def test_a_build_leaves_the_next_one_no_files(tmp_path: Path) -> None:
    """Sphinx's default for the folders is one list for all builds."""
    page = {"index.md": "# Page\n"}
    small_sites.build(tmp_path / "one", page, "ipcdocs.recording")
    other = small_sites.build(tmp_path / "other", page)
    assert not (other.out / "_static" / "recording.css").exists()


EXTENSIONS = markdown_blocks.DOCS / "_ext" / "ipcdocs"
SHEETS = sorted(EXTENSIONS.rglob("*.css"))
OTHERS = {"container", "copybtn", "table-wrapper"}  # not ours


@pytest.mark.parametrize("sheet", SHEETS, ids=[s.name for s in SHEETS])
def test_something_makes_what_a_sheet_styles(sheet: Path) -> None:
    """By the name of its class, or by the beginning: ``f"diagram-{kind}"``."""
    sources = "".join(
        file.read_text("utf-8")
        for pattern in ("*.py", "static/*.js")
        for file in sheet.parents[1].glob(pattern)
    )
    beginnings = tuple(re.findall(r"\b([a-z]+(?:-[a-z]+)*-)\$?\{", sources))
    rules = re.sub(r"/\*.*?\*/|url\(.*?\)", "", sheet.read_text("utf-8"))
    styled = {*re.findall(r"\.([a-z][\w-]*)", rules)} - OTHERS
    made = {*re.findall(r"[a-z][\w-]*", sources)}
    assert [n for n in styled - made if not n.startswith(beginnings)] == []
