"""A page's first paragraph is its description."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow


def test_the_first_paragraph_is_the_description(tmp_path: Path) -> None:
    site = small_sites.build(
        tmp_path, small_sites.DESCRIBED, "ipcdocs.pages.meta_description"
    )
    assert not site.warnings
    meta = '<meta content="{}" name="description" />'
    about = "This site is about pipes &amp; sockets."
    assert site.read("index.html").count(meta.format(about)) == 1
    assert meta.format("A list.") in site.read("second.html")
    assert 'name="description"' not in site.read("other.html")
