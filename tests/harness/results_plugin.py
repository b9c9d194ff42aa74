"""Keeps what came of the tests: of each program, and of each fault.

``docs/_ext/ipcdocs/verification/results_file.py`` describes the file. Each
test has its own place there, so a run of a few tests replaces what came of
these alone.
"""

from __future__ import annotations

import platform
import re
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from ipcdocs.verification import results_file
from ipcdocs.verification.results_file import file_of
from tests.harness.catalogue import PROGRAMS
from tests.harness.fault_groups import FaultGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Test = dict[str, Any]
Key = tuple[str, str, str]  # group, fault, program
SHOWN = ("outcome", "when", "why", "instead")
TOLD = ("instead", "peer")  # by a test, with record_property()
GROUPS = [group.value for group in FaultGroup]
WORST_FIRST = ("failed", "skipped", results_file.NOT_RUN, "passed")


class Results:
    """What came of each test, now or when it last ran."""

    def __init__(self) -> None:
        self.found: dict[str, Test] = {}  # also the tests that are not run
        self.ran: dict[str, Test] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        worker = getattr(config, "workerinput", {"workerid": "gw0"})
        if worker["workerid"] != "gw0":
            return  # all find the same
        for item in items:
            self.found[item.nodeid] = {
                "line": item.location[1] or 0,
                "programs": sorted(programs_of(item)),
                "faults": list(keys_of(item)),
            }
        if hasattr(config, "workeroutput"):
            config.workeroutput["found"] = self.found

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401
        self.found |= getattr(node, "workeroutput", {}).get("found", {})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            test = self.ran.setdefault(report.nodeid, {"outcome": "passed"})
            test["outcome"] = min(
                test["outcome"], report.outcome, key=WORST_FIRST.index
            )
            if report.skipped and isinstance(report.longrepr, tuple):
                test["why"] = report.longrepr[2].removeprefix("Skipped: ")
            for name, value in report.user_properties:
                if name in TOLD:
                    test[name] = str(value)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            return
        here = describe_system()
        members = results_file.load()
        known = (
            members.get("tests", {}) if here.items() <= members.items() else {}
        )
        if is_whole(session.config):
            known = self.without_removed(known)
        tests = self.merge(known)
        members = {
            "digest": results_file.digest(),
            **here,
            "tests": tests,
            "results": results_of(tests),
            "programs": counts_of(tests.values()),
        }
        results_file.save(members)

    def without_removed(self, known: dict[str, Test]) -> dict[str, Test]:
        """Leave out the tests that are in their files no longer."""
        files = {file_of(name) for name in self.found}
        return {
            name: test
            for name, test in known.items()
            if name in self.found or file_of(name) not in files
        }

    def merge(self, known: dict[str, Test]) -> dict[str, Test]:
        """Return all tests, each as it came out when it last ran."""
        today = {"when": time.strftime("%Y-%m-%d", time.gmtime())}
        none = {"outcome": results_file.NOT_RUN}
        tests = {
            name: (
                self.ran[name] | today
                if name in self.ran
                else known.get(name, none)
            )
            | about
            for name, about in self.found.items()
            if about["programs"] or about["faults"]
        }
        return tests | {n: known[n] for n in known if n not in tests}


def is_whole(config: pytest.Config) -> bool:
    """Return True if whole files are collected, not single tests of them."""
    return not config.getoption("lf") and not any(
        "::" in arg for arg in config.args
    )


def keys_of(item: pytest.Item) -> Iterator[Key]:
    """Yield the group, fault and program that a test is about.

    :raises pytest.UsageError: if a mark does not say it
    """
    callspec = getattr(item, "callspec", None)
    program = callspec.params.get("program") if callspec else None
    if program is None:
        program = item.path.stem.removeprefix("test_")
    for mark in item.iter_markers("fault"):
        assert program in PROGRAMS, f"{item.nodeid}: of which program?"
        match mark.args:
            case (FaultGroup() as group, str(name)) if name:
                yield group.value, name, program
            case _:
                raise pytest.UsageError(
                    f"{item.nodeid}: its mark is to be fault(GROUP, NAME),"
                    f" GROUP one of {FaultGroup.__module__}'s"
                )


def programs_of(item: pytest.Item) -> set[str]:
    """Return the programs that a test runs, by its name or parameters."""
    callspec = getattr(item, "callspec", None)
    texts = [item.path.stem.removeprefix("test_")]
    for value in callspec.params.values() if callspec else ():
        text = getattr(value, "text", value)  # of a transcript
        if isinstance(text, str):
            texts += [text, *re.findall(r"\bipc_examples\.(\w+)", text)]
    return {text for text in texts if text in PROGRAMS}


def badness(test: Test) -> tuple[int, bool, str]:
    """Return a key that sorts the test first that is shown for its like."""
    return (
        WORST_FIRST.index(test["outcome"]),
        "instead" not in test,
        test.get("when", ""),
    )


def results_of(tests: dict[str, Test]) -> list[results_file.Result]:
    """Return the worst that came of each fault of each program."""
    about: dict[Key, list[str]] = defaultdict(list)
    for name, test in sorted(tests.items(), key=place):
        for group, fault, program in test["faults"]:
            about[group, fault, program].append(name)
    return [
        {"group": group, "fault": fault, "program": program}
        | result_of(names, tests)
        for (group, fault, program), names in sorted(
            about.items(), key=lambda each: GROUPS.index(each[0][0])
        )
    ]


def place(named: tuple[str, Test]) -> tuple[str, int, str]:
    """Return a key that sorts a test as it stands in the folders."""
    name, test = named
    return file_of(name), test["line"], name


def result_of(names: list[str], tests: dict[str, Test]) -> Test:
    """Return the result of the tests of one fault of one program."""
    names = sorted(names, key=lambda name: badness(tests[name]))
    worst = tests[names[0]]
    peers = {tests[name]["peer"] for name in names if "peer" in tests[name]}
    return (
        {name: worst[name] for name in SHOWN if name in worst}
        | {"tests": [*dict.fromkeys(n.partition("[")[0] for n in names)]}
        | ({"peers": sorted(peers)} if peers else {})
    )


def counts_of(tests: Iterable[Test]) -> dict[str, dict[str, int | str]]:
    """Return each program's number of tests by outcome, and the day."""
    ran = defaultdict(list)
    for test in tests:
        if test["outcome"] in {"passed", "failed"}:
            for program in test["programs"]:
                ran[program].append(test)
    return {
        program: {
            "passed": sum(test["outcome"] == "passed" for test in those),
            "failed": sum(test["outcome"] == "failed" for test in those),
            "when": min(test["when"] for test in those),
        }
        for program, those in ran.items()
    }


def describe_system() -> dict[str, str]:
    """Return the name of the system on which the tests run."""
    version = ".".join(platform.release().split(".")[:2])
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {version}",
        "machine": platform.machine(),
    }
