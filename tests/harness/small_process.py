"""Calls a function where forks are cheap: in a process that holds little.

A fork copies the page tables of all that a process holds, and a worker holds
every test. So what forks hundreds of times does so in a process that has
imported its own module alone, and not even pytest: a fork of multiprocessing's
server, which each worker starts once.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
from multiprocessing import forkserver
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from tests.harness.process_states import STORIES
from tests.harness.running import adopt_orphans

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

Result = TypeVar("Result")
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.harness.signal_injection.faults"])


class SmallProcessError(AssertionError):
    """What went wrong in a small process, told by its traceback."""


class Answer(NamedTuple):
    """What a process sends back."""

    result: object
    error: str  # the traceback, if there is no result
    stories: list[list[str]]  # of the programs that it ran


def start_server() -> None:
    """Start the process of which the others are forks.

    Its socket is made in the directory for temporary files.
    """
    before = dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


def in_small_process(
    function: Callable[..., Result], *arguments: object, **named: object
) -> Result:
    """Call *function*, one of a module's, and return its result.

    :raises SmallProcessError: if it raises an exception, or its process ends
    """
    __tracebackhide__ = True
    ours, theirs = CONTEXT.Pipe(duplex=False)
    place = os.getcwd(), dict(os.environ)
    process = CONTEXT.Process(
        target=send_answer,
        args=(theirs, place, functools.partial(function, *arguments, **named)),
    )
    process.start()
    theirs.close()
    try:
        answer: Answer = ours.recv()
    except EOFError:
        process.join()
        name = function.__name__
        raise SmallProcessError(
            f"the process of {name} ended, {process.exitcode}"
        ) from None
    finally:
        ours.close()
        process.terminate()
        process.join()
    STORIES.extend(answer.stories)
    if answer.error:
        raise SmallProcessError(answer.error)
    return cast("Result", answer.result)


def send_answer(
    connection: Connection,
    place: tuple[str, dict[str, str]],
    function: Callable[[], object],
) -> None:
    """Call the function in this process, which is to be like the worker.

    :param place: the current directory, and the environment
    """
    directory, environment = place
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it asks TMPDIR
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    result, error = None, ""
    try:
        result = function()
    except BaseException:  # noqa: BLE001 - the test shall tell
        error = traceback.format_exc()
    connection.send(Answer(result, error, STORIES))
