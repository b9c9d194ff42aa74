"""Calls a function in a small process, where what it forks costs little.

That is for what forks hundreds of times; see ``fork_server.py``.
"""

from __future__ import annotations

import functools
import os
import pickle
import signal
import sys
import traceback
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from tests.harness.fork_server import adopt_orphans, fork
from tests.harness.process_states import STORIES
from tests.harness.running import Status

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class SmallProcessError(AssertionError):
    """What went wrong in a small process, told by its traceback."""


class Answer(NamedTuple):
    """What a process sends back."""

    result: object
    error: str  # the traceback, if there is no result
    stories: list[list[str]]  # of the programs that it ran


def in_small_process(
    function: Callable[..., Result], *arguments: object, **named: object
) -> Result:
    """Call *function*, one of a module's, and return its result.

    :raises SmallProcessError: if it raises an exception, or its process ends
    """
    __tracebackhide__ = True
    call = functools.partial(function, *arguments, **named)
    answer, status = answer_and_end(functools.partial(send_answer, call))
    if not answer:
        raise SmallProcessError(
            f"the process of {function.__name__} ended: {status!r}"
        )
    STORIES.extend(answer.stories)
    if answer.error:
        raise SmallProcessError(answer.error)
    return cast("Result", answer.result)


def answer_and_end(
    action: Callable[[int], None],
) -> tuple[Answer | None, Status]:
    """Return the answer of a process that does *action*, and its status."""
    __tracebackhide__ = True
    inlet, outlet = os.pipe()
    answer: Answer | None = None
    with open(inlet, "rb") as answers:
        try:
            pid = fork(action, [0, 1, 2, outlet], [inlet])
        finally:
            os.close(outlet)
        try:
            answer = pickle.load(answers)  # noqa: S301 - it is our own
        except (EOFError, pickle.UnpicklingError):
            pass  # how it ended is to tell
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_status = os.waitpid(pid, 0)[1]
    return answer, Status(os.waitstatus_to_exitcode(wait_status))


def send_answer(function: Callable[[], object], outlet: int) -> None:
    """Call the function in this process, and send what comes of it."""
    adopt_orphans()
    STORIES.clear()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    result, error = None, ""
    try:
        result = function()
    except BaseException:  # noqa: BLE001 - the test shall tell
        error = traceback.format_exc()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    answer = pickle.dumps(Answer(result, error, STORIES))
    with open(outlet, "wb") as answers:
        answers.write(answer)
