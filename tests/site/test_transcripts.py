"""Each terminal transcript on the site happens as its page shows it."""

from __future__ import annotations

import json
import sys

import pytest

from ipcdocs.transcript import syntax
from tests.harness import markdown_blocks, pseudo_terminals

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the pages show what Linux says"
)
TRANSCRIPTS = [
    pytest.param(page, block, id=f"{page}:{block.line - 1}")
    for page, block in markdown_blocks.blocks()
    if block.name == "{transcript}"
]


@pytest.mark.parametrize(("page", "block"), TRANSCRIPTS)
def test_transcript_happens_as_shown(
    page: str, block: markdown_blocks.Block
) -> None:
    path = f"docs/{page}"
    try:
        parsed = syntax.parse(block.text, block.line)
        values = pseudo_terminals.run(parsed, path)
    except syntax.TranscriptError as error:
        pytest.fail(f"{path}:{error.line}: {error}", pytrace=False)
    except pseudo_terminals.TranscriptMismatch as difference:
        pytest.fail(str(difference), pytrace=False)
    name = syntax.result_name(block.text)
    result = markdown_blocks.DOCS / syntax.RESULTS / name
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(values), "utf-8")
