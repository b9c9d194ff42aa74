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
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.ext.doctest import DocTestBuilder
from sphinx.util import logging

if TYPE_CHECKING:
    import doctest
    from collections.abc import Set as AbstractSet
    from logging import LogRecord

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.ext.doctest import TestGroup
    from sphinx.util.typing import ExtensionMetadata

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

    forked: ClassVar[ExamplesBuilder]  # what the pool's processes inherit

    def write_documents(self, docnames: AbstractSet[str]) -> None:
        """Execute the doctests of pages; most of the time these wait.

        :raises SphinxError: if one of them ends the process
        """
        names = sorted(docnames)
        ExamplesBuilder.forked = self
        self.outfile.flush()  # or each process would write it once more
        processes, fork = 2 * (os.cpu_count() or 1), get_context("fork")
        with ProcessPoolExecutor(processes, fork) as pool:
            results = pool.map(execute_page, names)
            for name in names:
                try:
                    self.add(next(results))
                except BrokenProcessPool:
                    raise SphinxError(
                        f"a doctest of {name}, or of a page after it, ended"
                        " the process that executed it"
                    ) from None

    def add(self, executed: Executed) -> None:
        """Report what came of a page, and count it."""
        for message in executed.messages:
            logger.handle(message)
        self.outfile.write(executed.report)
        for name, count in zip(COUNTS, executed.counts, strict=True):
            setattr(self, name, getattr(self, name) + count)

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
            if self.type == "exec":  # testcode, not doctest
                for example in test.examples:
                    example.lineno = 0
            return run(test, **options)  # type: ignore[arg-type]

        setattr(self.test_runner, "run", run_at_its_line)  # noqa: B010 - mypy
        try:
            return super().test_group(group)
        finally:
            del self.test_runner.run


def execute_page(name: str) -> Executed:
    """Execute the doctests of a page, in a process of its builder's pool."""
    builder = ExamplesBuilder.forked
    report = io.StringIO()
    builder.outfile = report  # type: ignore[assignment] # not a file
    for count in COUNTS:
        setattr(builder, count, 0)
    collector = logging.LogCollector()
    with collector.collect():
        builder.test_doc(name, builder.env.get_doctree(name))
    # A descriptor that a page left there would get a byte by each signal of
    # later pages, whatever has its number then.
    signal.set_wakeup_fd(-1)
    logging.convert_serializable(collector.logs)
    counts = [getattr(builder, count) for count in COUNTS]
    return Executed(collector.logs, report.getvalue(), counts)


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
