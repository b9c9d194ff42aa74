"""A book has a chapter for each page, and breaks its pages well."""

from __future__ import annotations

import re

import pytest

from tests.harness import markdown_blocks, small_sites

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PAGES = {
    "index.md": """# The site

What it is about.

## Contents

Words about {abbr}`IPC (interprocess communication)`.

```{toctree}
:caption: Part one

links
Another title <breaks>
```

```{toctree}
:caption: Part two

last
```
""",
    "links.md": """# Links

See {manpage}`pipe(2)`, {py:func}`os.pipe` and [this](https://example.org/).
""",
    "breaks.md": f"""# Breaks

What comes first.

It shows this:

```text
one
two
```

## After another listing

Only words.

These do not introduce it.

```text
one
```

```text
one
two
three
```

## With a caption

Only words.

```{{code-block}} text
:caption: {"A long caption " * 7}

one
```

## With what takes no room

Only words.

These do not introduce it.

```{{index}} single: spoon
```

```text
one
```

## Longer than a page

What comes first.

```text
{"a line" + chr(10) * 53}end
```

It is as long as there is room for:

```text
{"a line" + chr(10) * 51}end
```

It leaves no room for this:

```text
{"a line" + chr(10) * 52}end
```

## A transcript

```{{transcript}}
[A]
$ one

[B]
$ two
```
""",
    "last.md": "# Last\n\nWords.\n",
}
# The height of a title is 4 lines, of a paragraph 2, and of a listing 3 more
# than it has, and as many above its own caption.
OUTLINE = """\
chapter About this book
What it is about.
section Contents
Words about IPC.
part Part one
chapter Links
See pipe(2), os.pipe() and this
room for 14 lines
chapter Another title
What comes first.
It shows this:
listing
section After another listing
Only words.
These do not introduce it.
room for 5 lines
room for 12 lines
listing
listing
room for 13 lines
section With a caption
Only words.
listing
section With what takes no room
Only words.
These do not introduce it.
room for 5 lines
index spoon
listing
room for 22 lines
section Longer than a page
What comes first.
listing
It is as long as there is room for:
room for 56 lines
listing
room for 18 lines
It leaves no room for this:
listing
room for 16 lines
section A transcript
A
listing
B
listing
part Part two
chapter Last
Words.
"""
TOKEN = re.compile(
    r"""\\(part|chapter|section)\{(.+)\}$
      | \\(index)\{(\w+)@
      | \\sphinxAtStartPar\n(.+)
      | \\Needspace\{(\d+)\\listingskip\}
      | \\begin\{sphinxVerbatim\}""",
    re.MULTILINE | re.VERBOSE,
)
MANUAL = "https://docs.python.org/3"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the LaTeX of a book with two parts."""
    site = small_sites.build(
        tmp_path_factory.mktemp("book"),
        PAGES,
        "sphinx.ext.intersphinx",
        "ipcdocs.output.latex",
        "ipcdocs.transcript",
        builder="latex",
        intersphinx_mapping={
            "python": (MANUAL, (str(markdown_blocks.DOCS / "python.inv"),))
        },
        latex_show_urls="footnote",
        manpages_url="https://man.example/{page}.{section}",
    )
    assert not site.warnings
    return site.read("site.tex").partition(r"\begin{document}")[2]


def outline(book: str) -> list[str]:
    """Return a line for each part of a book."""
    lines = []
    for *parts, room in TOKEN.findall(book):
        text = " ".join(filter(None, parts))
        plain = re.sub(r"\\\w+(\{http[^}]*\})?|[{}%]", "", text)
        block = f"room for {room} lines" if room else "listing"
        lines.append(plain or block)
    return lines


def test_each_page_is_a_chapter_and_each_list_of_pages_a_part(
    book: str,
) -> None:
    assert outline(book) == OUTLINE.splitlines()


def test_only_what_is_in_no_manual_has_a_footnote(book: str) -> None:
    links = re.findall(r"\\sphinxhref\{(.+?)\}", book)
    assert links == [
        "https://man.example/pipe.2",
        rf"{MANUAL}/library/os.html\#os.pipe",
        "https://example.org/",
    ]
    notes = re.findall(
        r"\\begin\{footnote\}.*\n\\sphinxnolinkurl\{(.+)\}", book
    )
    assert notes == ["https://example.org/"]
