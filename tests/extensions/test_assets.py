"""A page of the site loads one style sheet and one script, both small."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
FILES = {
    "index.md": "# Page\n",
    "static/one.css": "/* one */\n.one {\n  color: red;\n}\n",
    "static/two.css": ".two { color: blue; }\n",
    "static/one.js": "// one\nvar one = 1;\n",
    "static/two.js": "var two = 2",
}


def build(
    folder: Path, builder: str = "html", **files: str
) -> small_sites.Site:
    return small_sites.build(
        folder,
        FILES | files,
        "ipcdocs.output.assets",
        builder=builder,
        html_static_path=["static"],
        html_css_files=[("two.css", {"priority": 300}), "one.css"],
        html_js_files=["one.js", "two.js"],
    )


def loaded(html: str) -> list[str]:
    """Return the files that a page loads."""
    sheets = re.findall(r'<link rel="stylesheet"[^>]* href="([^"?]+)', html)
    return sheets + re.findall(r'<script[^>]* src="([^"?]+)', html)


def test_the_site_loads_little(tmp_path: Path) -> None:
    site = build(tmp_path)
    assert not site.warnings
    html = site.read("index.html")
    assert loaded(html) == ["_static/all.css", "_static/all.js"]
    sheet, script = site.read("_static/all.css"), site.read("_static/all.js")
    assert ".one{color:red}" in sheet
    assert sheet.index(".two{") < sheet.index(".one{")
    assert "/*" not in sheet
    assert "// one" not in script
    assert re.search(r"var one=1;\s*;\s*var two=2", script)
    assert site.read("_static/one.js").strip() == "var one=1;"


def test_a_page_asks_anew_for_what_has_changed(tmp_path: Path) -> None:
    first, same, other = (
        re.findall(
            r"all\.(\w+)\?v=(\w{8})",
            build(tmp_path / folder, **{"static/one.css": text}).read(
                "index.html"
            ),
        )
        for folder, text in [
            ("first", ".one {}"),
            ("same", ".one {}"),
            ("other", ".other {}"),
        ]
    )
    assert first == same
    (sheet, script), (other_sheet, other_script) = first, other
    assert sheet != other_sheet
    assert script == other_script


def test_other_builders_load_many(tmp_path: Path) -> None:
    site = build(tmp_path, "dirhtml")
    assert "_static/one.css" in loaded(site.read("index.html"))
    assert not (site.out / "_static" / "all.css").exists()
