"""Serves the built site on loopback, and opens it in Debian's Chromium."""

from __future__ import annotations

import contextlib
import functools
import gzip
import http.server
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.built_site import FLAGS, SITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, Request, Response


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers to start: these tests never wait."""
    return os.cpu_count() or 1


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves files as hosts do: compressed, on a connection that stays."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        """Answer with a file, or with the site's own page for its lack."""
        file = Path(self.translate_path(self.path))
        found = file.is_file()
        body = gzip.compress(
            (file if found else SITE / "404.html").read_bytes()
        )
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Yield the URL of the site, which ends with a slash."""
    handler = functools.partial(Server, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium."""
    shell = "chromium-headless-shell"  # the same, and quicker
    path = shutil.which(shell) or shutil.which("chromium")
    assert path, f"the browser suite needs Debian's package {shell}"
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """Yield a function that opens a page; it takes Playwright's options.

    A message on the console, a script's error, a request to another host or
    one that fails makes the test fail.
    """
    faults: list[str] = []

    def note(fault: str) -> None:
        faults.append(fault)

    def check(sent: Request, host: str) -> None:
        if not sent.url.startswith((host, "data:")):
            note(f"elsewhere: {sent.url}")

    def check_failure(sent: Request) -> None:
        if sent.failure != "net::ERR_ABORTED":  # the reader has gone on
            note(f"{sent.failure}: {sent.url}")

    def check_answer(answer: Response) -> None:
        if not answer.ok:
            note(f"{answer.status}: {answer.url}")

    with contextlib.ExitStack() as stack:

        def open_it(path: str, *, host: str = site, **options: object) -> Page:
            context = browser.new_context(**options)  # type: ignore[arg-type]
            stack.callback(context.close)
            page = context.new_page()
            page.on("console", lambda message: note(message.text))
            page.on("pageerror", lambda error: note(str(error)))
            page.on("requestfailed", check_failure)
            page.on("request", lambda sent: check(sent, host))
            page.on("response", check_answer)
            page.goto(host + path)
            return page

        yield open_it
    assert faults == []
