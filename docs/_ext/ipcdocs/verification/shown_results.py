# SPDX-License-Identifier: 0BSD
"""Which results the page of faults shows, and what it says of their run.

A result of the tests that ran where the page is made (`results_file`) wins
over one that is kept with the project (`kept_results`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ipcdocs.verification import kept_results, results_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipcdocs.verification.results_file import Members, Result

HERE = "tests that ran where this page was made"
KEPT = "the last full run of the tests, which is kept with the project"
NOT_RUN = (
    "their tests have not run since they, or the programs, were changed;"
    " ``nox -s tests`` runs them"
)


class Shown(NamedTuple):
    """What there is to be shown."""

    results: list[Result]  # one for each fault of each program
    sources: list[str]  # sentences: whose results, and why some are missing


def load() -> Shown:
    """Return the results to be shown now."""
    return choose(results_file.load(), kept_results.load())


def choose(here: Members, kept: Members) -> Shown:
    """Return the results of two files that are to be shown.

    :param here: the members of the file of the results
    :param kept: the members of the kept file
    """
    new = {key(result): result for result in here.get("results", ())}
    looked_through = set(map(results_file.file_of, here.get("tests", ())))
    chosen = {
        key(result): result
        for result in kept.get("results", ())
        if is_known(result)
        or key(result) in new
        or not looked_through >= test_files(result)
    }
    mine = {
        about: result
        for about, result in new.items()
        if worth(result) >= worth(chosen.get(about, result))
    }
    chosen |= mine
    sources = [
        *source(mine.values(), HERE, here),
        *source((chosen[k] for k in chosen if k not in mine), KEPT, kept),
        *missing(chosen.values()),
    ]
    return Shown([*chosen.values()], sources)


def key(result: Result) -> tuple[str, str, str]:
    """Return the subject of a result: its group, fault and program."""
    return result["group"], result["fault"], result["program"]


def is_known(result: Result) -> bool:
    """Return True if something came of it."""
    return result["outcome"] in {"passed", "failed"}


def worth(result: Result) -> int:
    """Return the rank of a result: nothing, why there is none, or one."""
    return 2 if is_known(result) else "why" in result


def test_files(result: Result) -> set[str]:
    """Return the files of the tests that a result comes from."""
    return set(map(results_file.file_of, result["tests"]))


def source(
    results: Iterable[Result], whose: str, members: Members
) -> Iterator[str]:
    """Yield the number of results of a run, and where and when it was."""
    known = [result for result in results if is_known(result)]
    if known:
        first = members.get("when")
        days = {first} if first else {result["when"] for result in known}
        when = " to ".join(dict.fromkeys((min(days), max(days))))
        yield (
            f"{count(known)} of {whose}: {when}, {members['system']} on"
            f" {members['machine']}, Python {members['python']}."
        )


def missing(results: Iterable[Result]) -> Iterator[str]:
    """Yield the number of results that are missing, and why."""
    unknown = [result for result in results if not is_known(result)]
    for why in dict.fromkeys(result.get("why", NOT_RUN) for result in unknown):
        those = [each for each in unknown if each.get("why", NOT_RUN) == why]
        yield f"{count(those)} missing: {why}."


def count(results: list[Result]) -> str:
    """Return the number of results as the beginning of a sentence."""
    return f"{len(results)} result{' is' if len(results) == 1 else 's are'}"
