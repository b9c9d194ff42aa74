# SPDX-License-Identifier: 0BSD
r"""The format of transcripts: what one or more terminals show.

::

    :varying: 41267=\d+

    [Terminal 1]
    $ python -m ipc_examples.inet_datagram_receive
    Socket has port 41267

    [Terminal 2]
    $ python -m ipc_examples.inet_datagram_send localhost 41267
    $

    [Terminal 1]
    -->The sea is calm tonight, the tide is full . . .
    $

Time runs down the page. Each line is one of these:

``[NAME]``
    What follows happens in the terminal of that name: a capital letter,
    then letters, digits and spaces. A blank line just above it separates.
    Where there is only one terminal, its name may be left out.
``$ COMMAND``
    The prompt, and a command typed at it. After a backslash at its end the
    command goes on in the next line, behind ``> ``.
``$``
    The prompt has come back. This line may be left out.
``^C``, ``^\``, ``^D``
    A key. Between a command and the ^C or ^\ that ends it some output must
    show, in whichever terminal, that the program has begun.
anything else
    A line of output. A terminal shows standard output and standard error
    alike: nothing tells one from the other here.

Options come first, in any order; blank lines after them do not count.

The option ``varying`` lists ``SAMPLE=REGEX`` in the manner of a shell's
words: a sample is quoted if it has spaces, and a backslash is itself. A
sample stands, as a whole word, for whatever the expression matches where it
is first shown, and for that same text from there on.

The option ``folder`` names a folder below ``docs``, such as
``pitfalls/zombie``, or ``ipc_examples``. Copies of the programs in it are in
the directory where the terminals begin, which is empty otherwise.

The option ``record`` names a recording of this transcript, which ``nox -s
record`` makes: ``docs/recordings/NAME.json``. The run is shown below it.

``tests/site/test_transcripts.py`` runs the transcripts and keeps the texts
that the samples stood for. The page shows these if they are there when it is
written.
"""

from __future__ import annotations

import enum
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipcdocs.project import DOCS
from ipcdocs.recording.model import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


KEYS = ("^C", "^\\", "^D")
SIGNALS = KEYS[:2]
HEADER = re.compile(r"\[([A-Z][A-Za-z0-9 ]*)\]")
OPTION = re.compile(r":(\w+):\s*(.*)")
OPTIONS = ("folder", "record", "varying")
NAME = re.compile(r"[a-z0-9_]*")
FOLDER = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")
RESULTS = "_build/transcripts"


class TranscriptError(ValueError):
    """A transcript breaks the rules of its format.

    Its *line* is the number of the line on the page.
    """

    def __init__(self, line: int, message: str) -> None:
        """Remember the line beside the message."""
        super().__init__(message)
        self.line = line


class Kind(enum.Enum):
    """What a line of a transcript is; its class in HTML ends with that."""

    COMMAND = "command"
    OUTPUT = "output"
    PROMPT = "prompt"
    KEY = "key"


@dataclass(frozen=True)
class Line:
    """One line of a transcript, or one command over several lines."""

    number: int
    kind: Kind
    text: str

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield the prompt and the text of each row that the line takes."""
        for i, text in enumerate(self.text.split("\n")):
            if self.kind is Kind.COMMAND:
                yield "> " if i else "$ ", text
            else:
                yield "", text

    def shown(self) -> str:
        """Return the line as a terminal shows it."""
        return "\n".join(prompt + text for prompt, text in self.rows())


@dataclass(frozen=True)
class Block:
    """Lines that follow one another in one terminal, perhaps unnamed."""

    number: int
    terminal: str
    lines: list[Line]


@dataclass(frozen=True)
class Transcript:
    """The blocks of a transcript, in the order in which they happen."""

    varying: Mapping[str, str]
    blocks: Sequence[Block]
    record: str = ""
    folder: str = ""

    def programs(self) -> list[Path]:
        """Return the files of the folder that the terminals begin with."""
        if not FOLDER.fullmatch(self.folder):
            return []
        above = DOCS.parent if self.folder == "ipc_examples" else DOCS
        return sorted((above / self.folder).glob("[!_]*.py"))

    def terminals(self) -> list[str]:
        """Return the names of the terminals, each as it first appears."""
        return list(dict.fromkeys(block.terminal for block in self.blocks))

    def lines(self) -> Iterator[tuple[str, Line]]:
        """Yield each line with the name of its terminal."""
        for block in self.blocks:
            for line in block.lines:
                yield block.terminal, line

    def split(self, text: str) -> list[str]:
        """Split a text around its samples: every second part is one."""
        return split(text, self.varying)

    def substitute(self, text: str, values: Mapping[str, str]) -> str:
        """Put values in the places of their samples."""
        parts = self.split(text)
        parts[1::2] = [values.get(sample, sample) for sample in parts[1::2]]
        return "".join(parts)


def split(text: str, words: Iterable[str]) -> list[str]:
    """Split a text around some words: every second part is one."""
    longest_first = sorted(words, key=len, reverse=True)
    pattern = "|".join(map(_word, longest_first)) or "(?!)"
    return re.split(f"({pattern})", text)


def _word(sample: str) -> str:
    before = r"(?<!\w)" if re.match(r"\w", sample) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", sample) else ""
    return before + re.escape(sample) + after


def parse(text: str, first: int = 1) -> Transcript:
    """Read a transcript.

    :param text: the content of the directive, its options included
    :param first: the number on the page of the first line of the text
    :raises TranscriptError: the text breaks a rule of the format
    """
    lines = list(enumerate(text.removesuffix("\n").split("\n"), first))
    options = _take_options(lines)
    number, record = options.get("record", (first, ""))
    if not NAME.fullmatch(record):
        raise TranscriptError(number, f"option record: {record} is no name")
    of_folder, folder = options.get("folder", (first, ""))
    number, varying = options.get("varying", (first, ""))
    transcript = Transcript(
        _parse_varying(number, varying),
        _parse_blocks(lines),
        record,
        folder,
    )
    if "folder" in options and not transcript.programs():
        raise TranscriptError(
            of_folder, f"option folder: no program in {folder}"
        )
    _check_order(first, transcript)
    _check_samples(number, transcript)
    return transcript


def _take_options(lines: list[tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """Remove the options, and the blank lines that follow them."""
    options: dict[str, tuple[int, str]] = {}
    while lines and (option := OPTION.fullmatch(lines[0][1])):
        number, _ = lines.pop(0)
        name, value = option.groups()
        if name not in OPTIONS or name in options:
            raise TranscriptError(number, f"option {name}: unknown or twice")
        options[name] = number, value
    while lines and not lines[0][1].strip():
        lines.pop(0)
    return options


def _parse_varying(number: int, value: str) -> dict[str, str]:
    lexer = shlex.shlex(value, posix=True)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        pairs = [word.partition("=")[::2] for word in lexer]
        unlike = [s for s, regex in pairs if not re.fullmatch(regex, s)]
    except (ValueError, re.error) as error:
        raise TranscriptError(number, f"option varying: {error}") from error
    varying = dict(pairs)
    if unlike or "" in varying or len(varying) < len(pairs):
        raise TranscriptError(
            number, "option varying: a sample is unlike its regex, or not new"
        )
    return varying


def _parse_blocks(lines: list[tuple[int, str]]) -> list[Block]:
    blocks: list[Block] = []
    rest = iter(lines)
    for number, text in rest:
        if header := HEADER.fullmatch(text):
            _separate(number, blocks)
            blocks.append(Block(number, header[1], []))
        else:
            blocks = blocks or [Block(number, "", [])]
            blocks[-1].lines.append(_parse_line(number, text, rest))
    return blocks


def _separate(number: int, blocks: list[Block]) -> None:
    """Drop the blank line above a header."""
    if blocks and not blocks[0].terminal:
        raise TranscriptError(number, "the terminal above has no name")
    if blocks and blocks[-1].lines and not blocks[-1].lines[-1].text:
        blocks[-1].lines.pop()


def _parse_line(
    number: int, text: str, rest: Iterator[tuple[int, str]]
) -> Line:
    if text.rstrip() == "$":
        return Line(number, Kind.PROMPT, "$")
    if text in KEYS:
        return Line(number, Kind.KEY, text)
    if not text.startswith("$ "):
        return Line(number, Kind.OUTPUT, text)
    command = text.removeprefix("$ ")
    while command.endswith("\\"):
        _, more = next(rest, (number, ""))
        if not more.startswith("> "):
            raise TranscriptError(number, "the command breaks off")
        command += "\n" + more.removeprefix("> ")
    return Line(number, Kind.COMMAND, command)


def _check_order(first: int, transcript: Transcript) -> None:
    """Refuse what cannot happen, and a key that might come too early."""
    last: dict[str, Kind] = {}
    silent: set[str] = set()
    for terminal, line in transcript.lines():
        fault = _fault(line, last.get(terminal), silent=terminal in silent)
        if fault:
            raise TranscriptError(line.number, fault)
        last[terminal] = line.kind
        if line.kind is Kind.COMMAND:
            silent.add(terminal)
        elif line.kind is Kind.OUTPUT:
            silent.clear()
    for block in transcript.blocks:
        if not block.lines:
            raise TranscriptError(block.number, "nothing happens here")
    if not last:
        raise TranscriptError(first, "the transcript is empty")


def _fault(line: Line, last: Kind | None, *, silent: bool) -> str:
    """Return the fault of a line, given the one before it, or nothing."""
    if line.kind is Kind.PROMPT:
        return "the prompt is there already" if last is Kind.PROMPT else ""
    if line.kind is Kind.COMMAND:
        return ""
    if last in {None, Kind.PROMPT}:
        return "no command is running in this terminal"
    if silent and line.text in SIGNALS:
        return "nothing shows that the program has begun"
    return ""


def _check_samples(number: int, transcript: Transcript) -> None:
    """Refuse a sample that is not shown before it is typed."""
    for sample in transcript.varying:
        for _, line in transcript.lines():
            if sample in transcript.split(line.text)[1::2]:
                if line.kind is Kind.COMMAND:
                    raise TranscriptError(
                        line.number, f"{sample} is typed before it is shown"
                    )
                break
        else:
            raise TranscriptError(number, f"{sample} does not appear")


def result_name(text: str) -> str:
    """Return the name of the file with a transcript's last values."""
    return f"{digest(text)}.json"
