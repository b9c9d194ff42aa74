"""Keeps what came of the tests: of each program, and of each fault.

``docs/_ext/faults.py`` describes the file, and shows it.
"""

from __future__ import annotations

import inspect
import json
import platform
import re
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import faults
import pytest
from programs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[str, str, str]  # group, fault, program
WORST = ("passed", "skipped", "failed")


class Results:
    """What came of each test, by what it is about."""

    def __init__(self) -> None:
        self.all: list[Key] = []  # also of the tests that are not run
        self.found: dict[Key, dict[str, str]] = {}
        self.tests: dict[str, Counter[str]] = defaultdict(Counter)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        for item in items:
            for program in programs_of(item):
                item.user_properties.append(("program", program))
            for key in keys_of(item):
                item.user_properties.append(("fault", key))
                self.all.append(key)
        if hasattr(config, "workeroutput"):
            config.workeroutput["faults"] = self.all

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401
        self.all = list(
            map(tuple, getattr(node, "workeroutput", {}).get("faults", []))
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            for name, value in report.user_properties:
                if name == "program":
                    self.tests[str(value)][report.outcome] += 1
                elif name == "fault":
                    self.add(tuple(value), report)  # type: ignore[arg-type]

    def add(self, key: Key, report: pytest.TestReport) -> None:
        """Add what came of a test to what came of others like it."""
        result = self.found.setdefault(key, {"outcome": "passed"})
        result["outcome"] = max(
            result["outcome"], report.outcome, key=WORST.index
        )
        if report.skipped and isinstance(report.longrepr, tuple):
            result["why"] = report.longrepr[2].removeprefix("Skipped: ")
        for name, value in report.user_properties:
            if name == "instead":
                result[name] = str(value)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            return
        members = faults.load()
        before = {
            (r["group"], r["fault"], r["program"]): r
            for r in members.get("results", [])
        }
        today = {"when": time.strftime("%Y-%m-%d", time.gmtime())}
        none = {"outcome": faults.NOT_RUN, **today}
        results = []
        for key in dict.fromkeys([*self.all, *before]):
            group, fault, program = key
            result = before.get(key, none)
            if key in self.found:
                result = self.found[key] | today
            results.append(
                result | {"group": group, "fault": fault, "program": program}
            )
        programs = members.get("programs", {}) | {
            program: {name: number[name] for name in ("passed", "failed")}
            | today
            for program, number in self.tests.items()
        }
        if results or programs:
            faults.FILE.parent.mkdir(exist_ok=True)
            text = json.dumps(describe(results, programs))
            faults.FILE.write_text(text, "utf-8")


def keys_of(item: pytest.Item) -> Iterator[Key]:
    """Yield which fault of which program a test is about."""
    callspec = getattr(item, "callspec", None)
    program = callspec.params.get("program") if callspec else None
    if program is None:
        program = item.path.stem.removeprefix("test_")
    text = inspect.getdoc(getattr(item, "module", None)) or ""
    group = text.partition("\n")[0].rstrip(".")
    for mark in item.iter_markers("fault"):
        assert program in PROGRAMS, f"{item.nodeid}: of which program?"
        yield group, mark.args[0], program


def programs_of(item: pytest.Item) -> set[str]:
    """Return which programs a test runs, as its name or parameters tell."""
    callspec = getattr(item, "callspec", None)
    texts = [item.path.stem.removeprefix("test_")]
    for value in callspec.params.values() if callspec else ():
        text = getattr(value, "text", value)  # of a transcript
        if isinstance(text, str):
            texts += [text, *re.findall(r"\bipc_examples\.(\w+)", text)]
    return {text for text in texts if text in PROGRAMS}


def describe(
    results: list[dict[str, str]], programs: dict[str, object]
) -> dict[str, object]:
    """Return all that the file holds."""
    version = ".".join(platform.release().split(".")[:2])
    return {
        "digest": faults.digest(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {version}",
        "results": results,
        "programs": programs,
    }
