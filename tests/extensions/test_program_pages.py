"""A program's page has its members, then the program, its runs, its test."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipcdocs.pages import program_pages
from tests.harness import handmade, small_sites

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
SERVE = '''"""Serve somebody.

More of it.
"""

import sys

TIMEOUT = 0.5
"""How long it waits, in seconds."""

LARGEST = sys.maxsize
"""A number that has to be computed."""


def serve(number: int) -> str:
    """Serve some clients."""
    return ""


def _hidden() -> None:
    """Show nothing."""


class Client:
    """Somebody."""

    def name(self) -> str:
        """Return a name."""
        return ""
'''
PROGRAMS = "../ipc_examples"
TESTS = "../tests/programs"
PLACE = "reference/api/ipc_examples/ipc_examples"
PAGES = {
    "index.md": f"""# Page

(listing-of-client)=
(listing-of-serve)=

## Listings

```{{toctree}}
{PLACE}
```
""",
    f"{PROGRAMS}/__init__.py": '"""The programs."""\n',
    f"{PROGRAMS}/__main__.py": '"""Not this."""\n',
    f"{PROGRAMS}/client.py": '"""Ask somebody."""\n',
    f"{PROGRAMS}/serve.py": SERVE,
    f"{TESTS}/test_client.py": "first = 1\n",
    f"{TESTS}/test_serve.py": "second = 2\n",
    "recordings/both_of_them.json": replace(
        handmade.RUN, sources={"serve": "", "client": ""}
    ).dump(),
    "recordings/alone.json": replace(
        handmade.RUN, sources={"client": ""}
    ).dump(),
    "recordings/broken.json": "{}",
}
SERVE_PAGE = """\
serve
=====

.. py:module:: ipc_examples.serve

.. autodoc2-docstring:: ipc_examples.serve

.. py:data:: TIMEOUT
   :canonical: ipc_examples.serve.TIMEOUT
   :value: 0.5

   .. autodoc2-docstring:: ipc_examples.serve.TIMEOUT

.. py:data:: LARGEST
   :canonical: ipc_examples.serve.LARGEST

   .. autodoc2-docstring:: ipc_examples.serve.LARGEST

.. py:function:: serve(number: int) -> str
   :canonical: ipc_examples.serve.serve

   .. autodoc2-docstring:: ipc_examples.serve.serve

.. py:class:: Client
   :canonical: ipc_examples.serve.Client

   .. autodoc2-docstring:: ipc_examples.serve.Client

   .. py:method:: name() -> str
      :canonical: ipc_examples.serve.Client.name

      .. autodoc2-docstring:: ipc_examples.serve.Client.name

.. only:: not builder_html

   The whole program: :ref:`serve.py <listing-of-serve>`.

.. only:: builder_html

   The program
   -----------

   .. literalinclude:: /../ipc_examples/serve.py

   A recorded run: both of them
   ----------------------------

   .. run:: both_of_them

   Its peer client
   ---------------

   .. literalinclude:: /../ipc_examples/client.py

   .. _test-of-serve:

   Its test
   --------

   .. literalinclude:: /../tests/programs/test_serve.py

"""
PACKAGE_PAGE = """\
ipc_examples
============

.. py:module:: ipc_examples

.. autodoc2-docstring:: ipc_examples

.. list-table::
   :class: autosummary longtable
   :align: left

   * - :py:obj:`client <ipc_examples.client>`
     - .. autodoc2-docstring:: ipc_examples.client
          :summary:
   * - :py:obj:`serve <ipc_examples.serve>`
     - .. autodoc2-docstring:: ipc_examples.serve
          :summary:

.. toctree::
   :hidden:

   ipc_examples.client
   ipc_examples.serve
"""


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[small_sites.Site]:
    """Yield the pages of two programs that have met."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program_pages, "DOCS", folder / "docs")
        program_pages.recordings.cache_clear()
        yield small_sites.build(
            folder,
            PAGES,
            "autodoc2",
            "ipcdocs.recording",
            autodoc2_hidden_objects={"dunder", "private", "inherited"},
            autodoc2_index_template=None,
            autodoc2_output_dir="reference/api",
            autodoc2_packages=["../ipc_examples"],
            autodoc2_render_plugin=(
                f"{program_pages.__name__}.ProgramRenderer"
            ),
            autodoc2_skip_module_regexes=[r".*\.__main__"],
            nitpicky=True,
        )
    program_pages.recordings.cache_clear()


def source(site: small_sites.Site, page: str) -> list[str]:
    """Return the lines of a page as it was rendered, in reST."""
    docs: Path = site.out.parent / "docs"
    return (docs / page).read_text("utf-8").splitlines()


def test_a_program_s_page_has_all_of_it(site: small_sites.Site) -> None:
    assert source(site, f"{PLACE}.serve.rst") == SERVE_PAGE.splitlines()


def test_the_package_s_page_lists_the_programs(site: small_sites.Site) -> None:
    assert source(site, f"{PLACE}.rst") == PACKAGE_PAGE.splitlines()


def test_the_pages_can_be_built(site: small_sites.Site) -> None:
    assert not site.warnings
    html = site.read(f"{PLACE}.client.html")
    headings = re.findall(r"<h2>(.+?)<", html)
    assert headings == [
        "The program",
        "A recorded run: alone",
        "A recorded run: both of them",
        "Its peer serve",
        "Its test",
    ]
    assert 'id="run-alone"' in html
    assert 'id="test-of-client"' in html
