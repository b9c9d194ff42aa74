"""The index leads to what readers look for, and to places with a text."""

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
FRONT = """# Front page

## Spoons

```{index} single: spoon
```

A spoon.

```{code-block} text
:name: figure-2b
:caption: A figure

figure
```

```{toctree}
reference/symptoms/sending
reference/c-to-python
```
"""
SYMPTOMS = """# Symptoms: sending

Text.

## Broken pipe

`[Errno 32]`, `EPIPE` and `SIGPIPE`. More: `EINTR`; on macOS
`[Errno 33] Pipe broken`.

% find: write to nobody | a;b

```
Traceback (most recent call last):
os.BrokenPipeError: [Errno 32] Broken pipe: 'here'
```

`ENOENT` is elsewhere.
"""
NAMES = """# Names

| C | Python |
|---|---|
| `read`, `struct iovec` and `read` | `os.read` |
| `read` | `os.pread` |
| `recv()`, `3` | `recv` |
"""
INDEX = {
    "spoon": "index.html#spoons",
    "Figure 2b": "index.html#figure-2b",
    "read": "reference/c-to-python.html#c-read",
    "iovec": "reference/c-to-python.html#c-read",
    "recv": "reference/c-to-python.html#c-recv",
}
# A symptom's, as a reader would write them.
INDEX |= dict.fromkeys(
    (
        "Broken pipe",
        "Errno 32",
        "[Errno 32] Broken pipe",
        "[Errno 32] Broken pipe: 'here'",
        "BrokenPipeError: [Errno 32] Broken pipe",
        "BrokenPipeError: [Errno 32] Broken pipe: 'here'",
        "os.BrokenPipeError: [Errno 32] Broken pipe",
        "os.BrokenPipeError: [Errno 32] Broken pipe: 'here'",
        "EPIPE",
        "EINTR",
        "Errno 33",
        "Pipe broken",
        "[Errno 33] Pipe broken",
        "BrokenPipeError: [Errno 33] Pipe broken",
        "write to nobody",
    ),
    "reference/symptoms/sending.html#broken-pipe",
)


def test_an_entry_leads_to_an_answer(tmp_path: Path) -> None:
    texts = {
        "index.md": FRONT,
        "reference/symptoms/sending.md": SYMPTOMS,
        "reference/c-to-python.md": NAMES,
    }
    site = small_sites.build(tmp_path, texts, "ipcdocs.pages.index_entries")
    assert not site.warnings
    entries = re.findall(
        r'<li>(?:<strong>)?<a href="(.+?)">(?:<strong>)?(.+?)</',
        site.read("genindex.html"),
    )
    assert {unescape(name): target for target, name in entries} == INDEX
    for target in INDEX.values():
        page, _, anchor = target.partition("#")
        assert f'id="{anchor}"' in site.read(page)
