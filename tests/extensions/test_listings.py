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

@property
def told(self):
    """Return

    all of it.
    """
    # Why.
    first = 1

    return first

def only():
    """Say nothing."""
'''


def site_with(
    folder: Path,
    options: str,
    file: str = "../ipc_examples/one.py",
    builder: str = "html",
) -> small_sites.Site:
    """Build a page with a listing."""
    (folder / "ipc_examples").mkdir()
    (folder / "ipc_examples" / "one.py").write_text(PROGRAM)
    page = f"# Page\n\n```{{literalinclude}} {file}\n{options}\n```\n"
    texts = {"index.md": page, "two.py": PROGRAM}
    return small_sites.build(
        folder, texts, "ipcdocs.pages.listings", builder=builder
    )


def captions(
    folder: Path, options: str, file: str = "../ipc_examples/one.py"
) -> tuple[list[str], str]:
    """Build a page with a listing; return its captions, and the warnings."""
    site = site_with(folder, options, file)
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


def listing_of(site: small_sites.Site) -> str:
    """Return the text of a page's listing, with its line numbers."""
    [found] = re.findall(r"(?s)<pre>(.*?)</pre>", site.read("index.html"))
    return unescape(re.sub("<.*?>", "", found))


TOLD = """\
17@property
18def told(self):
23    # Why.
24    first = 1
25
26    return first
"""


def test_a_part_is_shown_without_its_docstring(tmp_path: Path) -> None:
    """Its lines have the numbers that they have in the file."""
    site = site_with(tmp_path, ":pyobject: told\n:lineno-match:")
    assert (listing_of(site), site.warnings) == (TOLD, "")


def test_numbers_are_those_of_the_lines_shown_if_so_asked(
    tmp_path: Path,
) -> None:
    site = site_with(tmp_path, ":pyobject: told")
    assert listing_of(site) == re.sub("(?m)^[0-9]+", "", TOLD)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("dumb", "14def dumb():\n15    pass\n"),
        ("only", '28def only():\n29    """Say nothing."""\n'),
        (
            "One.send",
            " 9    def send(self):\n10        " + '"""Send it\n11        all.',
        ),
    ],
)
def test_a_part_with_nothing_else_is_shown_as_it_is(
    tmp_path: Path, name: str, shown: str
) -> None:
    site = site_with(tmp_path, f":pyobject: {name}\n:lineno-match:")
    assert listing_of(site).startswith(shown)


def test_other_files_are_shown_with_their_docstrings(tmp_path: Path) -> None:
    site = site_with(tmp_path, ":pyobject: told", "two.py")
    assert '"""Return\n\n    all of it.\n    """' in listing_of(site)


def test_paper_has_no_numbers_that_would_be_wrong(tmp_path: Path) -> None:
    site = site_with(
        tmp_path, ":pyobject: told\n:lineno-match:", builder="latex"
    )
    [listing] = re.findall(
        r"(?s)\\begin\{sphinxVerbatim\}(.*?)\\end", site.read("site.tex")
    )
    assert "told" in listing
    assert "all of it" not in listing
    assert "numbers" not in listing


FOLDED = ":caption:\n:folded:"
SUMMARY = "<summary>The whole program: one.py, 29 lines</summary>"


def test_a_listing_can_be_folded(tmp_path: Path) -> None:
    site = site_with(tmp_path, FOLDED)
    assert site.warnings == ""
    [inside] = re.findall(
        rf'(?s)<details class="listing-folded">\s*{SUMMARY}(.*?)</details>',
        site.read("index.html"),
    )
    assert '<span class="caption-text">' in inside
    assert listing_of(site) == PROGRAM


def test_a_book_has_nothing_folded(tmp_path: Path) -> None:
    site = site_with(tmp_path, FOLDED, builder="epub")
    page = site.read("index.xhtml")
    assert "Send it" in page
    assert "<details" not in page
    assert "</details" not in page


def test_text_has_nothing_folded(tmp_path: Path) -> None:
    site = site_with(tmp_path, FOLDED, builder="text")
    assert "Send it" in site.read("index.txt")
