"""Below a program's listing stands where it is, and who has run it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from ipcdocs.verification import results_file
from tests.harness import small_sites

if TYPE_CHECKING:
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PAGE = """# Page

```{literalinclude} ../ipc_examples/one.py
:lines: 1
```

```{literalinclude} ../ipc_examples/one.py
```

Again:

```{literalinclude} ../ipc_examples/one.py
:caption: Again
```

```{literalinclude} ../ipc_examples/two.py
:caption: Another
```

See {ref}`listing-of-one` and {ref}`listing-of-two`.

```{py:module} ipc_examples.one
```

```{py:module} ipc_examples.two
```

(test-of-one)=
(test-of-two)=

## Tests
"""
PASSED = {"passed": 2, "failed": 0, "when": "2000-01-02"}
GOOD = "Run by 2 tests, which passed: Python 3.x, UNIX, 2000-01-02"


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "test-results.json"
    monkeypatch.setattr(results_file, "FILE", file)
    return file


def build(
    folder: Path, results: Path, one: dict[str, Any], builder: str = "html"
) -> small_sites.Site:
    """Build a page with two programs, of which one has these results."""
    (folder / "ipc_examples").mkdir()
    for name in "one", "two":
        (folder / "ipc_examples" / f"{name}.py").write_text("pass\npass\n")
    members = {
        "digest": results_file.digest(),
        "python": "3.x",
        "system": "UNIX",
        "programs": {"one": one, "two": {**PASSED, "passed": 1}},
    }
    results.write_text(json.dumps(members))
    return small_sites.build(
        folder,
        {"index.md": PAGE},
        "ipcdocs.verification.listing_footer",
        builder=builder,
    )


def lines(site: small_sites.Site) -> list[str]:
    """Return the texts of the lines below listings."""
    found = re.findall(
        r'<p class="listing-footer">(.+?)</p>', site.read("index.html")
    )
    return [re.sub("<.+?>", "", text) for text in found]


def test_a_listing_has_an_anchor_and_a_line(
    tmp_path: Path, results: Path
) -> None:
    site = build(tmp_path, results, PASSED)
    assert not site.warnings
    html = site.read("index.html")
    assert lines(site) == [
        f"Download one.py · Its page · Its test · {GOOD}",
        "Download two.py · Its page · Its test · "
        + GOOD.replace("2 tests", "1 test"),
    ]
    footers = re.findall(r'<p class="listing-footer">(.+?)</p>', html)
    for name, footer in zip(("one", "two"), footers, strict=True):
        own, test = re.findall(r'href="(#.+?)"', footer)
        assert own == f"#module-ipc_examples.{name}"
        assert test == f"#test-of-{name}"
        assert html.count(f'id="{name}-py"') == 1
        assert f'href="#{name}-py"' in html
        (file,) = re.findall(rf'href="(_downloads/\w+/{name}.py)"', html)
        assert site.read(file) == "pass\npass\n"
    # It is the first whole listing that has the anchor.
    begin = html.index('id="one-py"')
    assert "Again" in html[begin:]
    assert html.count("pass", 0, begin) == 1


@pytest.mark.parametrize(
    "one",
    [{}, PASSED | {"passed": 0}, PASSED | {"failed": 1}],
    ids=["not run", "none passed", "one failed"],
)
def test_warns_of_a_program_that_is_not_verified(
    tmp_path: Path, results: Path, one: dict[str, Any]
) -> None:
    site = build(tmp_path, results, one)
    (warning,) = site.warnings.splitlines()
    assert "no test has run one.py as it is now, or one has failed" in warning
    assert lines(site)[0].endswith(" · Not verified")


def test_a_book_has_neither_files_nor_tests(
    tmp_path: Path, results: Path
) -> None:
    site = build(tmp_path, results, PASSED, "text")
    assert not site.warnings
    paragraphs = site.read("index.txt").split("\n\n")
    unwrapped = [" ".join(paragraph.split()) for paragraph in paragraphs]
    assert f"Its page · {GOOD}" in unwrapped
