"""A program's listing has a caption that the program itself has given it."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PROGRAM = '''"""Send a message as ``prog1 | prog2`` does.

Not this.
"""

class One:
    """Something else."""

    def send(self):
        """Send it
        all.
        """

def dumb():
    pass
'''


def captions(
    folder: Path, options: str, file: str = "../ipc_examples/one.py"
) -> tuple[list[str], str]:
    """Build a page with a listing; return its captions, and the warnings."""
    (folder / "ipc_examples").mkdir()
    (folder / "ipc_examples" / "one.py").write_text(PROGRAM)
    page = f"# Page\n\n```{{literalinclude}} {file}\n{options}\n```\n"
    texts = {"index.md": page, "two.py": PROGRAM}
    site = small_sites.build(folder, texts, "ipcdocs.pages.listings")
    found = re.findall(
        r'<span class="caption-text">(.*?)</span><a', site.read("index.html")
    )
    plain = [re.sub("</?code.*?>|</?span.*?>", "`", text) for text in found]
    return [re.sub("`+", "`", unescape(text)) for text in plain], site.warnings


@pytest.mark.parametrize(
    ("options", "caption"),
    [
        (":caption:", "`one.py`: send a message as `prog1` `|` `prog2` does"),
        (
            ":caption:\n:pyobject: One.send",
            "`One.send` of `one.py`: send it all",
        ),
        (":caption:\n:pyobject: One", "`One` of `one.py`: something else"),
        (":caption:\n:pyobject: dumb", "`dumb` of `one.py`"),
    ],
)
def test_says_what_the_docstring_says(
    tmp_path: Path, options: str, caption: str
) -> None:
    assert captions(tmp_path, options) == ([caption], "")


def test_has_no_caption_unless_asked(tmp_path: Path) -> None:
    assert captions(tmp_path, "") == ([], "")


def test_may_not_say_anything_else(tmp_path: Path) -> None:
    found, warnings = captions(tmp_path, ':caption: "`one.py`: send"')
    assert found == []
    assert re.search(
        r"index\.md:3: ERROR: .*the caption of one.py is in its docstring",
        warnings,
    )


def test_a_part_that_is_not_there_is_refused(tmp_path: Path) -> None:
    found, warnings = captions(tmp_path, ":caption:\n:pyobject: nosuch")
    assert found == []
    assert "Object named 'nosuch' not found" in warnings


def test_other_files_have_captions_of_their_own(tmp_path: Path) -> None:
    found, warnings = captions(tmp_path, ":caption: A *file*", "two.py")
    assert (found, warnings) == (["A <em>file</em>"], "")
