"""What readers do with the site: find, copy, take home, step, go on."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipcdocs.transcript import syntax
from tests.browser.built_site import (
    FLAGS,
    HERE,
    PAGES,
    PROGRAMS,
    SITE,
    page_of,
)
from tests.harness import markdown_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    Open = Callable[..., Page]

every_program = pytest.mark.parametrize("name", PROGRAMS)
CLEAR_CLIPBOARD = "navigator.clipboard.writeText('')"
READ_CLIPBOARD = "() => navigator.clipboard.readText()"
# Clicks all buttons, one when the clipboard has the text of the one before.
COPY_ALL = """async () => {
  const texts = [];
  for (const block of document.querySelectorAll(".transcript-typed")) {
    await navigator.clipboard.writeText("");
    block.querySelector("button.copybtn").click();
    let text = "";
    while (!text) text = await navigator.clipboard.readText();
    texts.push(text);
  }
  return texts;
}"""
# Tab goes from the last element to none, or to the first again.
WATCH_FOCUS = """() => {
  window.unseen = [];
  addEventListener("focusin", ({target}) => {
    window.visitedAll ||= target.dataset.visited;
    target.dataset.visited = 1;
    const {outlineStyle} = getComputedStyle(target);
    if (outlineStyle === "none") unseen.push(target.outerHTML.slice(0, 200));
  });
  addEventListener("focusout", ({relatedTarget}) => {
    window.visitedAll ||= !relatedTarget;
  });
}"""
# A disabled button has nothing to do; of radio buttons, one is visited. The
# way back to the top is there only when the page has been scrolled upwards.
NOT_VISITED = """() => [...document.querySelectorAll(
    ":is(a[href], button, input, summary, pre[tabindex])"
  )].filter((element) => element.checkVisibility() && !element.disabled
    && !element.matches("[type=radio], .back-to-top")
    && !element.dataset.visited)
  .map((element) => element.outerHTML.slice(0, 200))"""
COPIES = {"permissions": ["clipboard-read", "clipboard-write"]}


def file_of(program: str) -> Path:
    """Return the file of a program."""
    return HERE.parents[1] / "ipc_examples" / f"{program}.py"


def copy(page: Page, block: Locator) -> str:
    """Click a block's copy button; return what then is in the clipboard.

    Chromium may still be writing when the click is done: an empty clipboard
    is asked again.
    """
    page.evaluate(CLEAR_CLIPBOARD)
    block.hover()
    block.get_by_role("button", name="Copy").click()
    return str(page.wait_for_function(READ_CLIPBOARD).json_value())


@every_program
def test_a_program_is_copied_and_downloaded(
    open_page: Open, name: str
) -> None:
    file = file_of(name)
    page = open_page(page_of(name), **COPIES)
    copied = copy(page, page.locator(f".listing-{name}"))
    assert copied == file.read_text("utf-8").rstrip("\n")
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {name}.py").first.click()
    assert download.value.suggested_filename == file.name
    assert Path(download.value.path()).read_bytes() == file.read_bytes()


def commands_of(page: str) -> list[str]:
    """Return the commands that each copy button of a page is to copy.

    These are expressions that match: a port, say, is another in each build.
    """
    found = []
    for name, block in markdown_blocks.blocks():
        if name == page and block.name == "{transcript}":
            read = syntax.parse(block.text)
            for part in read.blocks:
                typed = [
                    line.text
                    for line in part.lines
                    if line.kind is syntax.Kind.COMMAND
                ]
                texts = read.split("\n".join(typed))
                texts[::2] = map(re.escape, texts[::2])
                texts[1::2] = [read.varying[text] for text in texts[1::2]]
                found += ["".join(texts)] if typed else []
    return found


WITH_TRANSCRIPTS = sorted(
    {
        page
        for page, block in markdown_blocks.blocks()
        if block.name == "{transcript}"
    }
)


@pytest.mark.parametrize("source", WITH_TRANSCRIPTS)
def test_copies_the_commands_of_transcripts(
    open_page: Open, source: str
) -> None:
    page = open_page(source.replace(".md", ".html"), **COPIES)
    commands = commands_of(source)
    first = copy(page, page.locator(".transcript-typed").first)
    copied = page.evaluate(COPY_ALL)
    assert len(copied) == len(commands)
    for text, command in zip(copied, commands, strict=True):
        assert re.fullmatch(command, text)
    assert first == copied[0]


def search(page: Page, words: str) -> list[str]:
    """Search as a reader does; return what was found, the best first."""
    page.get_by_role("searchbox").or_(
        page.locator("input[name=q]")
    ).first.fill(words)
    page.keyboard.press("Enter")
    results = page.locator("#search-results li a")
    results.first.wait_for()
    return [link.get_attribute("href") or "" for link in results.all()]


FOUND = [
    ("recvmsg", "tutorial/09-reads-and-writes.html"),
    ("EADDRINUSE", "reference/symptoms/names.html"),
    ("Errno 98", "reference/symptoms/names.html"),
    ("Address already in use", "reference/symptoms/names.html"),
    ("Figure 8", "tutorial/08-connections.html"),
    ("gethostbyname", "reference/c-to-python.html"),
    ("pass a descriptor", "tutorial/09-reads-and-writes.html"),
    ("SCM_RIGHTS", "tutorial/09-reads-and-writes.html"),
    ("multiple clients", "tutorial/08-connections.html"),
    ("several clients", "tutorial/08-connections.html"),
]


@pytest.mark.parametrize(("words", "first"), FOUND)
def test_search_finds_the_page_first(
    open_page: Open, words: str, first: str
) -> None:
    found = search(open_page("index.html"), words)
    assert found[0].partition("#")[0].partition("?")[0] == first


@pytest.mark.parametrize(
    ("link", "heading"),
    [
        ("pass an open file", "Everything at once: sendmsg and recvmsg"),
        ("get rid of", "Address already in use"),
        ("serve several clients", "Many clients at once"),
    ],
)
def test_leads_from_the_index_to_an_answer(
    open_page: Open, link: str, heading: str
) -> None:
    page = open_page("index.html")
    page.get_by_role("link", name=link).click()
    anchor = page.url.partition("#")[2]
    there = page.locator(f"#{anchor}").locator(
        "xpath=ancestor-or-self::section"
    )
    assert heading in there.last.inner_text()


def test_reads_on_from_chapter_to_chapter(open_page: Open) -> None:
    page = open_page("tutorial/01-goals.html")
    seen = []
    while "tutorial/" in page.url:
        seen.append(page.url.rpartition("/")[2])
        page.get_by_role("link", name=re.compile("^Next ")).click()
    assert seen == [Path(p).name for p in PAGES if p.startswith("tutorial/")]
    page.get_by_role("link", name=re.compile("^Previous ")).click()
    assert page.url.endswith(seen[-1])


@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "search.html",
        "tutorial/03-pipes.html",
        "reference/faults.html",
        page_of("pipe"),
    ],
)
def test_everything_can_be_reached_by_keyboard(
    open_page: Open, path: str
) -> None:
    """Tab visits each link, button and box that scrolls, and shows where."""
    page = open_page(path)
    page.evaluate(WATCH_FOCUS)
    page.evaluate("document.body.focus()")
    while not page.evaluate("window.visitedAll"):
        for _ in range(20):
            page.keyboard.press("Tab")
    assert page.evaluate("unseen") == [], "do not show that they are in focus"
    assert page.evaluate(NOT_VISITED) == []


def test_stepper_obeys_the_keyboard(open_page: Open) -> None:
    page = open_page("tutorial/03-pipes.html", reduced_motion="reduce")
    run = page.locator(".recording-run").first
    run.scroll_into_view_if_needed()  # what is far below is not laid out
    slider = run.get_by_role("slider")
    slider.focus()
    last = int(slider.get_attribute("max") or 0)
    for key, step in (("ArrowRight", 1), ("End", last), ("Home", 0)):
        page.keyboard.press(key)
        assert int(slider.input_value()) == step


def test_stepper_shows_the_line_that_made_a_step(open_page: Open) -> None:
    page = open_page("tutorial/03-pipes.html", reduced_motion="reduce")
    run = page.locator(".recording-run").first
    run.scroll_into_view_if_needed()
    run.get_by_role("button", name="Next").dblclick()
    shown = run.locator(".stepper-text").inner_text()
    assert "line 40: pipe()" in shown
    assert shown.endswith("reader, writer = os.pipe()")


def test_site_can_be_read_from_a_disk(open_page: Open) -> None:
    """The zipped site, unpacked: pages, styles, scripts and search."""
    page = open_page("index.html", host=f"{SITE.as_uri()}/")
    page.get_by_role("link", name="3. Pipes").first.click()
    assert page.locator("h1").inner_text().startswith("3. Pipes")
    found = search(page, "gethostbyname")
    assert "c-to-python.html" in found[0]


def test_unknown_address_gets_a_page_with_a_way_back(
    open_page: Open, site: str
) -> None:
    page = open_page("404.html")
    page.get_by_role("link", name="UNIX IPC in Python").first.click()
    assert page.url == f"{site}index.html"


LARGEST = max(
    SITE.glob("tutorial/*.html"), key=lambda file: file.stat().st_size
)
CATEGORIES = ["best-practices", "seo"]  # axe asks more of each page
# Performance is a measure of time, which a busy machine spoils; what does not
# change with it is that nothing jumps. See also the budget of each page.
AUDITS = ["cumulative-layout-shift"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "path", ["index.html", LARGEST.relative_to(SITE).as_posix()]
)
def test_lighthouse_finds_no_fault(
    site: str, chromium: str, path: str
) -> None:
    command = [
        "node",
        str(HERE / "node_modules" / "lighthouse" / "cli" / "index.js"),
        site + path,
        "--quiet",
        "--output=json",
        f"--chrome-flags=--headless {' '.join(FLAGS)}",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--only-audits={','.join(AUDITS)}",
    ]
    done = subprocess.run(
        command,
        env=os.environ | {"CHROME_PATH": chromium},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    scores = {
        name: report["categories"][name]["score"] for name in CATEGORIES
    } | {name: report["audits"][name]["score"] for name in AUDITS}
    worse = [
        (audit["id"], audit.get("displayValue"))
        for audit in report["audits"].values()
        if audit["score"] is not None and audit["score"] < 1
    ]
    assert set(scores.values()) == {1}, (scores, worse)
