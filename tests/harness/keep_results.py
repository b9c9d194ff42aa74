"""Keeps the results of a full run with the project: ``--keep-results``.

They are those of the tests with the mark ``fault``.
``docs/_ext/ipcdocs/verification/kept_results.py`` describes the file.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ipcdocs.verification import kept_results, results_file
from tests.harness.catalogue import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipcdocs.verification.results_file import Result

OPTION = "--keep-results"
HELP = "keep the results for the page of faults, with the project"
ALL = "nox -s tests -- --keep-results"
SHOWN = 3  # of those for which the others are not kept


def add_option(parser: pytest.Parser) -> None:
    """Add the option to pytest's own."""
    parser.addoption(OPTION, action="store_true", help=HELP)


class KeepResults:
    """Keeps them at the end of the session, after `Results` has saved."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        config = session.config
        if hasattr(config, "workeroutput") or not config.getoption(OPTION):
            return
        members = results_file.load()
        self.told = reasons_not_to_keep(config, members["results"])
        if self.told:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return
        self.told = summary(members["results"])
        kept_results.save(members, files_behind)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        for line in self.told:
            terminalreporter.write_line(line)


def reasons_not_to_keep(
    config: pytest.Config, results: list[Result]
) -> list[str]:
    """Return in lines why results are not fit to be kept, or nothing."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return [f"results not kept: name no tests, {ALL} runs all"]
    unfit = [r for r in results if r["outcome"] not in {"passed", "skipped"}]
    if not unfit:
        return []
    lines = [
        f"  {each['outcome']}: {each['program']}, {each['fault']}"
        for each in unfit[:SHOWN]
    ]
    if len(unfit) > SHOWN:
        lines.append(f"  and {len(unfit) - SHOWN} more")
    return ["results not kept, for these are not good:", *lines]


def summary(results: list[Result]) -> list[str]:
    """Return in lines how many results are kept, and what they lack."""
    why = Counter(each.get("why") for each in results if "why" in each)
    return [
        f"results kept: {len(results)}, in {kept_results.FILE.name}",
        *(
            f"  {n} only say why there is none: {why}"
            for why, n in why.items()
        ),
    ]


def files_behind(test: str) -> list[str]:
    """Return the files without which a test would not be the same.

    :param test: its file, as seen from the root of the project
    :returns: what it and ``conftest.py`` import of the tests' own modules,
        directly or not, and these two
    """
    found: set[Path] = set()
    new = {ROOT / test, ROOT / "tests" / "conftest.py"}
    while new:
        found |= new
        new = {file for each in new for file in imported_by(each)} - found
    return sorted(file.relative_to(ROOT).as_posix() for file in found)


def imported_by(file: Path) -> Iterator[Path]:
    """Yield the files of the tests' own modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name.name}" for name in node.names]
            names.append(str(node.module))
        else:
            continue
        for name in names:
            path = ROOT.joinpath(*name.split("."))
            for found in (path.with_suffix(".py"), path / "__init__.py"):
                if name.startswith("tests.") and found.is_file():
                    yield found
