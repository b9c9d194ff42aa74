"""Each page, by itself: fast, readable, valid, and of one piece."""

from __future__ import annotations

import functools
import re
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urljoin

import lxml.html
import pytest

from tests.browser.built_site import HERE, PAGES, PROGRAMS, SITE, page_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.html import HtmlElement
    from playwright.sync_api import Page, ViewportSize

NO_CONTENT = {"404.html", "genindex.html", "py-modindex.html", "search.html"}
ALL_PROGRAMS = "reference/api/ipc_examples/ipc_examples.html"
FIGURES = re.findall(r"\d+[abc]?", "1 2 3 4 5a 5b 6a 6b 7a 7b 7c 8 9a 9b 10")
every_page = pytest.mark.parametrize("path", PAGES)
SOURCES = [path for path in PAGES if path.startswith("tests/")]
# Pages that are made alike: of each kind, the longest stands for all.
OF_PROGRAMS = [path for path in PAGES if path in {*map(page_of, PROGRAMS)}]
LONGEST = {
    max(kind, key=lambda path: len((SITE / path).read_bytes()), default="")
    for kind in (SOURCES, OF_PROGRAMS)
}
ALIKE = {*SOURCES, *OF_PROGRAMS} - LONGEST
every_kind_of_page = pytest.mark.parametrize("path", sorted({*PAGES} - ALIKE))
BUDGET = 70_000  # bytes, compressed; the search loads every word of the site
BUDGETS = {"search.html": 120_000}
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
VNU = HERE / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
RULES = [
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"),
    "best-practice",
]
WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 900}
OF_THEME_AND_WIDTH = [
    *("color-contrast", "target-size", "scrollable-region-focusable"),
]
RUN_AXE = """async (runOnly) => (await axe.run({runOnly}))
.violations.flatMap(({id, nodes}) => nodes.map(
    node => `${id}: ${node.html.slice(0, 200)}`
))"""
# A listing has thousands of words, and some twenty colours: one word of each
# colour is enough, and axe is done in a fifth of the time.
ONE_WORD_OF_EACH_COLOUR = """() => {
  const seen = new Set();
  const classes = (element) => element.matches("article")
    ? "" : `${classes(element.parentElement)} ${element.className}`;
  for (const word of document.querySelectorAll("article pre span[class]")) {
    const colour = classes(word);
    if (seen.has(colour)) word.replaceWith(...word.childNodes);
    seen.add(colour);
  }
}"""
# What reaches beyond the screen and is not inside something that scrolls. What
# is folded has no layout, or that of before: it is unfolded for the question.
TOO_WIDE = """() => {
  const article = document.querySelector("article");
  const scrolls = (element) => element !== article && (
    ["auto", "scroll", "hidden"].includes(getComputedStyle(element).overflowX)
    || scrolls(element.parentElement)
  );
  const reachesBeyond = (element) => {
    const {right, width} = element.getBoundingClientRect();
    return width && right > innerWidth + 1 && !scrolls(element.parentElement);
  };
  const folded = article.querySelectorAll("details:not([open])");
  folded.forEach((details) => { details.open = true; });
  const {scrollWidth} = document.documentElement;
  const wide = scrollWidth > innerWidth ? [`the page: ${scrollWidth}`]
    : [...article.querySelectorAll("*")].filter(reachesBeyond)
      .map((element) => element.outerHTML.slice(0, 100));
  folded.forEach((details) => { details.open = false; });
  return wide;
}"""
# What should be read, and is not shown; a reader can unfold details.
HIDDEN = """() => [...document.querySelectorAll(
    "article :is(h1, h2, h3, h4, p, pre, li, td, svg)"
  )].filter((element) => !element.checkVisibility()
    && !element.closest("details:not([open])"))
  .map((element) => element.outerHTML.slice(0, 100))"""
SIDEWAYS = """() => [...document.querySelectorAll("article pre")]
  .filter((pre) => pre.scrollWidth > pre.clientWidth)
  .map((pre) => pre.textContent.slice(0, 200))"""


# How much came for the page, and for each thing that it asked for, compressed.
LOADED = """() => Object.fromEntries(["navigation", "resource"]
  .flatMap((type) => performance.getEntriesByType(type))
  .map(({name, encodedBodySize}) => [name, encodedBodySize]))"""
FOOTER = "//*[@id=$id]/following::*[contains(@class, 'listing-footer')]"


@functools.cache
def parsed(path: str) -> HtmlElement:
    """Return a page as a tree."""
    return lxml.html.fromstring((SITE / path).read_bytes())


@functools.cache
def anchors(path: str) -> set[str]:
    """Return all that a link to a page can lead to."""
    return {str(name) for name in parsed(path).xpath("//@id")}


@every_kind_of_page
def test_a_page_is_accessible(
    open_page: Callable[..., Page], path: str
) -> None:
    page = open_page(path, viewport=WIDE, reduced_motion="reduce")
    page.evaluate(ONE_WORD_OF_EACH_COLOUR)
    page.add_script_tag(path=AXE)
    assert page.evaluate(RUN_AXE, RULES) == []
    page.emulate_media(color_scheme="dark")
    if path == "index.html":  # what is beside each page is the same on all
        assert page.evaluate(RUN_AXE, RULES) == []
    page.set_viewport_size(NARROW)
    rules = RULES if path == "index.html" else OF_THEME_AND_WIDTH
    assert page.evaluate(RUN_AXE, rules) == []


@every_page
def test_links_of_a_page_lead_somewhere(path: str) -> None:
    broken = []
    base = f"http://site/{path}"
    for element in parsed(path).iter("a", "link", "script", "img"):
        link = element.get("href") or element.get("src") or ""
        target, anchor = urldefrag(urljoin(base, link))
        if target.startswith("http://site/"):
            name = unquote(target.removeprefix("http://site/").split("?")[0])
            name = name or "index.html"
            there = (SITE / name).is_file()
            if not there or (
                anchor
                and name.endswith(".html")
                and anchor not in anchors(name)
            ):
                broken.append(link)
    assert broken == []


@every_page
def test_a_page_has_a_description_and_one_heading(path: str) -> None:
    if path in NO_CONTENT:
        return
    page = parsed(path)
    (description,) = page.xpath("//meta[@name='description']/@content")
    og_description = page.xpath("//meta[@property='og:description']/@content")
    assert description
    assert og_description == [description]
    assert len(page.xpath("//h1")) == 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_says_where_it_is_and_who_ran_it(name: str) -> None:
    """Wherever the whole program stands, and once at least in a chapter."""
    where = [path for path in PAGES if f"{name}-py" in anchors(path)]
    assert page_of(name) in where
    assert any(path.startswith(("tutorial/", "advanced/")) for path in where)
    for path in where:
        line = parsed(path).xpath(FOOTER, id=f"{name}-py")[0]
        assert re.search(r"\d+ tests?\b.* passed\b", line.text_content())
        links = {a.text_content(): a.get("href") for a in line.iter("a")}
        targets = {
            f"Download {name}.py": f"/{name}.py",
            "Its test": f"#test-of-{name.replace('_', '-')}",
        }
        if path != page_of(name):
            targets["Its page"] = f"#module-ipc_examples.{name}"
        assert links.keys() == targets.keys()
        for text, end in targets.items():
            assert str(links[text]).endswith(end)


def test_all_programs_have_a_line() -> None:
    rows = parsed(ALL_PROGRAMS).xpath("//article//tr")
    assert [row[0].text_content().strip() for row in rows] == PROGRAMS
    for name, row in zip(PROGRAMS, rows, strict=True):
        links = row.xpath(".//a/@href")
        assert [each for each in links if f"ipc_examples.{name}.html" in each]
        assert row.text_content().strip().endswith(".")


def test_figures_are_listed_as_in_the_original() -> None:
    links = parsed("reference/figures.html").xpath("//article//li//a")
    texts = [link.text_content().partition(". ")[0] for link in links]
    targets = [link.get("href").partition("#")[2] for link in links]
    assert [text.split()[1] for text in texts] == FIGURES
    assert targets == [f"figure-{number}" for number in FIGURES]


def test_programs_that_read_find_each_page() -> None:
    text = (SITE / "llms.txt").read_text("utf-8")
    links = re.findall(r"\]\((.+)\): \w", text)
    assert [link for link in links if not (SITE / link).is_file()] == []
    listed = {
        re.sub(r"^_sources/(.*)\.md\.txt$", r"\1.html", link) for link in links
    }
    assert listed == {*PAGES} - NO_CONTENT - {*SOURCES}


@every_kind_of_page
def test_a_page_can_be_read_without_scripts(
    open_page: Callable[..., Page], path: str
) -> None:
    page = open_page(path, java_script_enabled=False)
    assert page.evaluate(HIDDEN) == []


@every_page
def test_a_page_loads_little_and_fits_the_screen(
    open_page: Callable[..., Page], path: str
) -> None:
    """A poor connection is enough, and a narrow screen."""
    page = open_page(path, viewport=WIDE, reduced_motion="reduce")
    sizes = page.evaluate(LOADED)
    assert sum(sizes.values()) <= BUDGETS.get(path, BUDGET), sizes
    assert len(sizes) <= 12
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(SIDEWAYS) == []
    page.set_viewport_size(NARROW)
    assert page.evaluate(TOO_WIDE) == []


@pytest.mark.timeout(240)
def test_pages_are_valid_html() -> None:
    command = ["java", "-jar", str(VNU), "--skip-non-html", "--errors-only"]
    files = [str(SITE / path) for path in PAGES]
    checked = subprocess.run(
        [*command, *files], capture_output=True, text=True, check=False
    )
    assert checked.stderr == ""
