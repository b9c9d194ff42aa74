# SPDX-License-Identifier: 0BSD
"""Execute the pages' doctests: by a builder, or before HTML is written.

The builder ``doctest`` is Sphinx's own, except that it reports where a failing
``testcode`` begins. (Sphinx adds the block's line to itself: a failure at line
15 is told as 29.)

With ``-D doctest_first=1`` any other builder executes them as well, once the
pages have been read, and writes nothing if one fails. That is cheaper than a
run of each builder, which would read all the pages twice.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sphinx.ext.doctest import DocTestBuilder

if TYPE_CHECKING:
    import doctest

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.ext.doctest import TestGroup
    from sphinx.util.typing import ExtensionMetadata


class TruthfulDocTestBuilder(DocTestBuilder):
    """Sphinx's own, with the right lines."""

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


def execute_first(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Execute the doctests of all pages, if that is asked for."""
    if app.config.doctest_first and app.builder.name != "doctest":
        builder = TruthfulDocTestBuilder(app, env)
        builder.outdir = app.doctreedir  # its report is not for publication
        builder.init()
        builder.write_documents(env.found_docs)
        builder.finish()
        if app.statuscode:
            sys.exit("A doctest failed, so nothing was written.")
    return []


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the place of Sphinx's builder."""
    app.setup_extension("sphinx.ext.doctest")
    app.add_builder(TruthfulDocTestBuilder, override=True)
    app.add_config_value("doctest_first", default=False, rebuild="")
    app.connect("env-updated", execute_first)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
