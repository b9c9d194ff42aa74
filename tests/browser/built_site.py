"""The site that the build left, and the options that open it."""

from pathlib import Path

HERE = Path(__file__).parent
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
PROGRAMS = sorted(
    file.stem for file in HERE.parents[1].glob("ipc_examples/[!_]*.py")
)


def page_of(program: str) -> str:
    """Return the page of a program."""
    return f"reference/api/ipc_examples/ipc_examples.{program}.html"
