"""The site that the build left, and the options that open it."""

from pathlib import Path

HERE = Path(__file__).parent / "browser"
SITE = HERE.parents[1] / "docs" / "_build" / "html"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
)
PAGES = sorted(
    file.relative_to(SITE).as_posix() for file in SITE.rglob("*.html")
)
