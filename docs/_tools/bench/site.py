# SPDX-License-Identifier: 0BSD
"""Measures what links in listings and figures cost the build of the site.

The site is built as it is, and without these, in turn: what counts is the
median of the ratios of processor time, which is to be 1.3 at most.
``nox -s bench -- bench.site`` runs it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from sphinx.cmd.build import build_main

DOCS = Path(__file__).parents[2]
ROUNDS = 5
PLAIN = "plain"
LINKS = ("sphinx_codeautolink", "ipcdocs.pages.code_links")
FIGURES = (
    "ipcdocs.recording.directives.Descriptors.run",
    "ipcdocs.recording.directives.Run.run",
    "ipcdocs.transcript.directive.TranscriptDirective.recorded",
)


def leave_out() -> None:
    """Let this process build the site without links and figures."""
    for extension in LINKS:
        patch(f"{extension}.setup", return_value={}).start()
    for method in FIGURES:
        patch(method, return_value=[]).start()


def build(*what: str) -> float:
    """Build the site anew; return the seconds of processor time.

    :raises SystemExit: if it cannot be built
    """
    command = [sys.executable, "-m", __spec__.name, "build", *what]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit("the site cannot be built")
    return usage.ru_utime + usage.ru_stime


def build_here() -> int:
    """Build the site in this process; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("-Q", "-E", "-a", "-b", "html", "-d", f"{folder}/doctrees")
        return build_main([*options, str(DOCS), f"{folder}/html"])


def main() -> None:
    """Print the ratio of each round, and their median."""
    build()  # makes what the first build makes
    ratios = []
    for _ in range(ROUNDS):
        whole, plain = build(), build(PLAIN)
        ratios.append(whole / plain)
        print(
            f"{whole:6.1f} s, without links and figures {plain:6.1f} s,"
            f" ratio {ratios[-1]:.2f}",
            flush=True,
        )
    print(f"median of the ratios {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["build"]:
        sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]
        if PLAIN in sys.argv:
            leave_out()
        raise SystemExit(build_here())
    main()
