"""Listings have the links that sphinx-codeautolink alone would make."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from docutils import nodes
from sphinx.errors import ExtensionError

from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
OURS = "ipcdocs.pages.code_links"
THEIRS = "sphinx_codeautolink"
DOCUMENTED = """# Page

```{py:function} os.pipe()
```
```{py:class} socket.socket
```
```{py:method} socket.socket.close()
```
"""
LISTINGS = """# Other

```python
import os, \\
    socket
from socket import socket as new

os.pipe, os.pipe = os.pipe, None
if "<" < '"':
    new().close()
socket.socket(
    1,
).close()
(os
    .pipe)()
```

```{code-block} python
:linenos:
:caption: The same

import os
os.pipe()
```

```pycon
>>> import os
>>> def pipe():
...     return os.pipe()
...
>>> "os.pipe"
'os.pipe'
```

{.broken}
```
import os
os.close(os.pipe()[0])
```

```c
os.pipe();
```

    >>> import os
    >>> os.pipe()
"""
ORPHAN = "---\norphan: true\n---\n\n"
PAGES = {
    "index.md": DOCUMENTED + LISTINGS,
    "below/deep/other.md": ORPHAN + LISTINGS,
}
LINK = re.compile(r"<a ([^>]*sphinx-codeautolink-a[^>]*)>(.*?)</a>", re.DOTALL)


def links(html: str) -> list[tuple[dict[str, str], str]]:
    """Return the attributes and the text of each link."""
    return [
        (dict(re.findall(r'(\w+)="([^"]*)"', attributes)), text)
        for attributes, text in LINK.findall(html)
    ]


def listings(html: str) -> list[str]:
    """Return the listings as they would be without links."""
    return re.findall("<pre>.*?</pre>", LINK.sub(r"\2", html), re.DOTALL)


@pytest.mark.parametrize("builder", ["html", "dirhtml"])
def test_links_are_those_of_sphinx_codeautolink(
    tmp_path: Path, builder: str
) -> None:
    sites = [
        small_sites.build(
            tmp_path / str(number), PAGES, *extensions, builder=builder
        )
        for number, extensions in enumerate([(OURS,), (THEIRS,), ()])
    ]
    assert not any(site.warnings for site in sites)
    for page in PAGES:
        name = page.replace(".md", ".html")
        if builder == "dirhtml" and name != "index.html":
            name = name.replace(".html", "/index.html")
        ours, theirs, none = (site.read(name) for site in sites)
        assert len(links(ours)) == 12
        assert links(ours) == links(theirs)
        assert listings(ours) == listings(none)


def test_leads_to_where_a_name_is_described(tmp_path: Path) -> None:
    site = small_sites.build(tmp_path, PAGES, OURS)
    to_pipe = {
        "href": "../../index.html#os.pipe",
        "class": "sphinx-codeautolink-a",
    }
    to_close = {
        "href": "../../index.html#socket.socket.close",
        "title": "socket.socket.close",
        "class": "sphinx-codeautolink-a",
    }
    found = links(site.read("below/deep/other.html"))
    pipe = '<span class="n">os</span><span class="o">.</span>'
    assert (to_pipe, f'{pipe}<span class="n">pipe</span>') in found
    assert (to_close, '<span class="n">close</span>') in found


def test_no_page_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = f"{THEIRS}.extension.block.BeautifulSoup"
    monkeypatch.delattr(parser)
    site = small_sites.build(tmp_path, PAGES, OURS)
    assert links(site.read("index.html"))


@pytest.mark.parametrize("suffix", ["md", "rst"])
def test_a_page_that_is_written_anew_has_its_links(
    tmp_path: Path, suffix: str
) -> None:
    texts = {
        "md": "# Other\n\n```python\nimport os\nos.pipe()\n```\n",
        "rst": "Other\n=====\n\n.. code:: python\n\n  import os\n  os.pipe()",
    }
    pages = {"index.md": DOCUMENTED, f"other.{suffix}": texts[suffix]}
    first = small_sites.build(tmp_path, pages, OURS)
    written = first.read("other.html")
    (first.out / "other.html").unlink()
    # What is read anew, and what was read before, are both known.
    pages = {"index.md": DOCUMENTED + "\nMore.\n"}
    second = small_sites.build(tmp_path, pages, OURS)
    assert "More." in second.read("index.html")
    assert len(links(written)) == 1
    assert links(second.read("other.html")) == links(written)


def test_a_page_that_an_extension_has_just_made_has_its_links(
    tmp_path: Path,
) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text(
        '"""Example:\n\n>>> import os\n>>> os.pipe()\n"""\n'
    )
    settings: dict[str, Any] = {
        "autodoc2_packages": ["../package"],
        "autodoc2_output_dir": "made",
    }
    pages = {"index.md": DOCUMENTED}
    site = small_sites.build(tmp_path, pages, OURS, "autodoc2", **settings)
    assert len(links(site.read("made/package/package.html"))) == 1


def test_what_is_not_highlighted_is_left_alone(tmp_path: Path) -> None:
    rest = "Other\n=====\n\n::\n\n  import os\n  os.pipe()\n\n"
    parsed = ".. parsed-literal::\n\n  import os\n  os.pipe(\\ )\n"
    pages = {"index.md": DOCUMENTED, "other.rst": rest + parsed}
    html = small_sites.build(tmp_path, pages, OURS).read("other.html")
    assert len(links(html)) == 1
    assert '<pre class="literal-block">import os\nos.pipe()</pre>' in html


@pytest.mark.parametrize("builder", ["epub", "text", "pseudoxml"])
def test_other_formats_are_left_alone(tmp_path: Path, builder: str) -> None:
    html = small_sites.build(tmp_path, PAGES, OURS)  # reads the pages for all
    assert links(html.read("index.html"))
    settings = {"version": "1", "epub_copyright": "0BSD"}
    made = small_sites.build(
        tmp_path, PAGES, OURS, builder=builder, **settings
    )
    assert not made.warnings
    suffix = {"epub": "xhtml", "text": "txt", "pseudoxml": "pseudoxml"}
    text = made.read(f"index.{suffix[builder]}")
    assert "socket" in text
    assert not LINK.search(text)
    assert "linked_listing" not in text


def test_a_name_that_is_not_in_its_listing_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Not before they are needed: each fork of a worker would copy their 20 MB.
    from sphinx_codeautolink.parse import parse_names  # noqa: PLC0415

    from ipcdocs.pages.code_links import Link, add_links  # noqa: PLC0415

    where = nodes.literal_block()
    (name,) = parse_names("import os", where)
    html = '<pre><span class="kn">import</span> <span class="nn">io</span>'
    assert add_links(html, [Link(name, "os", "os.html")], where) == html
    assert "a name that is to be a link is not in the listing: os" in (
        caplog.text
    )


def test_the_build_fails_if_the_links_cannot_be_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{OURS}.SphinxCodeAutoLink", SimpleNamespace)
    with pytest.raises(ExtensionError, match=f"see what {OURS} expects"):
        small_sites.build(tmp_path, PAGES, OURS)
