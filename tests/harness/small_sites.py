"""Builds small sites, to see what an extension makes of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Two pages with a paragraph that describes them, and one without.
DESCRIBED = {
    "index.md": """# Front page

This *site* is about
pipes & sockets.

Not this.

```{toctree}
second
other
```
""",
    "second.md": "# Second\n\n- A list.\n",
    "other.rst": "Other\n=====\n\n.. rubric:: No paragraph\n",
}


class Site(NamedTuple):
    """What a builder made, and what it complained of."""

    out: Path
    warnings: str

    def read(self, name: str) -> str:
        """Return the text of a file."""
        return (self.out / name).read_text("utf-8")


def build(
    folder: Path,
    pages: Mapping[str, str],
    *extensions: str,
    builder: str = "html",
    **settings: Any,  # noqa: ANN401 - those of conf.py
) -> Site:
    """Build a site from pages, or anew from what lies there of them.

    :param folder: where; its folder ``docs`` gets the pages
    :param pages: texts by the names of their files; ``index.md`` is one
    :param extensions: those to use beside ``myst_parser``
    :param builder: whose output to make
    :param settings: what ``conf.py`` would hold
    """
    source = folder / "docs"
    for name, text in ({"conf.py": ""} | {**pages}).items():
        file = source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    settings = {
        "extensions": ["myst_parser", *extensions],
        "html_theme": "basic",
        "myst_enable_extensions": ["colon_fence"],
        "project": "site",
        "suppress_warnings": ["misc.copy_overwrite"],
    } | settings
    # Not before it is needed: each fork of a worker would copy it.
    from tests.harness import sphinx_app  # noqa: PLC0415

    return Site(*sphinx_app.run(builder, source, folder, settings))
