"""A difference on a page is headed by the names of its files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PAGE = """# Page

```{literalinclude} new.txt
:diff: old.txt
```
"""
OLD = "one\n-- a/b\n"
NEW = "--- a/b\n+++ c/d\ntwo\n"
SHOWN = """\
   --- old.txt
   +++ new.txt
   @@ -1,2 +1,3 @@
   -one
   --- a/b
   +--- a/b
   ++++ c/d
   +two
"""


def test_names_only(tmp_path: Path) -> None:
    source, out, warnings = (
        tmp_path / "source",
        tmp_path / "out",
        io.StringIO(),
    )
    source.mkdir()
    for name, text in ("index.md", PAGE), ("old.txt", OLD), ("new.txt", NEW):
        (source / name).write_text(text, "utf-8")
    with docutils_namespace():
        app = Sphinx(
            source,
            None,
            out,
            tmp_path / "doctrees",
            "text",
            confoverrides={"extensions": ["myst_parser", "differences"]},
            status=None,
            warning=warnings,
        )
        app.build()
    assert not warnings.getvalue()
    shown = (out / "index.txt").read_text("utf-8")
    assert SHOWN in shown
    assert str(tmp_path) not in shown
