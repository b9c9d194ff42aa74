"""The matrix shows what came of the tests, and of those alone."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from docutils import nodes

from ipcdocs.verification import fault_matrix, results_file
from tests.harness.results_plugin import Results

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]


def result(program: str, **members: str) -> dict[str, str]:
    return {
        "group": "Group.",
        "fault": "a fault",
        "program": program,
        "outcome": "passed",
        "when": "2000-01-01",
        **members,
    }


def shown(*results: dict[str, str], paper: bool = False) -> list[str]:
    """Return the texts of the parts of the matrix."""
    members = {"python": "3.x", "system": "UNIX", "results": results}
    parts = fault_matrix.matrix(members, paper=paper)
    return [part.astext() for part in parts]


def cells(*results: dict[str, str]) -> list[str]:
    members = {"python": "3.x", "system": "UNIX", "results": results}
    (table,) = (
        part
        for part in fault_matrix.matrix(members)
        if isinstance(part, nodes.table)
    )
    return [entry.astext() for entry in table.findall(nodes.entry)]


def test_a_cell_tells_what_came_of_a_test() -> None:
    assert cells(
        result("a"),
        result("b", outcome="failed"),
        result("c", outcome="skipped", why="no room"),
        result("d", instead="a"),
        result("e", outcome=results_file.NOT_RUN),
    ) == [
        *("Fault", "a", "b", "c", "d", "e"),
        *("a fault", "✓", "fails", "? 1", "no 2", "? 3"),
    ]


def test_the_notes_tell_why() -> None:
    *_, notes = shown(
        result("a", instead="b"), result("b", outcome="skipped", why="no room")
    )
    assert "a cannot, but b can." in notes
    assert "Not run: no room." in notes


def test_a_fault_need_not_concern_every_program() -> None:
    assert cells(result("a"), result("b", fault="another")) == [
        *("Fault", "a", "b"),
        *("a fault", "✓", ""),
        *("another", "", "✓"),
    ]


def test_on_paper_it_is_a_list() -> None:
    assert "a fault: a ✓, b no 1." in shown(
        result("a"), result("b", instead="a"), paper=True
    )


def test_says_where_and_when() -> None:
    assert "Python 3.x, UNIX, 2000-01-01." in shown(result("a"))


def test_says_that_nothing_was_tested() -> None:
    for results in (), (result("a", outcome=results_file.NOT_RUN),):
        assert shown(*results) == ["No test was run for this page."]


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "test-results.json"
    monkeypatch.setattr(results_file, "FILE", file)
    return file


def test_what_is_not_of_todays_tests_is_not_shown(file: Path) -> None:
    assert results_file.load() == {}
    file.write_text(json.dumps({"digest": "another", "results": [1]}))
    assert results_file.load() == {}
    file.write_text(
        json.dumps({"digest": results_file.digest(), "results": []})
    )
    assert results_file.load()


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a file of tests, and returns the results."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # may be outdated
    pytester.makeconftest("""
        from tests.harness.results_plugin import Results

        def pytest_configure(config):
            config.pluginmanager.register(Results())
    """)

    def run(source: str, *options: str) -> dict[str, Any]:
        pytester.makepyfile(test_it=source)
        pytester.runpytest("-p", "no:xdist", *options)
        return results_file.load()

    return run


@pytest.mark.slow
@pytest.mark.usefixtures("file")
class TestResults:
    TWO = """
        '''A group.'''
        import pytest

        pytestmark = [
            pytest.mark.fault("one"),
            pytest.mark.parametrize("program", ["pipe"]),
        ]

        def test_first(program): assert True

        def test_second(program): pass
    """
    BAD = TWO.replace("True", "False")
    ONE = TWO.replace("def test_first(program): assert True", "")

    def test_results_are_kept(self, run: Run) -> None:
        members = run(
            """
            '''A group.'''
            import pytest

            fault = pytest.mark.fault
            every = pytest.mark.parametrize("program", ["pipe", "fork"])

            @fault("one")
            @every
            def test_one(program): assert program == "pipe"

            @fault("two")
            @every
            def test_two_alone(program): pass

            @fault("two")
            @every
            def test_two(program, record_property):
                if program == "fork": pytest.skip("no fork")
                record_property("instead", "fork")

            @fault("three")
            @pytest.mark.slow
            @every
            def test_three(program): pass
            """,
            *("-m", "not slow"),
        )
        found = {
            (each["fault"], each["program"]): (
                each["outcome"],
                each.get("why") or each.get("instead"),
            )
            for each in members["results"]
        }
        assert {each["group"] for each in members["results"]} == {"A group"}
        assert found == {
            ("one", "pipe"): ("passed", None),
            ("one", "fork"): ("failed", None),
            ("two", "pipe"): ("passed", "fork"),
            ("two", "fork"): ("skipped", "no fork"),
            ("three", "pipe"): ("not run", None),
            ("three", "fork"): ("not run", None),
        }
        assert {
            program: (counts["passed"], counts["failed"])
            for program, counts in members["programs"].items()
        } == {"pipe": (3, 0), "fork": (1, 1)}

    def test_only_the_test_itself_replaces(self, run: Run) -> None:
        assert summary(run(self.BAD)) == ("failed", 1, 1)
        assert summary(run(self.BAD, "-k", "second")) == ("failed", 1, 1)
        assert summary(run(self.TWO, "-k", "second")) == ("failed", 1, 1)
        assert summary(run(self.TWO, "-k", "first")) == ("passed", 2, 0)
        assert summary(run(self.BAD, "--co")) == ("passed", 2, 0)

    def test_what_was_not_looked_for_is_not_forgotten(self, run: Run) -> None:
        second = "test_it.py::test_second[pipe]"
        assert summary(run(self.BAD)) == ("failed", 1, 1)
        assert summary(run(self.TWO, second)) == ("failed", 1, 1)
        assert summary(run(self.TWO, "--lf")) == ("passed", 2, 0)

    def test_a_test_that_was_removed_is_forgotten(self, run: Run) -> None:
        assert summary(run(self.BAD)) == ("failed", 1, 1)
        assert summary(run(self.ONE)) == ("passed", 1, 0)

    def test_results_are_of_one_python(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert summary(run(self.BAD)) == ("failed", 1, 1)
        monkeypatch.setattr(platform, "python_version", lambda: "3.x")
        assert summary(run(self.TWO, "-k", "second")) == ("not run", 1, 0)


def test_a_worker_leaves_the_results_to_its_controller(file: Path) -> None:
    config = SimpleNamespace(args=[], getoption=lambda _: False)
    session: Any = SimpleNamespace(config=config)
    config.workeroutput = {}
    Results().pytest_sessionfinish(session)
    assert not file.exists()
    del config.workeroutput
    Results().pytest_sessionfinish(session)
    assert file.exists()


def summary(members: dict[str, Any]) -> tuple[str, int, int]:
    """Return the only result, and how many tests passed and failed."""
    (result,) = members["results"]
    (counts,) = members["programs"].values()
    return result["outcome"], counts["passed"], counts["failed"]
