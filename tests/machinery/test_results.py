"""What came of the tests is kept: of each test, and of a full run."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ipcdocs.verification import kept_results, results_file
from tests.harness import keep_results
from tests.harness.catalogue import ROOT
from tests.harness.fault_groups import FaultGroup
from tests.harness.keep_results import files_behind
from tests.harness.results_plugin import Results

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "test-results.json"
    monkeypatch.setattr(results_file, "FILE", file)
    return file


def test_results_are_where_the_map_of_the_extensions_says() -> None:
    where = results_file.FILE.relative_to(ROOT).as_posix()
    text = (ROOT / "docs/_ext/ipcdocs/README.md").read_text("utf-8")
    assert f"{where}," in text


def test_results_are_of_these_programs_and_tests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever changes makes them those of yesterday; but the browser's."""
    monkeypatch.setattr(results_file, "ROOT", tmp_path)
    digests = [results_file.digest()]
    for name in (
        *("ipc_examples/one.py", "tests/conftest.py", "tests/site/test_a.py"),
        "tests/browser/test_b.py",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("one")
        digests.append(results_file.digest())
    assert len({*digests}) == 4
    assert digests[3] == digests[4]


def test_what_is_not_of_todays_tests_is_not_shown(file: Path) -> None:
    assert results_file.load() == {}
    file.write_text(json.dumps({"digest": "another", "results": [1]}))
    assert results_file.load() == {}
    file.write_text(
        json.dumps({"digest": results_file.digest(), "results": []})
    )
    assert results_file.load()


Run = Callable[..., dict[str, Any]]
IMPORTS = """
import pytest
from tests.harness.fault_groups import FaultGroup

SIGNALS, PATHS = FaultGroup.SIGNALS, FaultGroup.PATHS
fault = pytest.mark.fault
every = pytest.mark.parametrize("program", ["pipe", "fork"])
only_pipe = pytest.mark.parametrize("program", ["pipe"])
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs tests and returns the kept results."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # may be outdated
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("""
        from tests.harness.keep_results import KeepResults, add_option
        from tests.harness.results_plugin import Results

        def pytest_addoption(parser):
            add_option(parser)

        def pytest_configure(config):
            config.pluginmanager.register(Results())
            config.pluginmanager.register(KeepResults())
    """)

    def run(source: str, *options: str) -> dict[str, Any]:
        pytester.makepyfile(test_it=IMPORTS + source)
        pytester.runpytest(*options)
        return results_file.load()

    return run


@pytest.mark.slow
@pytest.mark.usefixtures("file")
class TestResults:
    TWO = """
pytestmark = [fault(SIGNALS, "one"), only_pipe]

def test_first(program): assert True

def test_second(program): pass
"""
    BAD = TWO.replace("True", "False")
    ONE = TWO.replace("def test_first(program): assert True", "")

    def test_results_are_kept(self, run: Run) -> None:
        members = run(
            """
@fault(SIGNALS, "one")
@every
def test_one(program): assert program == "pipe"

@fault(SIGNALS, "two")
@every
def test_two_alone(program): pass

@fault(SIGNALS, "two")
@every
def test_two(program, record_property):
    if program == "fork": pytest.skip("no fork")
    record_property("instead", "fork")
    record_property("peer", "peek")

@fault(SIGNALS, "three")
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
        assert {each["group"] for each in members["results"]} == {"Signals"}
        assert found == {
            ("one", "pipe"): ("passed", None),
            ("one", "fork"): ("failed", None),
            ("two", "pipe"): ("passed", "fork"),
            ("two", "fork"): ("skipped", "no fork"),
            ("three", "pipe"): ("not run", None),
            ("three", "fork"): ("not run", None),
        }
        (two,) = (
            each
            for each in members["results"]
            if (each["fault"], each["program"]) == ("two", "pipe")
        )
        assert two["peers"] == ["peek"]
        assert two["tests"] == [
            "test_it.py::test_two",  # the one that has something to tell
            "test_it.py::test_two_alone",
        ]
        assert {
            program: (counts["passed"], counts["failed"])
            for program, counts in members["programs"].items()
        } == {"pipe": (3, 0), "fork": (1, 1)}

    def test_results_are_in_the_order_of_a_page(self, run: Run) -> None:
        members = run("""
@fault(PATHS, "z")
@only_pipe
def test_paths(program): pass

@fault(SIGNALS, "y")
@every
def test_signals(program): pass

@fault(SIGNALS, "a")
@only_pipe
def test_more_signals(program): pass
""")
        assert [
            (each["group"], each["fault"], each["program"])
            for each in members["results"]
        ] == [
            ("Signals", "y", "fork"),
            ("Signals", "y", "pipe"),
            ("Signals", "a", "pipe"),
            ("Paths of sockets", "z", "pipe"),
        ]

    @pytest.mark.parametrize(
        "words", ['"a name"', '"Signals", "a name"', 'SIGNALS, ""']
    )
    def test_a_mark_without_group_or_name_stops_the_run(
        self, pytester: pytest.Pytester, run: Run, words: str
    ) -> None:
        source = f"@fault({words})\n@only_pipe\ndef test_it(program): pass\n"
        assert run(source)["results"] == []
        told = pytester.runpytest().stderr.str()
        assert "test_it.py::test_it[pipe]: its mark is to be fault(GRO" in told
        assert "tests.harness.fault_groups" in told

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


@pytest.mark.slow
@pytest.mark.usefixtures("file")
class TestKeptResults:
    GOOD = """
@fault(SIGNALS, "one")
@every
def test_it(program):
    if program == "fork": pytest.skip("no room")
"""

    @pytest.fixture(autouse=True)
    def kept(
        self,
        run: Run,  # noqa: ARG002 - it makes conftest.py
        pytester: pytest.Pytester,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Path:
        """Return the file that is kept with a project of one test."""
        (pytester.path / "tests").mkdir()
        (pytester.path / "tests" / "conftest.py").touch()
        monkeypatch.setattr(keep_results, "ROOT", pytester.path)
        file = pytester.path / "kept.json"
        monkeypatch.setattr(kept_results, "FILE", file)
        return file

    def keep(
        self, pytester: pytest.Pytester, source: str, *options: str
    ) -> pytest.RunResult:
        pytester.makepyfile(test_it=IMPORTS + source)
        return pytester.runpytest("--keep-results", *options)

    def test_a_full_run_keeps_its_results(
        self, pytester: pytest.Pytester, kept: Path
    ) -> None:
        done = self.keep(pytester, self.GOOD)
        assert done.ret == 0
        done.stdout.fnmatch_lines(
            ["results kept: 2, in kept.json", "  1 only * is none: no room"]
        )
        members = json.loads(kept.read_text())
        assert {r["program"]: r["outcome"] for r in members["results"]} == {
            "fork": "skipped",
            "pipe": "passed",
        }
        assert members["imports"] == {
            "test_it.py": ["test_it.py", "tests/conftest.py"]
        }

    def test_it_keeps_nothing_unless_asked(self, run: Run, kept: Path) -> None:
        run(self.GOOD)
        assert not kept.exists()

    @pytest.mark.parametrize(
        ("source", "options", "told"),
        [
            (
                GOOD.replace("pytest.skip", "pytest.fail"),
                (),
                "  failed: fork, one",
            ),
            (GOOD, ("-k", "pipe"), "  not run: fork, one"),
            (GOOD, ("test_it.py",), "results not kept: name no tests, *"),
        ],
        ids=["a test fails", "a test is left out", "tests are named"],
    )
    def test_what_is_not_of_a_full_run_that_passed_is_not_kept(
        self,
        pytester: pytest.Pytester,
        kept: Path,
        source: str,
        options: tuple[str, ...],
        told: str,
    ) -> None:
        done = self.keep(pytester, source, *options)
        assert done.ret == 1
        done.stdout.fnmatch_lines([told])
        assert not kept.exists()

    @pytest.mark.parametrize(
        ("shown", "told"), [(1, ["  failed: *", "  and 1 more"]), (2, [])]
    )
    def test_only_a_few_of_the_bad_are_named(
        self,
        pytester: pytest.Pytester,
        monkeypatch: pytest.MonkeyPatch,
        shown: int,
        told: list[str],
    ) -> None:
        monkeypatch.setattr(keep_results, "SHOWN", shown)
        source = self.GOOD.partition("    if")[0] + "    assert not program\n"
        done = self.keep(pytester, source)
        done.stdout.fnmatch_lines(told)
        assert done.outlines.count("  failed: fork, one") == 1
        assert ("  and 1 more" in done.outlines) is bool(told)


def test_behind_a_test_is_what_it_imports_directly_or_not() -> None:
    files = files_behind("tests/faults/test_signals.py")
    assert files == sorted(files)
    assert {
        "tests/faults/test_signals.py",
        "tests/conftest.py",
        "tests/harness/signal_injection/inject.py",
        "tests/harness/peers.py",  # imported by scenarios.py there
    } <= {*files}
    assert "tests/harness/pseudo_terminals.py" not in files
    assert all((ROOT / file).is_file() for file in files)


@pytest.mark.parametrize("group", FaultGroup)
def test_headings_are_phrases(group: FaultGroup) -> None:
    assert group[0].isupper()
    assert is_phrase(group)


def test_faults_are_named_for_readers(request: pytest.FixtureRequest) -> None:
    """That is: by a phrase, not by what a test's own text says of it."""
    for item in request.session.items:
        module = getattr(item, "module", None)
        summary = ((module and module.__doc__) or "").partition("\n")[0]
        for mark in item.iter_markers("fault"):
            group, name = mark.args
            told = f"{item.nodeid}: {group!r}, {name!r}"
            assert is_phrase(name), told
            assert name != summary.rstrip("."), told


def is_phrase(text: str) -> bool:
    """Return True if a text is words for readers, no name of the code's."""
    return (
        text == " ".join(text.split())
        and text[-1:] not in {"", ".", ":"}
        and not {"_", "`", ".py", "::"} & {*text, text[-3:]}
        and "test" not in text.lower().split()
    )
