"""Transcripts are read, run and rendered, and wrong ones are refused."""

from __future__ import annotations

import math
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from ipcdocs.recording.model import digest
from ipcdocs.transcript import syntax
from ipcdocs.transcript.syntax import Kind
from tests.harness import (
    handmade,
    markdown_blocks,
    pseudo_terminals,
    small_sites,
)
from tests.harness.catalogue import PROGRAMS

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PAGE = "docs/page.md"
LOOP = "while :; do :; done'\na\n"
SAMPLE = r"""
:varying: 41267=\d+

[Terminal 1]
$ python -c 'if True:  # \
>     import socket; \
>     s = socket.create_server(("127.0.0.1", 0)); \
>     print("port", s.getsockname()[1]); \
>     print(s.accept()[0].recv(9).decode())'
port 41267

[Terminal 2]
$ python -c 'import socket, sys; \
> socket.create_connection(sys.argv[1:]).send(b"-->hi")' 127.0.0.1 41267
$

[Terminal 1]
-->hi
$
"""


def run(text: str, deadline: float = 10) -> dict[str, str]:
    return pseudo_terminals.run(syntax.parse(dedent(text)), PAGE, deadline)


def test_a_transcript_is_parsed() -> None:
    read = syntax.parse(
        dedent(r"""
        [Terminal 1]
        $ cat \
        > -u
        a

        b

        [Terminal 2]
        $
        [Terminal 1]
        > c
        ^D
        $
        """).lstrip(),
        first=7,
    )
    assert read.terminals() == ["Terminal 1", "Terminal 2"]
    assert [
        (name[-1], *vars(line).values()) for name, line in read.lines()
    ] == [
        ("1", 8, Kind.COMMAND, "cat \\\n-u"),
        ("1", 10, Kind.OUTPUT, "a"),
        ("1", 11, Kind.OUTPUT, ""),
        ("1", 12, Kind.OUTPUT, "b"),
        ("2", 15, Kind.PROMPT, "$"),
        ("1", 17, Kind.OUTPUT, "> c"),
        ("1", 18, Kind.KEY, "^D"),
        ("1", 19, Kind.PROMPT, "$"),
    ]


def test_options_are_parsed() -> None:
    read = syntax.parse(
        ':varying: "  1.5=[ 0-9.]{5}" 7=\\d 7-1=\\S+\n\n$ a\nx   1.5 17 7 7-1'
    )
    assert read.varying == {"  1.5": "[ 0-9.]{5}", "7": r"\d", "7-1": r"\S+"}
    values = {"  1.5": "12.25", "7": "8", "7-1": "9"}
    assert read.substitute("x   1.5 17 7 7-1", values) == "x 12.25 17 8 9"


def test_a_folder_has_programs() -> None:
    read = syntax.parse(":folder: pitfalls/zombie\n$ ls")
    assert [file.name for file in read.programs()] == ["broken.py", "fixed.py"]
    read = syntax.parse(":folder: ipc_examples\n$ ls")
    assert {file.stem for file in read.programs()} == set(PROGRAMS)
    assert not syntax.parse("$ ls").programs()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 10, "empty"),
        ("out", 10, "no command"),
        ("$ a\n$\nout", 12, "no command"),
        ("$\n^D", 11, "no command"),
        ("$ a\n$\n$", 12, "prompt"),
        ("$ a \\\nb", 10, "breaks off"),
        ("$ a \\", 10, "breaks off"),
        ("$ a\n^C", 11, "has begun"),
        ("$ a\nb\n^C\n$ c\n^\\", 14, "has begun"),
        ("$ a\n[B]\n$ b", 11, "no name"),
        ("[A]\n\n[B]\n$ b", 10, "nothing happens"),
        ("[A]\n$ a\n[B]", 12, "nothing happens"),
        (":caption: c\n$ a", 10, "caption: unknown"),
        (":record: a\n:record: a\n$ a", 11, "record: unknown or twice"),
        (":record: a\n:folder: nosuch\n$ a", 11, "in nosuch"),
        (":folder: _static\n$ a", 10, "in _static"),
        (":folder: ../tests\n$ a", 10, "folder"),
        (":folder:\n$ a", 10, "folder"),
        (":folder: _ext\n:folder: _ext\n$ a", 11, "twice"),
        (":varying: 1=\\d+\n$ a\nb", 10, "1 does not appear"),
        (":varying: 1=\\d+\n$ a\n11", 10, "1 does not appear"),
        (":record: c\n:varying: 1=\\d\n\n$ a 1\n1", 13, "typed before"),
        (":varying: 1=[a\n$ a\n1", 10, "varying"),
        (":varying: 1=a\n$ a\n1", 10, "unlike"),
        (":varying: 1\n$ a\n1", 10, "unlike"),
        (":varying: =\n$ a", 10, "unlike"),
        (":varying: 1=. 1=.\n$ a\n1", 10, "not new"),
        (':varying: "1\n$ a\n1', 10, "varying"),
    ],
)
def test_a_malformed_transcript_is_refused(
    text: str, line: int, message: str
) -> None:
    with pytest.raises(syntax.TranscriptError, match=message) as caught:
        syntax.parse(text, 10)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        "$ echo a; echo; echo ' b '\na\n\n b ",
        "$ echo a\na\n$ echo b\nb\n$",
        "$ cat\n^D",
        "$ sh -c 'echo a; exec sleep 60'\na\n^C",
        "$ sh -c 'echo a; exec sleep 60'\na\n^C\n$",
        '$ sh -c \'trap "exit 130" INT; echo a; '
        + LOOP
        + "^C\n$ echo $?\n130",
        "$ sh -c 'trap exit INT; echo a; "
        + LOOP
        + "^C\n$ sleep 0.1; echo\n\n$",
        '$ sh -c \'trap "echo b; exit" INT; echo a; ' + LOOP + "^C\nb\n$",
        '$ sh -c \'trap "echo b; exit" QUIT; echo a; ' + LOOP + "^\\\nb\n$",
        "$ echo one \\\n> two\none two",
        "$ touch a; ls; rm a\na",
        "$ tty -s; echo $?\n0",
        "$ yes | head -n 1\ny",
        "$ (sleep 0.1 &)\n$",
        "$ printf '\\303\\251\\n'\né",
        "$ sh -c 'kill -9 $$'\nKilled",
        ":folder: pitfalls/zombie\n$ ls\nbroken.py  fixed.py",
        ":folder: pitfalls/zombie\n$ rm fixed.py; echo >broken.py",
    ],
)
def test_transcript_runs_as_shown(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pseudo_terminals, "BUSY_TIMEOUT", 0.1)  # a LOOP's
    run(text)


def test_varying_values_are_bound() -> None:
    values = run(SAMPLE.lstrip())
    assert int(values["41267"]) > 1023


def test_alike_samples_may_differ_and_the_same_must_not() -> None:
    text = ":varying: 1=\\d+ 2=\\d+\n\n$ echo 7 8\n1 2\n$ echo 1 2\n"
    assert run(text + "1 2") == {"1": "7", "2": "8"}
    with pytest.raises(
        pseudo_terminals.TranscriptMismatch, match=r"-7 7\n\+7 8"
    ):
        run(text + "1 1")
    with pytest.raises(
        pseudo_terminals.TranscriptMismatch, match="something else"
    ):
        run(":varying: 1=\\d+\n\n$ echo 7 8\n1 1")


def test_programs_see_a_plain_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    code = (
        "import os, sys, ipc_examples; print(sys.executable); "
        "print(os.getcwd() == os.environ['HOME']); "
        "print(os.environ.get('PYTHONUNBUFFERED')); "
        "print(os.path.dirname(list(ipc_examples.__path__)[0])); "
        "print(*os.get_terminal_size())"
    )
    values = run(
        f':varying: PYTHON=\\S+ ROOT=\\S+\n\n$ python -c "{code}"\n'
        "PYTHON\nTrue\nNone\nROOT\n200 24"
    )
    assert Path(values["PYTHON"]).samefile(sys.executable)
    assert Path(values["ROOT"]).samefile(Path(__file__).parents[2])


def test_python_is_found_under_another_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only = tmp_path / "python3.x"
    only.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(only))
    run(
        ":varying: /ipc-1/bin/python=.*/ipc-[^/]+/bin/python\n"
        "$ python -c 'import sys; print(sys.executable)'\n/ipc-1/bin/python"
    )


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("$ echo tide\ntidy", 2, "something else(?s:.*)-tidy\n[+]tide"),
        ("$ echo 'a '\na", 2, r"something else(?s:.*)-a\n\+a\\x20"),
        ("$ printf 'a\\033[1m\\n'\na", 2, r"something else(?s:.*)\\x1b\[1m"),
        ("$ printf 'a\\rb\\n'\nab", 2, r"something else(?s:.*)\+a\\x0db"),
        ("$ echo axb\na.b", 2, r"something else(?s:.*)-a\.b\n\+axb"),
        ("$ echo a\na\nb", 3, "something else(?s:.*)-b\n"),
        ("$ echo a\n\na", 2, "something else(?s:.*)-\n a"),
        ("$ echo a; echo b\na\n$", 3, "something else(?s:.*)[+]b"),
        ("$ echo a; echo b\na", 2, "something else(?s:.*)[+]b"),
        ("$ echo a; echo b\nb\na", 2, "something else"),
        ("$ echo a\n$\n$ echo b\nb", 2, "something else"),
        (
            "$ ( (sleep 0.1; echo late) & )\n$",
            2,
            "something else(?s:.*)[+]late",
        ),
        ("$ exec true\na", 2, "has ended"),
        ("$ touch b a", 1, "left behind: a, b"),
        (":folder: pitfalls/zombie\n$ touch a", 2, "left behind: a$"),
        (":varying: 1=\\d+\n$ echo a\n1", 3, "something else(?s:.*)-1\n[+]a"),
        (":varying: 1=\\d+\n$ echo 7; echo 8\n1\n1", 4, "(?s)-7\n[+]8"),
        (":varying: 1=[^a]+\n$ echo; echo b\n1", 3, "something else"),
    ],
)
def test_other_output_is_a_mismatch(
    text: str, line: int, message: str
) -> None:
    with pytest.raises(
        pseudo_terminals.TranscriptMismatch, match=message
    ) as caught:
        run(text)
    assert str(caught.value).startswith(f"{PAGE}:{line}: ")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("$ sleep 60", 1, "still running at the end"),
        ("$ sleep 60\n$ echo a\na", 2, "nothing more for 1 s"),
        ("$ sh -c 'trap \"\" INT; echo a; cat'\na\n^C\n$", 4, "nothing more"),
        ("$ printf a\na", 2, r"nothing more(?s:.*)\+a\$"),
        ("$ (sleep 60 &)\n$", 2, "left a process running"),
    ],
)
def test_waiting_for_output_has_an_end(
    text: str, line: int, message: str
) -> None:
    with pytest.raises(
        pseudo_terminals.TranscriptMismatch, match=message
    ) as caught:
        run(text, deadline=1)
    assert str(caught.value).startswith(f"{PAGE}:{line}: ")


INTERRUPTED = "$ sh -c 'echo a; exec cat'\na\n^C\n$"


def test_a_signal_awaits_that_its_program_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = [True, True]
    monkeypatch.setattr(pseudo_terminals, "BUSY_TIMEOUT", math.inf)
    monkeypatch.setattr(
        pseudo_terminals, "is_busy", lambda _: bool(busy) and busy.pop()
    )
    run("$ cat\n^D\n$")
    assert busy == [True, True], "a key without a signal need not wait"
    run(INTERRUPTED)
    assert busy == []


def test_a_signal_awaits_a_busy_program_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pseudo_terminals, "BUSY_TIMEOUT", 0)
    monkeypatch.setattr(pseudo_terminals, "is_busy", lambda _: True)
    run(INTERRUPTED)


def test_order_across_terminals_counts() -> None:
    listen = "[A]\n$ mkfifo f; echo ready; cat f; rm f\nready\n"
    send = "[B]\n$ echo hi >f\n"
    run(f"{listen}{send}[A]\nhi")
    with pytest.raises(
        pseudo_terminals.TranscriptMismatch, match=":4: A shows nothing"
    ):
        run(f"{listen}hi\n{send}", deadline=0.5)


def test_difference_shows_the_other_terminals() -> None:
    text = "[A]\n$ cat\n[B]\n$ nosuch\n[A]\nhi"
    with pytest.raises(pseudo_terminals.TranscriptMismatch) as caught:
        run(text, deadline=0.5)
    assert re.search(
        "B shows besides:\n.*nosuch: .*not found", str(caught.value)
    )


def test_diff_is_of_the_whole_terminal() -> None:
    with pytest.raises(pseudo_terminals.TranscriptMismatch) as caught:
        run("[A]\n$ echo a; echo b; echo c\na\n[B]\n$\n[A]\nB\nc\n$")
    assert str(caught.value).splitlines() == [
        f"{PAGE}:7: A shows something else",
        "--- page",
        "+++ terminal",
        "@@ -1,5 +1,5 @@",
        " $ echo a; echo b; echo c",
        " a",
        "-B",
        "+b",
        " c",
        " $",
    ]


@pytest.mark.parametrize("command", ["sleep 60", "sleep 60 & sleep 60"])
def test_nothing_survives_a_failure(command: str) -> None:
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(
        pseudo_terminals.TranscriptMismatch, match="running"
    ) as caught:
        run(
            ':varying: 1=\\d+ /h=/.+\n\n$ sh -c \'trap "" HUP INT TERM; '
            f"echo $PPID; pwd; {command}'\n1\n/h",
            deadline=0.5,
        )
    shell, home = re.findall(r"^ ([\d/].*)", str(caught.value), re.MULTILINE)
    assert not pseudo_terminals.session(int(shell))
    assert not Path(home).exists()
    assert len(os.listdir("/dev/fd")) == before


NESTED = """
~~~{transcript}
$ 3
~~~

- A list

  ```{transcript}
  :caption: a

  $ a
  ```

> ```{transcript}
> $ 15
> ```

::::{note}
:class: a

:::{tip}
```{transcript}
$ 23
```
:::
::::

````{admonition} Title
```{transcript}
$ 30
```
````

````{code-block} markdown
```{transcript}
$ not run
```
````

```
$ no directive
```

Term
: ```{transcript}
  $ 46
  ```

:name: value

  ```{transcript}
  $ 52
  ```
"""


def test_transcripts_are_collected_with_their_lines() -> None:
    lines = NESTED.split("\n")
    found = [
        (block.line, block.text.splitlines()[0])
        for block in markdown_blocks.blocks_of(NESTED)
        if block.name == "{transcript}"
    ]
    assert found == [
        (3, "$ 3"),
        (9, ":caption: a"),
        (15, "$ 15"),
        (23, "$ 23"),
        (30, "$ 30"),
        (46, "$ 46"),
        (52, "$ 52"),
    ]
    assert all(first in lines[line - 1] for line, first in found)


def build(folder: Path, builder: str, page: str) -> tuple[str, str]:
    """Build a page; return the result, and the warnings."""
    texts = (
        {} if (folder / "docs" / "index.md").exists() else {"index.md": page}
    )
    site = small_sites.build(
        folder, texts, "ipcdocs.transcript", builder=builder
    )
    names = {"html": "index.html", "text": "index.txt", "latex": "site.tex"}
    return site.read(names[builder]), site.warnings


FENCE = f"# Page\n\n```{{transcript}}\n{SAMPLE.lstrip()}```\n"


def test_a_transcript_as_html(tmp_path: Path) -> None:
    html, warnings = build(tmp_path, "html", FENCE)
    assert not warnings
    assert "transcript.css" in html
    assert re.findall(r'name"><strong>(.*?)</strong>', html) == [
        "Terminal 1",
        "Terminal 2",
        "Terminal 1",
    ]
    assert re.findall('class="transcript-block (.*?) docutils', html) == [
        "transcript-column-1 transcript-first transcript-typed",
        "transcript-column-2 transcript-first transcript-typed",
        "transcript-column-1",
    ]
    assert (
        '<pre class="transcript-screen" tabindex="0">'
        '<span class="transcript-output">--&gt;hi\n</span>'
        '<span class="transcript-prompt">$</span></pre>'
    ) in html
    assert "send(b&quot;--&gt;hi&quot;)' 127.0.0.1 41267" in html.replace(
        "&#39;", "'"
    )


def test_a_key_as_html(tmp_path: Path) -> None:
    html, _ = build(tmp_path, "html", "```{transcript}\n$ cat\n^D\n```")
    assert '<span class="transcript-key"><kbd>^D</kbd></span></pre>' in html
    assert "transcript-name" not in html


@pytest.mark.parametrize(
    ("builder", "name", "prompt"),
    [
        ("text", "**Terminal 2**", "$ python"),
        ("latex", r"\sphinxstylestrong{Terminal 2}", r"\PYGZdl{} python"),
    ],
)
def test_a_transcript_as_text_and_latex(
    tmp_path: Path, builder: str, name: str, prompt: str
) -> None:
    result, warnings = build(tmp_path, builder, FENCE)
    assert not warnings
    assert result.count(name) == 1
    assert result.count(prompt) == 2


def test_page_shows_what_the_last_run_showed(tmp_path: Path) -> None:
    ((_, _, text),) = markdown_blocks.blocks_of(FENCE)
    results = tmp_path / "docs" / syntax.RESULTS
    results.mkdir(parents=True)
    result = results / syntax.result_name(text)
    result.write_text('{"41267": "50123"}')
    first, _ = build(tmp_path, "text", FENCE)
    result.write_text('{"41267": "6"}')
    os.utime(result, (2e9, 2e9))
    second, _ = build(tmp_path, "text", FENCE)
    for shown, value in (first, "50123"), (second, "6"):
        assert f"port {value}\n" in shown
        assert f" 127.0.0.1 {value}\n" in shown
        assert "41267" not in shown


def test_page_with_a_fault_names_its_line(tmp_path: Path) -> None:
    page = "# Page\n\n- List\n\n  ```{transcript}\n\n  $ cat\n  ^C\n  ```"
    _, warnings = build(tmp_path, "html", page)
    assert re.search(r"index\.md:8: .*nothing shows that", warnings)


RECORDED = ":record: made\n\n$ cat\n"


def site_with_recording(
    folder: Path, text: str, *, of: str
) -> small_sites.Site:
    """Build a page with a transcript, and a recording of one.

    :param of: the text of the transcript that was recorded
    """
    recording = replace(handmade.RUN, transcript=digest(of))
    texts = {
        "index.md": f"# Page\n\n```{{transcript}}\n{text}```\n",
        "recordings/made.json": recording.dump(),
    }
    return small_sites.build(
        folder, texts, "ipcdocs.transcript", "ipcdocs.recording"
    )


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (RECORDED, ""),
        (RECORDED.replace("cat", "ls"), "the transcript changed since it was"),
        (RECORDED.replace("made", "nosuch"), "nosuch.json: No such file"),
    ],
)
def test_the_recorded_run_follows_its_transcript(
    tmp_path: Path, text: str, warning: str
) -> None:
    site = site_with_recording(tmp_path, text, of=RECORDED)
    assert warning in site.warnings
    assert ("index.md:3: WARNING" in site.warnings) == bool(warning)
    html = site.read("index.html")
    assert ('id="run-made"' in html) == (not warning)
    if not warning:
        assert html.index("transcript-screen") < html.index('id="run-made"')


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        (RECORDED, "This run, call by call"),
        (
            RECORDED.replace("made\n", "made\n:varying: 41267=\\d+\n")
            + "41267\n",
            "Another such run, call by call",
        ),
    ],
)
def test_a_run_with_other_values_is_called_another(
    tmp_path: Path, text: str, caption: str
) -> None:
    site = site_with_recording(tmp_path, text, of=text)
    assert not site.warnings
    found = re.findall(
        r'class="recording-title"><strong>(.+?)</strong>',
        site.read("index.html"),
    )
    assert found == [caption]
