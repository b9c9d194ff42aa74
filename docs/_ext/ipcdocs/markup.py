# SPDX-License-Identifier: 0BSD
"""Turns the text that extensions make into nodes of docutils."""

from __future__ import annotations

from docutils import nodes


def paragraph(text: str) -> nodes.paragraph:
    """Return a paragraph; what is between double backquotes is code."""
    result = nodes.paragraph()
    for i, part in enumerate(text.split("``")):
        result += nodes.literal("", part) if i % 2 else nodes.Text(part)
    return result
