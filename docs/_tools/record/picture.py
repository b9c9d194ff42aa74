"""Draws a recorded run as a picture that stands alone, for the README.

``docs/recordings/NAME.svg`` is such a picture, in the colours of its reader's
system, light or dark. The recorder keeps those that are there up to date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import ipcdocs.recording
from ipcdocs.recording.diagrams import sequence
from ipcdocs.recording.prose import Words

if TYPE_CHECKING:
    from ipcdocs.recording.model import Recording

SHEET = Path(ipcdocs.recording.__file__).parent / "static" / "recording.css"
RULE = re.compile(r"(?ms)^\.recording svg ([^{\n]+\{.*?\})")
MARGIN = 10
COLOURS = """\
svg {
  --color-foreground-primary: #000;
  --color-foreground-muted: #6b6f76;
  --color-background-secondary: #f8f9fb;
  --edge: #ccc;
  --mark: #0a4bff;
  background: #fff;
}
@media (prefers-color-scheme: dark) {
  svg {
    --color-foreground-primary: #ffffffcc;
    --color-foreground-muted: #9ca0a5;
    --color-background-secondary: #1a1c1e;
    --edge: #303335;
    --mark: #5ca5ff;
    background: #131416;
  }
}
"""


def picture(recording: Recording) -> str:
    """Return the drawing of a run, as the text of an SVG file.

    It has the rules of ``recording.css``, and the colours of the theme.
    """
    svg = sequence(Words(recording)).svg("title", MARGIN)
    rules = "\n".join(RULE.findall(SHEET.read_text("utf-8")))
    head, title, shapes = svg.partition("</title>\n")
    return f"{head}{title}<style>\n{COLOURS}{rules}\n</style>\n{shapes}"
