"""A build is red if a test or an example fails, and green if none does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ipcdocs.verification import processes
from tests.harness import markdown_blocks, small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
RIGHT = """# Page

```{doctest}
>>> 1 + 1
2
```
"""
WRONG = RIGHT.replace("\n2", "\n3")


class Built(NamedTuple):
    """How a build ended."""

    broken_off: str
    warnings: str
    written: list[str]


def build(folder: Path, page: str, status: int) -> Built:
    """Build a site whose tests end with a status."""
    (folder / "tests_stub.py").write_text(f"raise SystemExit({status})")
    broken_off, site = "", None
    try:
        site = small_sites.build(
            folder,
            {"index.md": page},
            "ipcdocs.verification.run_examples",
            execute=True,
            tests_command=["tests_stub"],
        )
    except SystemExit as reason:
        broken_off = str(reason)
    return Built(
        broken_off,
        site.warnings if site else "",
        [file.name for file in (folder / "html").glob("*.html")],
    )


@pytest.mark.parametrize(
    ("page", "status"), [(RIGHT, 1), (WRONG, 0), (WRONG, 1)]
)
def test_one_failure_is_enough_to_write_nothing(
    tmp_path: Path, page: str, status: int
) -> None:
    built = build(tmp_path, page, status)
    assert built == ("An example failed, so nothing was written.", "", [])


def test_the_site_is_written_if_all_is_right(tmp_path: Path) -> None:
    broken_off, warnings, written = build(tmp_path, RIGHT, 0)
    assert (broken_off, warnings) == ("", "")
    assert "index.html" in written


# The build reads the first page when the tests run, and breaks off. The tests
# end only after that: they wait until the build begins its end.
BREAKS_OFF = """
import atexit, os
extensions = ["myst_parser", "ipcdocs.verification.run_examples"]
tests_command = ["tests_stub"]

@atexit.register
def last():
    print("The tests have ended:", os.path.exists("ended"))

def break_off(*_):
    atexit.register(lambda: open("broken off", "w").close())
    raise ValueError("broken off")

def setup(app):
    app.connect("source-read", break_off)
"""
TESTS_STUB = """
open("broken off").close()
open("ended", "w").close()
"""


def test_a_build_that_breaks_off_waits_for_its_tests(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_text(BREAKS_OFF)
    (source / "index.md").write_text(RIGHT)
    (tmp_path / "tests_stub.py").write_text(TESTS_STUB)
    os.mkfifo(tmp_path / "broken off")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-D", "execute=1", "docs", "html"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(markdown_blocks.DOCS / "_ext")},
        capture_output=True,
        check=False,
        text=True,
        timeout=50,
    )
    assert "broken off" in done.stderr
    assert done.returncode
    assert done.stdout.splitlines()[-1] == "The tests have ended: True"


PLACES = {
    "a doctest": """
# Page

```{doctest}
>>> 1 + 1
2
>>> 1 + 2  # here
4
```
""",
    "the second of two that begin alike": """
# Page

```{doctest}
>>> one = 1
```

```{doctest}
:pyversion: ">= 3.5"

>>> one = 1
>>> one + one  # here
3
```
""",
    "a doctest in a note": """
# Page

:::{note}
A note.

```{doctest}
>>> 1 + 1  # here
3
```
:::
""",
    "a testcode": """
# Page

```{testcode}

print("one")  # here
print("two")
```

```{testoutput}
one
```
""",
    "a testsetup": """
# Page

```{testsetup}
1 / 0  # here
```

```{doctest}
>>> 1
1
```
""",
    "a doctest in reST": """
# Page

```{eval-rst}
.. doctest::
   :pyversion: >= 3.5

   >>> 1 + 1  # here
   3
```
""",
}


@pytest.mark.parametrize("page", PLACES.values(), ids=PLACES)
def test_a_failure_is_reported_at_its_line(tmp_path: Path, page: str) -> None:
    (line,) = [
        number
        for number, text in enumerate(page.splitlines(), 1)
        if text.endswith("# here")
    ]
    small_sites.build(
        tmp_path,
        {"index.md": page},
        "ipcdocs.verification.run_examples",
        builder="doctest",
    )
    report = (tmp_path / "doctest" / "output.txt").read_text("utf-8")
    assert re.findall(r'^File "(.*)", line (\d+)', report, re.MULTILINE) == [
        ("index.md", str(line))
    ]


def test_each_page_is_executed_in_one_of_several_processes(
    tmp_path: Path,
) -> None:
    """And what all of them did is counted and reported, page by page."""
    ask = '# Page\n\n```{doctest}\n>>> open("ready", "a").write("x")\n1\n'
    wait = '>>> while len(open("ready").read()) < 2:\n...     pass\n...\n```\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        small_sites.build(
            tmp_path,
            {"index.md": ask + wait, "one.md": ask + wait, "two.md": WRONG},
            "ipcdocs.verification.run_examples",
            builder="doctest",
        )
    report = (tmp_path / "doctest" / "output.txt").read_text("utf-8")
    assert re.findall("^Document: (.*)", report, re.MULTILINE) == [
        *("index", "one", "two")
    ]
    assert report.count("Results of") == 1
    assert re.findall(r"^ +\d+ .*", report, re.MULTILINE)[-4:] == [
        "    5 tests",
        *("    1 failure in tests", "    0 failures in setup code"),
        "    0 failures in cleanup code",
    ]


def report_on(folder: Path, pages: dict[str, str]) -> str:
    """Return the report of the builder that has executed pages."""
    small_sites.build(
        folder, pages, "ipcdocs.verification.run_examples", builder="doctest"
    )
    return (folder / "doctest" / "output.txt").read_text("utf-8")


LAST = """
# Page

```{doctest}
>>> import os, signal, threading
```

```{doctest}
>>> %s
```
"""


def test_a_page_that_ends_its_process_fails_and_no_other(
    tmp_path: Path,
) -> None:
    deadly = LAST % "os.kill(os.getpid(), signal.SIGTERM)"
    report = report_on(tmp_path, {"index.md": deadly, "other.md": WRONG})
    assert (
        "Document: index\nThe process that executed it was ended by SIGTERM, "
        "in or after the block at index.md, line 9\n"
    ) in report
    assert "Document: other\n" in report
    assert "    2 failures in tests\n" in report


def test_a_page_that_is_never_done_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(processes, "LIMIT", 0.1)
    report = report_on(tmp_path, {"index.md": LAST % "signal.pause()"})
    assert "executed it ended with exit status 1" in report
    assert "Timeout (0:00:00.1" in capfd.readouterr().err


def test_a_child_of_a_page_that_lives_longer_delays_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    forks = LAST % (
        'pid = os.fork() or signal.pause(); _ = open("pid", "w").write('
        "str(pid)); os._exit(3)"
    )
    report = report_on(tmp_path, {"index.md": forks})
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert "ended with exit status 3" in report
