# SPDX-License-Identifier: 0BSD
"""Sphinx's configuration: settings only, no logic."""

import doctest
import os
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

project = "UNIX interprocess communication in Python"
author = "The ipc-examples authors"
copyright = "2026, The ipc-examples authors. Prose CC BY 4.0, programs 0BSD"
html_title = "UNIX IPC in Python"
language = "en"
with (HERE.parent / "pyproject.toml").open("rb") as file:
    version = release = tomllib.load(file)["project"]["version"]

extensions = [
    # Others': Markdown, pages made from docstrings, links, and buttons.
    "autodoc2",
    "myst_parser",
    "notfound.extension",
    "sphinx.ext.intersphinx",
    "sphinx_codeautolink",
    "sphinx_copybutton",
    # Ours: _ext/ipcdocs/README.md is their map.
    "ipcdocs.output",  # books, what is loaded with a page, llms.txt
    "ipcdocs.pages",  # listings, the list of figures, the index, the theme
    "ipcdocs.recording",  # what programs asked of the system
    "ipcdocs.transcript",  # what terminals show
    "ipcdocs.verification",  # runs the tests, and shows what came of them
]
exclude_patterns = ["_build", "_ext"]

# The pages.
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4
manpages_url = (
    "https://man7.org/linux/man-pages/man{section}/{page}.{section}.html"
)
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", ("python.inv",)),
}
nitpicky = True
copybutton_selector = "div.highlight pre, div.transcript-typed pre"
copybutton_exclude = (
    ".linenos, .transcript-prompt, .transcript-output, .transcript-key"
)
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
tests_command = [
    *("pytest", "-q", "-m", "not slow"),
    *("tests/contract", "tests/faults", "tests/programs", "tests/site"),
]
doctest_test_doctest_blocks = ""  # only what says that it is a test
# Sphinx's default does not compare what an exception says.
doctest_default_flags = doctest.ELLIPSIS | doctest.DONT_ACCEPT_TRUE_FOR_1
trim_doctest_flags = True

# The pages about the programs, made from their docstrings.
autodoc2_packages = ["../ipc_examples"]
autodoc2_output_dir = "reference/api"
autodoc2_index_template = None
autodoc2_render_plugin = "ipcdocs.pages.program_pages.ProgramRenderer"
autodoc2_hidden_objects = {"dunder", "private", "inherited"}
autodoc2_skip_module_regexes = [r".*\.__main__"]
autodoc2_class_docstring = "both"
add_module_names = False

# How it looks.
templates_path = ["_templates"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_favicon = "_static/favicon.svg"
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
notfound_urls_prefix = urlsplit(html_baseurl).path or "/"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

# The books.
epub_basename = "ipc-examples"
epub_show_urls = "no"
epub_tocdepth = 2
epub_tocscope = "includehidden"
latex_documents = [("index", "ipc-examples.tex", project, author, "manual")]
latex_additional_files = ["_ext/ipcdocs/output/book.sty"]
latex_domain_indices = False
latex_show_pagerefs = True
latex_show_urls = "footnote"
latex_elements = {
    "extraclassoptions": "oneside,openany",
    "fncychap": "",
    "preamble": r"\usepackage{book}",
}
