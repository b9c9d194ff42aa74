"""The matrix shows what came of the tests, here or in the last full run."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from ipcdocs.verification import (
    kept_results,
    results_file,
    shown_results,
    sources_of_tests,
)
from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

    from ipcdocs.verification.results_file import Members, Result

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PAGE = """# What they withstand

Some.

```{fault-matrix}
```
"""
TEST = '''"""A summary, with <these>.

More.
"""


def helper(): pass


class TestAll:
    @mark
    @mark
    def test_it(self): pass


def test_more(): pass
'''
IT = "tests/faults/test_x.py::TestAll::test_it"
MORE = "tests/faults/test_x.py::test_more"
HELPER = "tests/harness/helper.py"
WHERE = {"python": "3.x", "system": "UNIX 1", "machine": "pdp11"}
CELL = r"<(t[hd])\b[^>]*>(.*?)</\1>"
HERE = (
    "of tests that ran where this page was made: 2000-01-02, UNIX 1 on pdp11,"
    " Python 3.x."
)
KEPT = (
    "of the last full run of the tests, which is kept with the project:"
    " 2000-01-01, UNIX 1 on pdp11, Python 3.x."
)
CHANGED = (
    "missing: their tests have not run since they, or the programs, were"
    " changed; nox -s tests runs them."
)


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of a project with programs a and b, and a test."""
    for module in kept_results, results_file, sources_of_tests:
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(results_file, "FILE", tmp_path / "test-results.json")
    monkeypatch.setattr(kept_results, "FILE", tmp_path / "kept.json")
    for name, text in {
        "ipc_examples/a.py": "a",
        "ipc_examples/b.py": "b",
        "tests/faults/test_x.py": TEST,
        HELPER: "help",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def result(program: str, fault: str = "a fault", **told: Any) -> Result:  # noqa: ANN401
    return {
        "group": "A group",
        "fault": fault,
        "program": program,
        "outcome": "passed",
        "when": "2000-01-02",
        "tests": [IT],
        **told,
    }


def not_run(*results: Result) -> list[Result]:
    """Return results as a run has them that left out their tests."""
    without = [
        {name: r[name] for name in r if name not in {"when", "why", "instead"}}
        for r in results
    ]
    return [each | {"outcome": results_file.NOT_RUN} for each in without]


def ran_here(*results: Result) -> None:
    """Write the file of the results."""
    members = {
        **WHERE,
        "digest": results_file.digest(),
        "tests": {test: {} for each in results for test in each["tests"]},
        "results": results,
    }
    results_file.save(members)


def keep(*results: Result) -> None:
    """Write the file that is kept with the project."""
    members: Members = {
        **WHERE,
        "results": [each | {"when": "2000-01-01"} for each in results],
    }
    kept_results.save(members, lambda test: [HELPER, test])


def build(root: Path, builder: str = "html") -> small_sites.Site:
    """Build the page."""
    site = small_sites.build(
        root,
        {"index.md": PAGE},
        "ipcdocs.verification.fault_matrix",
        builder=builder,
        copyright="nobody's",
        version="1",
    )
    assert not site.warnings
    return site


def text_of(markup: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]+>", "", markup)).split())


def parts(markup: str, name: str) -> list[str]:
    """Return the content of each element of a name; none is in another."""
    return re.findall(rf"<{name}\b[^>]*>(.*?)</{name}>", markup, re.DOTALL)


def rows(root: Path) -> list[list[str]]:
    """Return the texts of the rows of the table."""
    page = build(root).read("index.html")
    return [
        [text_of(cell) for _, cell in re.findall(CELL, row, re.DOTALL)]
        for row in parts(page, "tr")
    ]


def items(root: Path) -> list[str]:
    """Return the texts of the items of the page's own lists."""
    page = build(root).read("index.html").partition(' role="main"')[2]
    body = page.partition('<div class="clearer">')[0]
    return [*map(text_of, parts(body, "li"))]


def test_a_cell_tells_what_came_of_a_test(root: Path) -> None:
    ran_here(
        result("a"),
        result("b", outcome="failed"),
        result("c", instead="a"),
        result("d", "another"),
        *not_run(result("d")),
    )
    assert rows(root) == [
        ["Fault", "a", "b", "c", "d"],
        ["A group"],
        ["a fault", "a ✓", "b fails", "c no", "d ?"],
        ["another", "", "", "", "d ✓"],
    ]


def test_tells_who_withstands_what_another_does_not(root: Path) -> None:
    ran_here(result("a"), result("b", instead="a"))
    assert items(root)[-1] == "a fault: b does not, a does."
    assert len(items(root)) == 2


def test_a_table_has_only_what_is_known_something_of(root: Path) -> None:
    ran_here(result("b"), *not_run(result("a"), result("b", "another")))
    assert rows(root) == [["Fault", "b"], ["A group"], ["a fault", "b ✓"]]
    assert items(root) == [f"1 result is {HERE}", f"2 results are {CHANGED}"]


def test_says_why_there_is_no_result(root: Path) -> None:
    ran_here(
        result("a"),
        result("b", outcome="skipped", why="no room"),
        result("c", outcome="skipped", why="no room"),
    )
    assert items(root)[1:] == ["2 results are missing: no room."]


def test_says_that_nothing_is_known(root: Path) -> None:
    for _ in range(2):
        assert "No result is known" in build(root).read("index.html")
        ran_here(*not_run(result("a")))


def test_groups_have_headings_of_their_rows(root: Path) -> None:
    ran_here(result("a"), result("b"), result("a", group="Another"))
    page = build(root).read("index.html")
    headings = re.findall(r'<th colspan="3" scope="rowgroup">(.+?)</th>', page)
    assert headings == ["A group", "Another"]
    assert [body.count("<tr") for body in parts(page, "tbody")] == [2, 2]


def test_parts_of_the_text_have_tables_of_their_own(root: Path) -> None:
    ran_here(*map(result, "abc"), result("b", "another"))
    page = PAGE.replace("matrix}\n", "matrix}\none/: First\ntwo/: Second\n")
    chapters = {"one/x.md": "ab", "two/y.md": "c"}
    site = small_sites.build(
        root,
        {"index.md": page}
        | {
            path: "\n\n".join(f"(listing-of-{p})=\n# {p}" for p in programs)
            for path, programs in chapters.items()
        },
        "ipcdocs.verification.fault_matrix",
        copyright="nobody's",
        version="1",
    )
    first, second = parts(site.read("index.html"), "table")
    assert text_of(first).startswith("First")
    assert [text_of(r) for r in parts(first, "tr")] == [
        "Fault a b",
        "A group",
        "a fault a ✓ b ✓",
        "another b ✓",
    ]
    assert text_of(second).startswith("Second")
    assert [text_of(r) for r in parts(second, "tr")][2:] == ["a fault c ✓"]


def test_warns_of_a_program_that_no_table_has(root: Path) -> None:
    ran_here(result("a"))
    site = small_sites.build(
        root,
        {"index.md": PAGE.replace("matrix}\n", "matrix}\none/: First\n")},
        "ipcdocs.verification.fault_matrix",
        copyright="nobody's",
        version="1",
    )
    assert "no table has a" in "".join(site.warnings)


def test_what_is_kept_is_shown(root: Path) -> None:
    keep(result("a"), result("b"))
    assert rows(root)[2:] == [["a fault", "a ✓", "b ✓"]]
    assert items(root) == [f"2 results are {KEPT}"]


@pytest.mark.parametrize(
    ("file", "known"),
    [
        ("ipc_examples/a.py", [["a fault", "b ✓", "c ✓"]]),
        ("ipc_examples/c.py", [["a fault", "a ✓", "b ✓"]]),
        ("tests/faults/test_x.py", []),
        (HELPER, []),
    ],
)
@pytest.mark.parametrize("gone", [False, True], ids=["changed", "gone"])
def test_what_has_changed_is_not_shown(
    root: Path, file: str, known: list[list[str]], *, gone: bool
) -> None:
    (root / "ipc_examples" / "c.py").write_text("c")
    keep(*map(result, "abc"))
    if gone:
        (root / file).unlink()
    else:
        (root / file).write_text(f"{TEST}\n# changed\n")
    if gone and file == "tests/faults/test_x.py":
        assert not shown_results.load().results
    else:
        assert rows(root)[2:] == known


def test_a_peer_that_has_changed_is_not_shown_either(root: Path) -> None:
    keep(result("a", peers=["b"]), result("a", "another"))
    (root / "ipc_examples" / "b.py").write_text("changed")
    assert rows(root)[2:] == [["another", "a ✓"]]
    assert items(root) == [f"1 result is {KEPT}", f"1 result is {CHANGED}"]


def test_what_ran_here_wins(root: Path) -> None:
    keep(*map(result, "ab"), result("a", "another"))
    ran_here(
        result("a", outcome="failed"),
        *not_run(result("b"), result("a", "another")),
    )
    assert rows(root)[2:] == [
        ["a fault", "a fails", "b ✓"],
        ["another", "a ✓", ""],
    ]
    assert items(root) == [f"1 result is {HERE}", f"2 results are {KEPT}"]


def test_what_could_not_run_here_is_kept(root: Path) -> None:
    skipped = {"outcome": "skipped", "why": "no room"}
    keep(result("a"), result("b", **skipped), result("b", "another"))
    ran_here(
        result("a", outcome="skipped", why="no network"),
        *not_run(result("b"), result("b", "another")),
    )
    assert rows(root)[2:] == [
        ["a fault", "a ✓", "b ?"],
        ["another", "", "b ✓"],
    ]
    assert items(root)[1:] == ["1 result is missing: no room."]


def test_a_fault_that_is_tried_no_more_is_not_missing(root: Path) -> None:
    keep(result("a", "of old"), result("a"))
    (root / "tests/faults/test_x.py").write_text(f"{TEST}\n# changed\n")
    ran_here(result("a"))
    assert items(root) == [f"1 result is {HERE}"]


@pytest.mark.parametrize("text", [None, "", "<<<<<<< HEAD"])
def test_what_is_kept_may_be_missing(root: Path, text: str | None) -> None:
    if text is not None:
        kept_results.FILE.write_text(text)
    assert "No result is known" in build(root).read("index.html")


def test_a_result_leads_to_its_test(root: Path) -> None:
    ran_here(result("a"), result("b", tests=[MORE, IT]))
    site = build(root)
    links = dict(
        re.findall(
            r'<a class="reference internal" href="(.+?)" title="(.+?)">',
            site.read("index.html"),
        )
    )
    assert links == {
        "tests/faults/test_x.html#line-11": IT,
        "tests/faults/test_x.html#line-16": MORE,
    }
    source = site.read("tests/faults/test_x.html")
    for link, text in zip(links, ("    @mark", "def test_more"), strict=True):
        anchor = link.partition("#")[2]
        _, found, line = source.partition(f'<span id="{anchor}">')
        assert found
        assert text_of(line.partition("\n")[0]).startswith(text.strip())
    assert text_of(source).count("def helper(): pass") == 1
    assert "A summary, with &lt;these&gt;." in source
    assert 'content="tests/faults/test_x.py: A summary' in source
    assert 'href="../../index.html">What they withstand</a>' in source


@pytest.mark.parametrize("builder", ["epub", "latex", "text"])
def test_a_book_has_lists_and_no_tests(root: Path, builder: str) -> None:
    ran_here(result("a"), result("b", instead="a"))
    site = build(root, builder)
    suffix = {"epub": "xhtml", "latex": "tex", "text": "txt"}[builder]
    (file,) = (
        each
        for each in site.out.glob(f"*.{suffix}")
        if "a fault" in each.read_text("utf-8")
    )
    text = file.read_text("utf-8")
    text = text.replace(r"\(\checkmark\)", "✓")
    assert "a fault: a ✓, b no." in text
    assert "test_x" not in text
    assert not (site.out / "tests").exists()


def test_the_kept_file_names_no_machine_or_path(root: Path) -> None:
    keep(result("a"), result("b"))
    text = kept_results.FILE.read_text("utf-8")
    assert str(root) not in text
    members = json.loads(text)
    digests = members.pop("digests")
    assert list(digests) == [
        *("ipc_examples/a.py", "ipc_examples/b.py"),
        *("tests/faults/test_x.py", HELPER),
    ]
    assert members.keys() == {*WHERE, "when", "imports", "results"}
    assert members["when"] == "2000-01-01"
    assert not any("when" in each for each in members["results"])
    # One line each, so that a difference is read at a glance.
    assert len(text.splitlines()) == 4 + 3 * 2 + 4 + 1 + 2 + 2


def test_a_file_of_tests_may_have_no_docstring() -> None:
    assert sources_of_tests.summary_of('"""One.\n\nMore."""') == "One."
    assert sources_of_tests.summary_of("import os") == ""
