# SPDX-License-Identifier: 0BSD
"""Let the doctest builder report where a failing ``testcode`` begins.

Sphinx adds the block's line to itself: a failure at line 15 is told as 29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.ext.doctest import DocTestBuilder

if TYPE_CHECKING:
    import doctest

    from sphinx.application import Sphinx
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


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the place of Sphinx's builder."""
    app.setup_extension("sphinx.ext.doctest")
    app.add_builder(TruthfulDocTestBuilder, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
