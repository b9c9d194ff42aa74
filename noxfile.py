# SPDX-License-Identifier: 0BSD
"""The project's sessions: ``nox --list`` shows them."""

import os
import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["docs", "lint", "types"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)  # those of the classifiers
TOOLS = {"PYTHONPATH": os.pathsep.join(("docs/_tools", "docs/_ext"))}
BUILD = Path("docs/_build")
DOCTREES = BUILD / "doctrees"
BOOKS = BUILD / "books"
EPUBCHECK = "/usr/share/java/epubcheck.jar"  # Debian's
# What is 5 points too wide or too high, leads nowhere, or has no glyph.
TEX_FAULT = re.compile(
    r"""^(?: Overfull[ ]\\[hv]box[ ]\((?:[5-9]|\d\d)
           | .*(?: undefined | multiply[ -]defined | Missing[ ]character )
        ).*""",
    re.MULTILINE | re.VERBOSE,
)


def install(session: nox.Session, group: str) -> None:
    """Install a dependency group of pyproject.toml, unless that is done."""
    packages = nox.project.dependency_groups(PROJECT, group)
    done = Path(session.virtualenv.location) / "installed"
    if not done.exists() or done.read_text() != repr(packages):
        session.install(*packages)
        done.write_text(repr(packages))


def build(session: nox.Session, builder: str, *options: str) -> None:
    """Run one of Sphinx's builders, every warning an error."""
    strict = ("-n", "-W", "--keep-going", "-q", "-j", "auto", "-b", builder)
    where = ("-d", str(DOCTREES), "docs", str(BUILD / builder))
    session.run("sphinx-build", *strict, *options, *where)


@nox.session
def docs(session: nox.Session) -> None:
    """Execute every example, then build the site."""
    install(session, "docs")
    build(session, "html", "-E", "-a", "-D", "execute=1", *session.posargs)
    session.log(f"The site is in {BUILD / 'html' / 'index.html'}")


@nox.session
def live(session: nox.Session) -> None:
    """Show the site in a browser and rebuild what changes."""
    install(session, "live")
    watch = ("--watch", "ipc_examples", "--ignore", "docs/reference/api/*")
    where = ("-d", str(DOCTREES), "docs", str(BUILD / "html"))
    session.run("sphinx-autobuild", *watch, *session.posargs, *where)


@nox.session
def books(session: nox.Session) -> None:
    """Make and check the books, or those that are named: epub, html, pdf."""
    makers = {"epub": make_epub, "html": make_zip, "pdf": make_pdf}
    if unknown := {*session.posargs} - {*makers}:
        session.error(f"no such book: {', '.join(sorted(unknown))}")
    install(session, "docs")
    BOOKS.mkdir(parents=True, exist_ok=True)
    for name in session.posargs or makers:
        makers[name](session)
    session.log(f"The books are in {BOOKS}")


def make_epub(session: nox.Session) -> None:
    """Make the EPUB, and let a checker find nothing wrong with it."""
    build(session, "epub")
    book = shutil.copy(BUILD / "epub" / "ipc-examples.epub", BOOKS)
    check = ("java", "-jar", EPUBCHECK, "--failonwarnings", "--quiet")
    session.run(*check, str(book), external=True)


def make_zip(session: nox.Session) -> None:
    """Zip the site, which can be read from a disk."""
    build(session, "html", "-a")  # or the search forgets what has not changed
    shutil.make_archive(str(BOOKS / "ipc-examples"), "zip", BUILD, "html")


def make_pdf(session: nox.Session) -> None:
    """Make the PDF, and look in TeX's log for what does not show at once."""
    build(session, "latex")
    with session.chdir(BUILD / "latex"):
        quietly = ("-pdf", "-silent", "-interaction=nonstopmode")
        unbroken_lines = {"max_print_line": "1000", "LATEXOPTS": ""}
        latexmk = ("latexmk", *quietly, "ipc-examples.tex")
        session.run(*latexmk, external=True, env=unbroken_lines)
    log = BUILD / "latex" / "ipc-examples.log"
    if faults := TEX_FAULT.findall(log.read_text("utf-8", "replace")):
        session.error("\n".join(faults))
    shutil.copy(log.with_suffix(".pdf"), BOOKS)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that are named, or all, and then measure coverage."""
    install(session, "docs")
    session.run("pytest", *(session.posargs or ["--cov"]))


def tests_on(session: nox.Session) -> None:
    """Run the tests that are named, or all, on this Python."""
    install(session, "docs")
    session.run("pytest", *session.posargs)


# A session that nox itself makes for each Python would be run by its plain
# name on all of them: tests is to be the one on the Python that runs nox.
for version in PYTHONS:
    nox.session(name=f"tests-{version}", python=version)(tests_on)


@nox.session
def browser(session: nox.Session) -> None:
    """Judge the built site in Chromium, page by page, as readers use it."""
    install(session, "browser")
    quietly = ("--no-audit", "--no-fund", "--no-package-lock", "--silent")
    where = ("--prefix", "tests/browser", "--ignore-scripts")
    session.run("npm", "install", *quietly, *where, external=True)
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the servers, or by bench.site what the site's build costs."""
    install(session, "docs")
    session.run("python", "-m", *(session.posargs or ["bench"]), env=TOOLS)


@nox.session
def record(session: nox.Session) -> None:
    """Record anew what the programs do, or the named ones; needs strace."""
    install(session, "docs")
    session.run("python", "-m", "record", *session.posargs, env=TOOLS)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and layout."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of programs, tests and extensions, for each Python."""
    install(session, "types")
    for version in PYTHONS:
        session.run("mypy", "--python-version", version)
