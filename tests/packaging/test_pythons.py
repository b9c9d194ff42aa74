"""What the project claims of versions of Python is the same everywhere."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.harness.catalogue import ROOT

pytestmark = pytest.mark.slow
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CLAIMED = [
    version
    for classifier in PROJECT["project"]["classifiers"]
    if (version := classifier.rpartition(" :: Python :: ")[2])[:2] == "3."
]


def found(file: str, pattern: str) -> list[str]:
    """Return the group of *pattern* wherever *file* matches it."""
    return re.findall(pattern, (ROOT / file).read_text("utf-8"))


def test_a_session_of_continuous_integration_is_on_each() -> None:
    (matrix,) = found(".github/workflows/ci.yml", r"python: \[(.*)\]")
    assert re.findall(r'"(.+?)"', matrix) == CLAIMED


def test_the_site_is_built_on_one_of_them() -> None:
    (built_on,) = found(".readthedocs.yaml", r'python: "(.+)"')
    assert built_on in CLAIMED


def test_the_oldest_is_what_is_required() -> None:
    oldest = CLAIMED[0]
    assert PROJECT["project"]["requires-python"] == f">={oldest}"
    assert PROJECT["tool"]["mypy"]["python_version"] == oldest
    target = f"py{oldest.replace('.', '')}"
    assert PROJECT["tool"]["ruff"]["target-version"] == target
    assert {*found("README.md", r"Python (3\.\d+) or\s+later")} == {oldest}
