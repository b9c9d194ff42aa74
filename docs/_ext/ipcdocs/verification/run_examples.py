# SPDX-License-Identifier: 0BSD
"""Execute every example before the pages are written.

With ``-D execute=1`` a builder starts the tests (``tests_command`` in
``conf.py``), reads the pages meanwhile, executes their doctests, and awaits
the tests. It writes nothing if one of them fails.

The builder ``doctest`` executes the doctests alone. It is Sphinx's own, except
that it executes those of several pages at a time, each page in one process,
and reports the line of the example that fails. (Sphinx counts from the line of
the directive, and adds that of a ``testcode`` to itself.)
"""

from __future__ import annotations

import atexit
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from docutils import nodes
from sphinx.ext.doctest import DocTestBuilder
from sphinx.util import logging

from ipcdocs.verification.processes import work_on_each

if TYPE_CHECKING:
    import doctest
    from collections.abc import Set as AbstractSet
    from logging import LogRecord

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.ext.doctest import TestGroup
    from sphinx.util.typing import ExtensionMetadata

    from ipcdocs.verification.processes import Tell, Worker

logger = logging.getLogger(__name__)
COUNTS = tuple(
    f"{what}_{how}"
    for what in ("total", "setup", "cleanup")
    for how in ("failures", "tries")
)


class Executed(NamedTuple):
    """What came of the doctests of a page."""

    messages: list[LogRecord]
    report: str
    counts: list[int]


class ExamplesBuilder(DocTestBuilder):
    """Sphinx's own, with the right lines, and several pages at a time."""

    tell: Tell  # where it is, and what came of a page

    def write_documents(self, docnames: AbstractSet[str]) -> None:
        """Execute the doctests of pages; most of the time these wait."""
        self.outfile.flush()  # or each process would write it once more
        at_once = 2 * (os.cpu_count() or 1)
        workers = work_on_each(self.execute, sorted(docnames), at_once)
        for worker in sorted(workers, key=lambda worker: worker.name):
            if isinstance(worker.last, Executed):
                self.add(worker.last)
            else:
                self.add_death(worker)

    def execute(self, name: str, tell: Tell) -> None:
        """Execute the doctests of a page, in a process that works on it."""
        self.tell = tell
        report = io.StringIO()
        self.outfile = report  # type: ignore[assignment] # not a file
        collector = logging.LogCollector()
        with collector.collect():
            self.test_doc(name, self.env.get_doctree(name))
        logging.convert_serializable(collector.logs)
        counts = [getattr(self, count) for count in COUNTS]
        tell(Executed(collector.logs, report.getvalue(), counts))

    def add(self, executed: Executed) -> None:
        """Report what came of a page, and count it."""
        for message in executed.messages:
            logger.handle(message)
        self.outfile.write(executed.report)
        for name, count in zip(COUNTS, executed.counts, strict=True):
            setattr(self, name, getattr(self, name) + count)

    def add_death(self, worker: Worker) -> None:
        """Report that a page's process did not come to the page's end."""
        self._warn_out(
            f"\nDocument: {worker.name}\n"
            f"The process that executed it {worker.how_it_ended()}, in or "
            f"after the block at {worker.last or 'its beginning'}\n"
        )
        self.total_tries += 1
        self.total_failures += 1

    @staticmethod
    def get_line_number(node: nodes.Node) -> int | None:
        """Return the number of lines before the first of an example.

        A node knows the line of its directive; options may follow that line.
        """
        if not isinstance(node, nodes.Element) or not node.source:
            return None
        first = node.get("test", node.astext()).partition("\n")[0].strip()
        lines = Path(node.source).read_text("utf-8").splitlines()
        below = range(node.line or 0, len(lines))
        return next((i for i in below if lines[i].strip() == first), node.line)

    def test_group(self, group: TestGroup) -> bool:
        """Run the group's tests."""
        run = self.test_runner.run

        def run_at_its_line(
            test: doctest.DocTest, **options: object
        ) -> doctest.TestResults:
            self.tell(f"{test.filename}, line {(test.lineno or 0) + 1}")
            if self.type == "exec":  # testcode, not doctest
                for example in test.examples:
                    example.lineno = 0
            return run(test, **options)  # type: ignore[arg-type]

        setattr(self.test_runner, "run", run_at_its_line)  # noqa: B010 - mypy
        try:
            return super().test_group(group)
        finally:
            del self.test_runner.run


def start_tests(app: Sphinx) -> None:
    """Start the tests, and await them before the pages are written."""
    if app.config.execute:
        command = [sys.executable, "-m", *app.config.tests_command]
        tests = subprocess.Popen(command, cwd=app.srcdir.parent)  # noqa: S603
        atexit.register(tests.wait)  # should the build break off

        def finish(app: Sphinx, env: BuildEnvironment) -> list[str]:
            passed = doctests_pass(app, env)
            if tests.wait() != 0 or not passed:
                sys.exit("An example failed, so nothing was written.")
            return []

        app.connect("env-updated", finish)


def doctests_pass(app: Sphinx, env: BuildEnvironment) -> bool:
    """Execute the doctests of all pages; return True if they pass."""
    builder = ExamplesBuilder(app, env)
    builder.outdir = app.doctreedir  # its report is not for publication
    builder.init()
    builder.write_documents(env.found_docs)
    builder.finish()
    return app.statuscode == 0


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the place of Sphinx's builder, and listen for the beginning."""
    app.setup_extension("sphinx.ext.doctest")
    app.add_builder(ExamplesBuilder, override=True)
    app.add_config_value("execute", default=False, rebuild="", types=(bool,))
    app.add_config_value(
        "tests_command", default=["pytest"], rebuild="", types=(list,)
    )
    app.connect("builder-inited", start_tests, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
