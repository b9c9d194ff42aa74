"""The theme is mended, and a fix that has nothing to mend stops the build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx.errors import ExtensionError, ThemeError

from ipcdocs.pages.furo_fixes import FIXES, DropDuplicateIds, mend
from tests.harness import markdown_blocks, small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PAGE = """# Page

```python
pass
```

```{list-table}
:name: wide

* - Cell
```

```{toctree}
:caption: Others

other
```
"""
MENDED = [
    '<div class="highlight"><pre tabindex="0">',
    'class="caption" role="heading" aria-level="2"',
    '<aside aria-label="Site" class="sidebar-drawer"',
    '<aside aria-label="Contents of this page" class="toc-drawer',
    '<nav aria-label="Up"><a href="#" class="back-to-top muted-link">',
    "<span>Back to top</span></a></nav>",
]
# What a page has of the theme, with something of each fix.
BODY = "".join(f"<p>{fix.text}</p>" for fix in FIXES if not fix.each) + (
    '<div class="highlight"><pre></pre></div>'
    '<p class="caption" role="heading"></p><pre tabindex="0"></pre>'
)


def build(folder: Path, **settings: Any) -> small_sites.Site:  # noqa: ANN401
    return small_sites.build(
        folder,
        {"index.md": PAGE, "other.md": "# Other\n"},
        "ipcdocs.pages.furo_fixes",
        html_theme="furo",
        templates_path=[str(markdown_blocks.DOCS / "_templates")],
        **settings,
    )


def test_the_theme_is_mended(tmp_path: Path) -> None:
    site = build(tmp_path)
    assert not site.warnings
    html = site.read("index.html")
    for text in MENDED:
        assert text in html
    assert html.count('id="wide"') == 1
    assert 'role="heading">' not in html
    # Pages without a listing, and those that Sphinx makes, are mended, too.
    for name in "other", "search", "genindex":
        assert MENDED[2] in site.read(f"{name}.html")


def test_each_fix_is_made_wherever_it_is_wanted() -> None:
    html = mend(BODY + '<div class="highlight"><pre>')
    for fix in FIXES:
        assert fix.instead in html
    assert html.count('<pre tabindex="0">') == 3


@pytest.mark.parametrize("fix", FIXES, ids=lambda fix: fix.text)
def test_a_fix_without_its_text_fails(fix: Any) -> None:  # noqa: ANN401
    changed = BODY.replace(fix.text, fix.text.replace(" ", "  ", 1))
    assert changed != BODY
    with pytest.raises(ExtensionError) as failed:
        mend(changed)
    assert repr(fix.text) in str(failed.value)


def test_the_build_fails_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = (*FIXES, FIXES[-1]._replace(text="not in the theme"))
    monkeypatch.setattr("ipcdocs.pages.furo_fixes.FIXES", other)
    with pytest.raises(ThemeError, match="not in the theme"):
        build(tmp_path)


def test_the_build_fails_if_tables_are_not_wrapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap = "furo.WrapTableAndMathInAContainerTransform.run"
    monkeypatch.setattr(wrap, lambda *_, **__: None)
    with pytest.raises(ExtensionError, match="table-wrapper"):
        build(tmp_path)


def test_a_table_without_ids_has_to_be_wrapped_as_well() -> None:
    document = new_document("page")
    document += nodes.table()
    with pytest.raises(ExtensionError, match="table-wrapper"):
        DropDuplicateIds(document).run()
