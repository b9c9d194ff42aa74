"""A figure has the number that its name has, and all figures are listed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ipcdocs.pages import figure_list
from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PAGE = """# Page

```{code-block} text
:name: figure-2b
:caption: A listing

listing
```

:::{table} A table
:name: figure-10

| a |
|---|
| b |
:::

```{code-block} text
:name: figure-2a
:caption: Another *listing*

listing
```

:::{figure} image.svg
:name: figure-1

A figure
:::

```{code-block} text
:name: figured-1
:caption: Not a figure

listing
```

See {ref}`figure-2b`.

```{figure-list}
```
"""
IMAGE = '<svg xmlns="http://www.w3.org/2000/svg"/>'


def build(folder: Path, page: str, builder: str = "text") -> small_sites.Site:
    texts = {"index.md": page, "image.svg": IMAGE}
    return small_sites.build(
        folder, texts, "ipcdocs.pages.figure_list", builder=builder
    )


def test_figures_are_numbered_and_listed(tmp_path: Path) -> None:
    site = build(tmp_path, PAGE)
    warnings = re.findall(r"index\.md:\d+: WARNING: (.+)", site.warnings)
    assert warnings == [
        f"figure {number} is missing" for number in range(3, 10)
    ]
    text = site.read("index.txt")
    for caption in "Figure 2b. A listing", "Figure 10. A table":
        assert text.count(caption) > 1  # also in the list
    assert "\nNot a figure\n" in text
    assert "See Figure 2b. A listing." in text
    assert re.findall(r"^\* (.+)", text, re.MULTILINE) == [
        "Figure 1. A figure",
        "Figure 2a. Another listing",
        "Figure 2b. A listing",
        "Figure 10. A table",
    ]


def test_without_a_caption_there_is_no_figure(tmp_path: Path) -> None:
    page = "# Page\n\n```{code-block} text\n:name: figure-1\n\na\n```\n"
    warnings = build(tmp_path, page).warnings
    assert re.search(
        r"index\.md:3: WARNING: figure-1 has no caption", warnings
    )


def test_the_number_is_not_written(tmp_path: Path) -> None:
    page = PAGE.replace("A table", "Figure 10. A table")
    warnings = re.search(
        r"index\.md:\d+: .*the number is", build(tmp_path, page).warnings
    )
    assert warnings


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ("", ""),
        ("1", ""),
        ("1 2a 2b 3", ""),
        ("2", "1"),
        ("1 3", "2"),
        ("1 2b", "2"),
        ("1 2a 2c 3", "2"),
        ("1 2 2a", "2"),
    ],
)
def test_gaps_in_the_numbers_are_found(names: str, missing: str) -> None:
    found = figure_list.gaps([f"figure-{name}" for name in names.split()])
    assert found == [f"figure {name}" for name in missing.split()]
