"""A difference on a page is headed by the names of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import small_sites

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


def test_a_diff_is_headed_by_file_names_only(tmp_path: Path) -> None:
    texts = {"index.md": PAGE, "old.txt": OLD, "new.txt": NEW}
    site = small_sites.build(
        tmp_path, texts, "ipcdocs.pages.diff_headings", builder="text"
    )
    assert not site.warnings
    shown = site.read("index.txt")
    assert SHOWN in shown
    assert str(tmp_path) not in shown
