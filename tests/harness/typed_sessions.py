"""Types the sessions of a page at Python's prompt, as a reader would."""

from __future__ import annotations

import doctest
import os
import platform
import re
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import pexpect
from packaging.specifiers import SpecifierSet

from tests.harness.catalogue import ROOT
from tests.harness.on_terminal import OnTerminal
from tests.harness.running import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.harness.markdown_blocks import Block

# Nothing that a session prints is like them.
PROMPT, GO_ON = "\x02>>> ", "\x02... "
END_OF_FILE = "\x04"  # ^D
# No readline: it would draw what is typed. Then the prompt is Python's own.
START = (
    "import sys; sys.__interactivehook__ = lambda: None;"
    f" sys.ps1, sys.ps2 = {PROMPT!r}, {GO_ON!r}; del sys"
)
NO_COMPLETION = Path(__file__).with_name("no_completion")
FLAGS = doctest.ELLIPSIS | doctest.DONT_ACCEPT_TRUE_FOR_1  # as in conf.py
OPTIONS = re.compile(r"(:[a-z-]+:.*\n)+\n*")
PYVERSION = re.compile(r':pyversion: "?([^"\n]+)"?')
THIS_VERSION = platform.python_version()
OLD = re.compile(r"(?m)^Traceback \(most recent call last\):\n(?:[ \t].*\n)*")


class Difference(NamedTuple):
    """A statement that does not give at a prompt what its page shows."""

    line: int  # of the page
    typed: str
    expected: str
    came: str

    def __str__(self) -> str:
        return (
            f"line {self.line}: typed at a prompt,\n{indented(self.typed)}"
            f"  should give\n{indented(self.expected)}"
            f"  but gave\n{indented(self.came)}"
        )


class Prompt:
    """Python, in a pseudo-terminal of its own.

    :param directory: where it is started
    """

    def __init__(self, directory: str) -> None:
        self.started = OnTerminal(
            [sys.executable, "-q", "-i", "-c", START],
            cwd=directory,
            modes={termios.ECHO: False},
            env=os.environ
            | {
                "NO_COLOR": "1",
                "PYTHONPATH": f"{NO_COMPLETION}{os.pathsep}{ROOT}",
                "PYTHON_BASIC_REPL": "1",
                "TERM": "dumb",
            },
        )
        self.python = self.started.screen
        self.python.timeout = DEADLINE
        self.python.expect_exact(PROMPT)
        self.goes_on = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.started.end()

    def type(self, statement: str) -> str:
        """Type a statement, line by line, and return what it prints."""
        shown = "".join(map(self.type_line, statement.splitlines()))
        while self.goes_on:
            shown += self.type_line("")
        return shown

    def type_line(self, line: str) -> str:
        """Type a line, and return what comes before the next prompt.

        :raises TimeoutError: no prompt comes
        :raises EOFError: Python ends
        """
        self.python.sendline(line)
        try:
            found = self.python.expect_exact([PROMPT, GO_ON])
        except pexpect.TIMEOUT:
            raise TimeoutError(self.python.before) from None
        except pexpect.EOF:
            raise EOFError(self.python.before) from None
        self.goes_on = found == 1
        return str(self.python.before).replace("\r\n", "\n")

    def leave(self) -> str:
        """Type ^D, and return what comes before Python's end.

        A second Python at the keyboard, a fork of the first, has at least one
        prompt to show yet.

        :raises TimeoutError: it does not end
        """
        self.python.send(END_OF_FILE)
        try:
            found = self.python.expect_exact([pexpect.EOF, PROMPT])
        except pexpect.TIMEOUT:
            raise TimeoutError(self.python.before) from None
        another = "another Python's prompt\n" if found == 1 else ""
        return str(self.python.before).strip() + another


def differences(
    blocks: Iterable[Block], directory: str
) -> Iterator[Difference]:
    """Type the sessions of a page, and yield what the page shows otherwise.

    :param directory: where the reader is
    """
    line = 0
    with Prompt(directory) as prompt:
        for line, example in examples_of(blocks):
            try:
                came = prompt.type(example.source)
            except (TimeoutError, EOFError) as error:
                why = f"{type(error).__name__}: {error}\n"
                yield Difference(line, example.source, example.want, why)
                return
            if not alike(example, came):
                yield Difference(line, example.source, example.want, came)
        try:
            came = prompt.leave()
        except TimeoutError as error:
            came = f"TimeoutError: {error}\n"
        if came:
            yield Difference(line, "^D\n", "", came)


def examples_of(
    blocks: Iterable[Block],
) -> Iterator[tuple[int, doctest.Example]]:
    """Yield the statements and their lines on the page."""
    for block in blocks:
        options = OPTIONS.match(block.text)
        text = block.text[options.end() :] if options else block.text
        version = PYVERSION.search(options[0]) if options else None
        if version and THIS_VERSION not in SpecifierSet(version[1]):
            continue
        first = block.line + block.text.count("\n") - text.count("\n")
        for example in doctest.DocTestParser().get_examples(text):
            if not example.options.get(doctest.SKIP):
                yield first + example.lineno, example


def alike(example: doctest.Example, came: str) -> bool:
    """Return True if what came is what the page shows."""
    flags = FLAGS
    for flag, is_set in example.options.items():
        flags = flags | flag if is_set else flags & ~flag
    expected = OLD.sub("", example.want)
    return doctest.OutputChecker().check_output(
        expected, OLD.sub("", came), flags
    )


def indented(text: str) -> str:
    """Return a text's lines, indented."""
    return "".join(
        f"    {line}\n" for line in text.splitlines() or ["(nothing)"]
    )
