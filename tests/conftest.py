"""What every test of a program needs."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

# Before it is imported, so that its assertions explain themselves.
pytest.register_assert_rewrite("tests.harness")

from tests.harness.fork_server import stop_server, use_server  # noqa: E402
from tests.harness.keep_results import KeepResults, add_option  # noqa: E402
from tests.harness.process_states import STORIES  # noqa: E402
from tests.harness.results_plugin import Results  # noqa: E402
from tests.harness.running import Status, in_words  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

BLOCKED = pytest.StashKey[set[int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # started below, with all blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    use_server()
    set_hypothesis_home_dir(config.cache.mkdir("hypothesis"))
    config.pluginmanager.register(Results())
    config.pluginmanager.register(KeepResults())


def pytest_unconfigure() -> None:
    stop_server()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[
    None, list[pytest.Collector], list[pytest.Collector]
]:
    """Look for no doctests in the tests: that took a quarter of collection."""
    found = yield
    return [each for each in found if "Doctest" not in type(each).__name__]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage meanwhile: whatever is made stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart() -> Generator[None]:
    """Let xdist start its workers with all signals blocked.

    A worker's own thread then never takes a signal of the process, such as
    the SIGCHLD that a program in the main thread is about to wait for.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers to start: most tests wait mostly."""
    return 3 * (os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def control_c_is_not_ignored() -> None:
    """A script starts so what is to run in the background; we hand it on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_colours() -> Iterator[None]:
    """Let argparse print plain text: Python 3.14 can be asked for colours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FORCE_COLOR", raising=False)
        patch.setenv("NO_COLOR", "1")
        yield


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a test of a fault run in a directory that it has to leave empty."""
    if isinstance(item, pytest.Function) and item.get_closest_marker("fault"):
        item.fixturenames.insert(0, "empty_directory")


# Hooks, and no fixtures for all: they take less than half the time.
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    STORIES.clear()
    item.stash[BLOCKED] = {*signal.pthread_sigmask(signal.SIG_BLOCK, ())}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Block no signal longer: what is started later could not be ended."""
    blocked = item.stash[BLOCKED]
    try:
        yield
    finally:
        left = signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert left == blocked, "the test left signals blocked"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """Add to a failure's report what the test's programs did."""
    report = yield
    if report.failed:
        text = "\n".join("\n    ".join(story) for story in STORIES)
        if text:
            report.sections.append(("What this test's programs did", text))
    return report


def pytest_assertrepr_compare(
    op: str, left: object, right: object
) -> list[str] | None:
    """Return in words how a program ended, and how it should have."""
    came = left if isinstance(left, tuple) else (left,)
    if op != "==" or not any(isinstance(part, Status) for part in came):
        return None
    expected = right if isinstance(right, tuple) else (right,)
    return [
        "a program ended otherwise than it should",
        *f"came:     {in_words(came)}".splitlines(),
        *f"expected: {in_words(expected)}".splitlines(),
    ]


@pytest.fixture
def empty_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Change to an empty directory; at the end it must be empty again.

    It is the place for temporary files as well.
    """
    with tempfile.TemporaryDirectory(prefix="ipc-") as directory:
        monkeypatch.chdir(directory)
        monkeypatch.setenv("TMPDIR", directory)
        monkeypatch.setattr(tempfile, "tempdir", None)  # it asks TMPDIR anew
        yield
        left = os.listdir(directory)
        monkeypatch.undo()
        if left:
            pytest.fail(f"left behind: {', '.join(left)}", pytrace=False)
