# SPDX-License-Identifier: 0BSD
"""Where the parts of the project are, and which files are its programs."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


def is_program(file: Path) -> bool:
    """Return True if a file is one of the programs."""
    return file.suffix == ".py" and file.parent.name == "ipc_examples"


def is_whole(text: str, file: Path) -> bool:
    """Return True if a text is all of a program's file."""
    return is_program(file) and text.strip() == file.read_text("utf-8").strip()
