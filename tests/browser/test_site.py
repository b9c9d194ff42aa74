"""What readers do with the site: find, copy, take home, step, go on."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from built import FLAGS, HERE, PAGES, SITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Open = Callable[..., Page]

PROGRAMS = {
    file.stem: file for file in HERE.parents[1].glob("ipc_examples/[!_]*.py")
}
every_program = functools.partial(
    pytest.mark.parametrize, ("name", "file"), PROGRAMS.items()
)
READ_CLIPBOARD = "navigator.clipboard.readText()"
# A disabled button has nothing to do; of radio buttons, one is visited.
NOT_VISITED = """() => [...document.querySelectorAll(
    "article :is(a[href], button, input, summary, pre[tabindex])"
  )].filter((element) => element.checkVisibility() && !element.disabled
    && element.type !== "radio" && !element.dataset.visited)
  .map((element) => element.outerHTML.slice(0, 200))"""
COPIES = {"permissions": ["clipboard-read", "clipboard-write"]}


def page_of(program: str) -> str:
    """Return the page of a program."""
    return f"reference/api/ipc_examples/ipc_examples.{program}.html"


@every_program()
def test_copies_a_program(open_page: Open, name: str, file: Path) -> None:
    page = open_page(page_of(name), **COPIES)
    listing = page.locator(f".listing-{name}")
    listing.hover()
    listing.get_by_role("button", name="Copy").click()
    copied = page.evaluate(READ_CLIPBOARD)
    assert copied.strip("\n") == file.read_text("utf-8").strip("\n")


def test_copies_the_commands_of_a_transcript(open_page: Open) -> None:
    page = open_page("index.html", **COPIES)
    blocks = page.locator(".transcript-block")
    for number, command in (
        (0, "python -m ipc_examples.inet_stream_accept"),
        (1, r"python -m ipc_examples.inet_stream_connect localhost \d+"),
    ):
        block = blocks.nth(number)
        block.hover()
        block.get_by_role("button", name="Copy").click()
        assert re.fullmatch(command, page.evaluate(READ_CLIPBOARD).strip())


@every_program()
def test_downloads_a_program(open_page: Open, name: str, file: Path) -> None:
    page = open_page(page_of(name))
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {name}.py").first.click()
    assert download.value.suggested_filename == file.name
    assert Path(download.value.path()).read_bytes() == file.read_bytes()


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
    ("EADDRINUSE", "reference/symptoms.html"),
    ("Address already in use", "reference/symptoms.html"),
    ("Figure 8", "tutorial/08-connections.html"),
    ("gethostbyname", "reference/c-to-python.html"),
    ("pass a descriptor", "tutorial/09-reads-and-writes.html"),
    ("several clients", "tutorial/08-connections.html"),
]


@pytest.mark.parametrize(("words", "first"), FOUND)
def test_search_finds(open_page: Open, words: str, first: str) -> None:
    found = search(open_page("index.html"), words)
    assert found[0].partition("#")[0].partition("?")[0] == first


def test_reads_on_from_chapter_to_chapter(open_page: Open) -> None:
    page = open_page("tutorial/01-goals.html")
    seen = []
    while "tutorial/" in page.url:
        seen.append(page.url.rpartition("/")[2])
        page.get_by_role("link", name=re.compile("^Next ")).click()
    assert seen == [Path(p).name for p in PAGES if p.startswith("tutorial/")]
    page.get_by_role("link", name=re.compile("^Previous ")).click()
    assert page.url.endswith(seen[-1])


def test_everything_can_be_reached_by_keyboard(open_page: Open) -> None:
    """Tab visits each link, button and box that scrolls, and shows where."""
    page = open_page("tutorial/03-pipes.html")
    page.evaluate("document.body.focus()")
    while True:
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        page.evaluate("document.activeElement.dataset.visited = 1")
        style = "getComputedStyle(document.activeElement)"
        assert page.evaluate(f"{style}.outlineStyle") != "none", page.evaluate(
            "document.activeElement.outerHTML"
        )
    assert page.evaluate(NOT_VISITED) == []


def test_steps_by_keyboard(open_page: Open) -> None:
    page = open_page("tutorial/03-pipes.html", reduced_motion="reduce")
    run = page.locator(".run").first
    run.scroll_into_view_if_needed()  # what is far below is not laid out
    slider = run.get_by_role("slider")
    slider.focus()
    last = int(slider.get_attribute("max") or 0)
    for key, step in (("ArrowRight", 1), ("End", last), ("Home", 0)):
        page.keyboard.press(key)
        assert int(slider.input_value()) == step


def test_reads_from_disk(open_page: Open) -> None:
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
SCORES = {
    "performance": 0.99,
    "accessibility": 1,
    "best-practices": 1,
    "seo": 1,
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "path", ["index.html", LARGEST.relative_to(SITE).as_posix()]
)
def test_lighthouse(site: str, chromium: str, path: str) -> None:
    command = [
        "node",
        str(HERE / "node_modules" / "lighthouse" / "cli" / "index.js"),
        site + path,
        "--quiet",
        "--output=json",
        f"--chrome-flags=--headless {' '.join(FLAGS)}",
        f"--only-categories={','.join(SCORES)}",
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
        name: category["score"]
        for name, category in report["categories"].items()
    }
    worse = [
        (audit["id"], audit.get("displayValue"))
        for audit in report["audits"].values()
        if audit["score"] is not None and audit["score"] < 1
    ]
    for name, least in SCORES.items():
        assert scores[name] >= least, worse
