"""``llms.txt`` has each page with its description and its shortest form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
LLMS = """\
# site

> This site is about pipes & sockets.

## Pages

- [Front page](https://example.org/_sources/index.md.txt): \
This site is about pipes & sockets.
- [Second](https://example.org/_sources/second.md.txt): A list.
- [Other](https://example.org/other.html):
"""


def build(folder: Path, **options: str) -> small_sites.Site:
    return small_sites.build(
        folder,
        small_sites.DESCRIBED,
        "ipcdocs.pages.meta_description",
        "ipcdocs.output.llms_txt",
        **options,
    )


def test_programs_that_read_get_the_descriptions(tmp_path: Path) -> None:
    site = build(tmp_path, html_baseurl="https://example.org/")
    assert not site.warnings
    text = site.read("llms.txt")
    assert [line.rstrip() for line in text.splitlines()] == LLMS.splitlines()
    assert text.endswith("\n")
    assert (site.out / "_sources" / "index.md.txt").exists()


def test_only_the_site_is_for_programs_that_read(tmp_path: Path) -> None:
    site = build(tmp_path, builder="text")
    assert not (site.out / "llms.txt").exists()
