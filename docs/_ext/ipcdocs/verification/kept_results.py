# SPDX-License-Identifier: 0BSD
"""The results of a full run of the tests, kept with the project.

A build runs only the tests that are quick. For the others the page of faults
shows what came of them in the last full run, which the tests' option
``--keep-results`` writes to ``docs/reference/fault-results.json``:

``python``, ``system``, ``machine``, ``when``
    where they ran, and the day when the first of them did
``digests``
    of each file that the results speak of
``imports``
    by the file of a test: the files without which it is not the same test
``results``
    those of the file of the results (`results_file`)

A result is one no more when its program, a peer of this, its test, or what the
test imports is another than in that run.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ipcdocs.project import DOCS, ROOT
from ipcdocs.verification.results_file import NOT_RUN, file_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipcdocs.verification.results_file import Members, Result

FILE = DOCS / "reference" / "fault-results.json"
RUN = ("python", "system", "machine")  # where
OUTCOME = ("outcome", "why", "instead")


def load() -> Members:
    """Return the members of the file: no outcome where something has changed.

    It is nothing if there is no such file, or none that can be read.
    """
    try:
        members: Members = json.loads(FILE.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    digests, imports = members["digests"], members["imports"]
    today = {name: digest(name) for name in digests}
    changed = {name for name in digests if today[name] != digests[name]}
    members["results"] = [
        without_outcome(result)
        if changed & files_of(result, imports)
        else result
        for result in members["results"]
        if all(today[name] for name in own_files(result))
    ]
    return members


def without_outcome(result: Result) -> Result:
    """Return a result that tells only what there is to be tried."""
    about = {name: result[name] for name in result if name not in OUTCOME}
    return about | {"outcome": NOT_RUN}


def files_of(result: Result, imports: dict[str, list[str]]) -> set[str]:
    """Return all files that a result speaks of."""
    tests = map(file_of, result["tests"])
    return own_files(result).union(*(imports[test] for test in tests))


def own_files(result: Result) -> set[str]:
    """Return the files of the programs and of the tests of a result."""
    programs = (result["program"], *result.get("peers", ()))
    files = {f"ipc_examples/{program}.py" for program in programs}
    return files.union(map(file_of, result["tests"]))


def digest(name: str) -> str:
    """Return a digest of a file of the project, or nothing without it."""
    try:
        data = (ROOT / name).read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(data).hexdigest()[:16]


def save(members: Members, files_behind: Callable[[str], list[str]]) -> None:
    """Write the file.

    :param members: those of the file of the results
    :param files_behind: returns the files that the file of a test imports,
        and itself
    """
    results = [
        {name: each[name] for name in each if name != "when"}
        for each in members["results"]
    ]
    tests = {file_of(test) for each in results for test in each["tests"]}
    imports = {test: files_behind(test) for test in sorted(tests)}
    files = set[str]().union(*(files_of(each, imports) for each in results))
    kept = {name: members[name] for name in RUN} | {
        "when": min(e["when"] for e in members["results"] if "when" in e),
        "digests": {name: digest(name) for name in sorted(files)},
        "imports": imports,
        "results": results,
    }
    FILE.write_text(dump(kept), "utf-8")


def dump(members: Members) -> str:
    """Return JSON, each member of a member on a line of its own."""
    parts = []
    for name, value in members.items():
        text = as_json(value)
        if isinstance(value, dict):
            lines = [f"{as_json(key)}: {as_json(value[key])}" for key in value]
            text = "{\n" + ",\n".join(lines) + "\n}"
        elif isinstance(value, list):
            text = "[\n" + ",\n".join(map(as_json, value)) + "\n]"
        parts.append(f"{as_json(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def as_json(value: object) -> str:
    """Return JSON on one line."""
    return json.dumps(value, ensure_ascii=False)
