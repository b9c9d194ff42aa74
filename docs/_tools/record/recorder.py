"""Records what the programs of a transcript ask of the system.

It runs the transcripts that have the option ``record``, or those that are
named, with every ``python`` under strace, and writes
``docs/recordings/NAME.json``, unless that file tells the same, and beside it
``NAME.txt``, its snapshot: read what has changed in it before you commit it.
``docs/_ext/ipcdocs/recording/model.py`` describes the one, ``snapshot.py`` the
other. A picture, ``NAME.svg``, is drawn anew where there is one.
"""

from __future__ import annotations

import functools
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ipcdocs.recording import model
from ipcdocs.transcript import syntax
from record import strace_log
from record.interpret import Interpreter, NotUnderstoodError, comparable
from record.picture import picture
from record.snapshot import snapshot
from tests.harness import markdown_blocks, pseudo_terminals

if TYPE_CHECKING:
    from ipcdocs.recording.model import Recording

PROGRAMS = pseudo_terminals.ROOT / "ipc_examples"
RECORDINGS = markdown_blocks.DOCS / "recordings"
TRACE_LINES = Path(__file__).with_name("trace_lines.py")


def trace(
    parsed: syntax.Transcript, page: str
) -> tuple[list[strace_log.Traced], dict[str, str]]:
    """Run a transcript under strace.

    Returns its processes, the first to begin first, and its samples.

    :raises strace_log.Unrecordable: if there is no strace, or it may not trace
    :raises pseudo_terminals.TranscriptMismatch: if something else happens
    """
    traced = strace_log.command()
    with tempfile.TemporaryDirectory(prefix="ipc-", dir="/tmp") as folder:
        bin_, out = Path(folder, "bin"), Path(folder, "out")
        bin_.mkdir()
        out.mkdir()
        python = bin_ / "python"
        python.write_text(
            f'#!/bin/sh\nexec {shlex.join(traced)} -o "{out}/$TERMINAL."'
            f' {shlex.join([sys.executable, str(TRACE_LINES)])} "$@"\n'
        )
        python.chmod(0o755)
        values = pseudo_terminals.run(parsed, page, python=bin_)
        found = []
        for file in out.iterdir():
            terminal, _, pid = file.name.partition("..")
            calls = list(strace_log.parse(file.read_text("utf-8")))
            found.append(strace_log.Traced(int(pid), terminal, calls))
    samples = {value: sample for sample, value in values.items()}
    return strace_log.in_order(found), samples


def record(page: str, block: markdown_blocks.Block) -> Recording:
    """Return a recording of a transcript."""
    parsed = syntax.parse(block.text, block.line)
    traced, samples = trace(parsed, page)
    interpreter = Interpreter(traced)
    interpreter.run()
    return interpreter.recording(block.text, PROGRAMS, samples)


@functools.cache
def recorded() -> dict[str, tuple[str, markdown_blocks.Block]]:
    """Return each transcript that is recorded, by the recording's name."""
    return {
        name: (f"docs/{page}", block)
        for page, block in markdown_blocks.blocks()
        if block.name == "{transcript}"
        and (name := syntax.parse(block.text, block.line).record)
    }


def write(name: str, made: Recording) -> None:
    """Write a recording, if it does not tell the same, and its snapshot."""
    file = RECORDINGS / f"{name}.json"
    try:
        old = model.load(file)
    except model.RecordingError:
        old = None  # the new one takes its place
    if old and comparable(old) == comparable(made):
        made = old
    else:
        file.write_text(made.dump(), "utf-8")
    file.with_suffix(".txt").write_text(snapshot(made), "utf-8")
    if (drawn := file.with_suffix(".svg")).exists():
        drawn.write_text(picture(made), "utf-8")


def main() -> int:
    """Record; return the exit status."""
    found = recorded()
    names = sys.argv[1:] or [*found]
    for name in names:
        if name not in found:
            print(f"record: no page has :record: {name}", file=sys.stderr)
            return 1
    for name in names:
        try:
            made = record(*found[name])
        except (
            NotUnderstoodError,
            strace_log.Unrecordable,
            pseudo_terminals.TranscriptMismatch,
        ) as error:
            print(f"record: {name}: {error}", file=sys.stderr)
            return 1
        write(name, made)
    return 0
