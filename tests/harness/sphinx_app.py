"""Runs Sphinx. Who imports this has 20 MB more, which each fork copies."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from jinja2.bccache import Bucket, BytecodeCache
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.testing.util import SphinxTestApp

if TYPE_CHECKING:
    from pathlib import Path

COLOUR = re.compile(r"\x1b\[[\d;]*m")


class KeptTemplates(BytecodeCache):
    """Keeps what Jinja has compiled: each small site has the same templates.

    Jinja compares a checksum of the source itself.
    """

    def __init__(self) -> None:
        self.compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if compiled := self.compiled.get(bucket.key):
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.compiled[bucket.key] = bucket.bytecode_to_string()


KEPT = KeptTemplates()


def run(
    builder: str, source: Path, folder: Path, settings: dict[str, Any]
) -> tuple[Path, str]:
    """Make a site of the pages in *source*.

    :param folder: gets the output
    :param settings: what ``conf.py`` would hold
    :returns: where it is, and what the builder complained of
    """
    logging.disable(logging.DEBUG)  # Sphinx tells all that it registers
    try:
        app = SphinxTestApp(builder, source, folder, confoverrides=settings)
        if isinstance(app.builder, StandaloneHTMLBuilder):
            app.builder.templates.environment.bytecode_cache = KEPT
        try:
            app.build()
        finally:
            app.cleanup()
    finally:
        logging.disable(logging.NOTSET)
    return app.outdir, COLOUR.sub("", app.warning.getvalue())
