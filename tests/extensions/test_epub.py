"""An EPUB has what readers of books know, and declares its drawings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from tests.harness import handmade, small_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PAGES = {
    "index.md": "# Page\n\nText.\n\n```{toctree}\ndrawn\n```\n",
    "drawn.md": "# Drawn\n\n```{run} made\n```\n",
    "recordings/made.json": handmade.RUN.dump(),
    "own/own.css": "body {}\n",
    "own/own.js": "1;\n",
    "site/page.html": "A template of the site",
}
SHEETS = [
    *("pygments.css", "epub.css", "recording.css", "transcript.css"),
    "own.css",
]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """Yield a book of two pages, of which one has a drawing."""
    site = small_sites.build(
        tmp_path_factory.mktemp("book"),
        PAGES,
        "ipcdocs.output.epub",
        "ipcdocs.recording",
        "ipcdocs.transcript",
        "sphinx_codeautolink",
        "sphinx_copybutton",
        builder="epub",
        copyright="Nobody",
        epub_show_urls="no",
        html_css_files=["own.css"],
        html_js_files=["own.js"],
        html_static_path=["own"],
        templates_path=["site"],
        version="1",
    )
    assert not site.warnings
    with ZipFile(site.out / "site.epub") as file:
        yield file


def pages(book: ZipFile) -> dict[str, str]:
    """Return the pages of a book, by their names."""
    return {
        name: book.read(name).decode()
        for name in book.namelist()
        if name.endswith(".xhtml")
    }


def test_no_page_runs_anything(book: ZipFile) -> None:
    assert not [name for name in book.namelist() if name.endswith(".js")]
    for page in pages(book).values():
        assert "<script" not in page


def test_style_sheets_are_those_for_books(book: ZipFile) -> None:
    for name in "index.xhtml", "drawn.xhtml":
        page = book.read(name).decode()
        assert re.findall(r'href="_static/(.+?\.css)"', page) == SHEETS
    held = {
        name.removeprefix("_static/")
        for name in book.namelist()
        if name.endswith(".css")
    }
    assert held == {*SHEETS, "basic.css"}


def test_the_manifest_tells_which_pages_have_drawings(book: ZipFile) -> None:
    items = re.findall(
        r'<item .*?href="(\S+)"(?: properties="(\w+)")?',
        book.read("content.opf").decode(),
    )
    assert [name for name, what in items if what == "svg"] == ["drawn.xhtml"]
    assert {name for name, _ in items} >= {*pages(book)}
    with_drawing = [n for n, page in pages(book).items() if "<svg" in page]
    assert with_drawing == ["drawn.xhtml"]


def test_the_site_s_templates_are_not_for_books(book: ZipFile) -> None:
    page = book.read("index.xhtml").decode()
    assert "<h1>Page</h1>" in page
    assert "A template of the site" not in page
