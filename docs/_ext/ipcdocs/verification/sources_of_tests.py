# SPDX-License-Identifier: 0BSD
"""Puts the tests on the site to which the page of faults leads.

Each of their files has a page, as sphinx.ext.viewcode makes them: without a
place in the contents, in the search or in the books.
"""

from __future__ import annotations

import ast
from html import escape
from typing import TYPE_CHECKING, Any

from ipcdocs.project import ROOT
from ipcdocs.verification import shown_results
from ipcdocs.verification.shown_results import test_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.util.typing import ExtensionMetadata

    from ipcdocs.verification.results_file import Result

LINKED = "links-to-tests"  # in the metadata of a page that needs them
BODY = """<h1 class="test-source">{file}</h1>
<p>{summary} The results are in <a href="{back}">{title}</a>.</p>
<div class="test-source highlight-python notranslate">{listing}</div>
"""
META = '<meta name="description" content="{}">'


def are_written(builder: Builder) -> bool:
    """Return True if a builder makes a site: a book has no tests."""
    return builder.format == "html" and builder.name != "epub"


def page_of(file: str) -> str:
    """Return the name of the page of a file."""
    return file.removesuffix(".py")


def uris(
    builder: Builder, page: str, results: Iterable[Result]
) -> Callable[[Result], str]:
    """Return a function that returns the address of a result's test.

    :param builder: that of the site
    :param page: the name of the page from which to go there
    :param results: those that may be asked for
    """
    lines = {file: first_lines(file) for file in files_of(results)}

    def uri(result: Result) -> str:
        file, _, test = result["tests"][0].partition("::")
        there = builder.get_relative_uri(page, page_of(file))
        return f"{there}#line-{lines[file].get(test, 1)}"

    return uri


def files_of(results: Iterable[Result]) -> list[str]:
    """Return the files of the tests from which results come."""
    return sorted({name for each in results for name in test_files(each)})


def source_of(file: str) -> str:
    """Return the text of a file of the project."""
    return (ROOT / file).read_text("utf-8")


def first_lines(file: str) -> dict[str, int]:
    """Return the line at which each test begins, decorators included."""
    return dict(named_lines(ast.parse(source_of(file)), ""))


def named_lines(
    tree: ast.Module | ast.ClassDef, prefix: str
) -> Iterator[tuple[str, int]]:
    """Yield the names of classes and functions, with their first lines."""
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            first = min(part.lineno for part in (*node.decorator_list, node))
            yield f"{prefix}{node.name}", first
        if isinstance(node, ast.ClassDef):
            yield from named_lines(node, f"{prefix}{node.name}::")


def write(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the name, context and template of a page for each file."""
    env, builder = app.env, app.builder
    linked = [page for page, told in env.metadata.items() if LINKED in told]
    if not linked or not are_written(builder):
        return
    highlight = builder.highlighter.highlight_block  # type: ignore[attr-defined]
    for file in files_of(shown_results.load().results):
        page, source = page_of(file), source_of(file)
        summary = summary_of(source)
        text = f"{file}: {summary}"
        body = BODY.format(
            file=file,
            summary=escape(summary),
            back=builder.get_relative_uri(page, linked[0]),
            title=escape(env.titles[linked[0]].astext()),
            listing=highlight(source, "python", linespans="line"),
        )
        context = {
            "title": file,
            "body": body,
            "meta": {"description": text},
            "metatags": META.format(escape(text)),
        }
        yield page, context, "page.html"


def summary_of(source: str) -> str:
    """Return the first line of a file's docstring."""
    text = ast.get_docstring(ast.parse(source)) or ""
    return text.partition("\n")[0]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write them at the end of a build."""
    app.connect("html-collect-pages", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
