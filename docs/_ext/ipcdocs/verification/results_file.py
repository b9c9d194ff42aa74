# SPDX-License-Identifier: 0BSD
"""The results of the tests, in a file that the pages are made from.

``tests/harness/results_plugin.py`` writes what came of the tests of programs,
and of those with the mark ``fault(GROUP, NAME)``, to
``docs/_build/test-results.json``:

``digest``
    of the programs and tests, so that nothing is shown of other ones
``python``, ``system``, ``machine``
    where they ran
``tests``
    by the id of a test: its ``line``, the ``programs`` that it is about, the
    ``faults`` that it is about (each a group, a fault and a program), its
    ``outcome`` (passed, failed, skipped or not run) when it last ran, ``when``
    that was (a day), ``why`` it was skipped, ``instead``: a program that
    withstands what this one does not, and ``peer``: another program that took
    part
``results``
    for each ``group``, ``fault`` and ``program`` the worst outcome of a test
    that is about them, with what else is told of that test; ``tests``, the ids
    of all of these without their parameters, the worst first; and ``peers``,
    if other programs took part. They are in the order of a reader's page
``programs``
    for each program, how many tests that run it ``passed`` and ``failed``, and
    ``when`` the first of these ran
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ipcdocs.project import DOCS, ROOT

FILE = DOCS / "_build" / "test-results.json"
NOT_RUN = "not run"

Result = dict[str, Any]
Members = dict[str, Any]


def digest() -> str:
    """Return a digest of all programs and tests."""
    found = hashlib.sha256()
    without_browser = ("tests/*.py", "tests/[!b]*/**/*.py")
    for pattern in ("ipc_examples/*.py", *without_browser):
        for file in sorted(ROOT.glob(pattern)):
            found.update(file.read_bytes())
    return found.hexdigest()


def file_of(test: str) -> str:
    """Return the file of a test, by the test's id."""
    return test.partition("::")[0]


def load() -> Members:
    """Return the file's members, or none if it is not of today's tests."""
    try:
        members: Members = json.loads(FILE.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return members if members.get("digest") == digest() else {}


def save(members: Members) -> None:
    """Write the file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(members), "utf-8")
