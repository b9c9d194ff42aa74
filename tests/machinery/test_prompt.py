"""What a page shows is compared with what a prompt gives."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.harness import typed_sessions
from tests.harness.markdown_blocks import Block
from tests.harness.typed_sessions import differences

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def typed(directory: Path, *sessions: str) -> list[str]:
    """Return the differences in a page's sessions, from line 10 on."""
    blocks = [Block(10, "{doctest}", dedent(text)) for text in sessions]
    return [str(found) for found in differences(blocks, str(directory))]


GOOD = """\
    >>> import os, sys
    >>> if (child := os.fork()) == 0:
    ...     shown = os.getpid()
    ...     os._exit(3)
    >>> os.waitpid(child, 0)[1] >> 8
    3
    >>> def twice(number):
    ...     return 2 * number
    ...
    >>> twice(4); twice(5)
    8
    10
    >>> print("é", file=sys.stderr)
    é
    >>> 1 / 0
    Traceback (most recent call last):
    ZeroDivisionError: division by zero
    >>> os.getcwd()
    '/...'
    >>> 1 +  # doctest: +SKIP
"""


def test_a_good_session_can_be_typed(tmp_path: Path) -> None:
    assert typed(tmp_path, GOOD) == []


def test_sessions_of_a_page_share_their_names(tmp_path: Path) -> None:
    sessions = (">>> one = 1\n", ":options: +ELLIPSIS\n\n>>> one\n1\n")
    assert typed(tmp_path, *sessions) == []


@pytest.mark.parametrize(
    ("wanted", "differ"), [("<3.11", 0), (">=3.11", 1), ('">= 3.11"', 1)]
)
def test_a_session_may_be_for_some_pythons(
    tmp_path: Path, wanted: str, differ: int
) -> None:
    session = f":pyversion: {wanted}\n\n>>> 1\n2\n"
    assert len(typed(tmp_path, session)) == differ


def test_the_reader_is_in_the_directory(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    assert typed(tmp_path, ">>> import os; os.listdir()\n['here']\n") == []


def test_two_pythons_at_one_keyboard_are_noticed(tmp_path: Path) -> None:
    """Whoever reads which line: one prompt is left when all is typed.

    The parent's prompt waits until the child's has come, and the child sleeps.
    """
    session = """\
        >>> import os, psutil
        >>> def wait_for(child):
        ...     while child and psutil.Process(child).status() != "sleeping":
        ...         pass
        >>> child = os.fork(); wait_for(child)
        >>> child >= 0
        True
    """
    assert typed(tmp_path, session)


def test_what_an_expression_prints_in_a_child_is_noticed(
    tmp_path: Path,
) -> None:
    session = """\
        >>> import os
        >>> if (child := os.fork()) == 0:
        ...     1 + 1
        ...     os._exit(0)
        >>> _ = os.waitpid(child, 0)
    """
    found = typed(tmp_path, session)
    assert "".join(found).count("    2\n") == 1


def test_the_message_says_what_was_typed_and_what_came(
    tmp_path: Path,
) -> None:
    session = ":options: +ELLIPSIS\n\n>>> for _ in 1, 2:\n...     3\n3\n"
    [found] = typed(tmp_path, session)
    assert (
        found
        == """line 12: typed at a prompt,
    for _ in 1, 2:
        3
  should give
    3
  but gave
    3
    3
"""
    )


@pytest.mark.parametrize(
    ("session", "why"),
    [
        (">>> raise SystemExit\n>>> 1\n1\n", "    EOFError: \n"),
        (">>> import time\n>>> time.sleep(9)\n", "    TimeoutError: \n"),
    ],
)
def test_a_session_that_loses_its_python_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: str, why: str
) -> None:
    monkeypatch.setattr(typed_sessions, "DEADLINE", 1)
    [found] = typed(tmp_path, session)
    assert found.endswith(why)
