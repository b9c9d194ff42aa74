"""Text with double backquotes becomes a paragraph with code."""

from __future__ import annotations

import pytest
from docutils import nodes

from ipcdocs.markup import paragraph


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", [(nodes.Text, "plain")]),
        (
            "a ``b`` c",
            [(nodes.Text, "a "), (nodes.literal, "b"), (nodes.Text, " c")],
        ),
        (
            "``a`` `b`",
            [(nodes.Text, ""), (nodes.literal, "a"), (nodes.Text, " `b`")],
        ),
    ],
)
def test_paragraph(text: str, parts: list[tuple[type, str]]) -> None:
    found = paragraph(text)
    assert [(type(part), part.astext()) for part in found.children] == parts
    assert found.tagname == "paragraph"
