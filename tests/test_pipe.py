from __future__ import annotations

import os
import signal

from places import Place, visit_places
from programs import (
    FILES,
    Running,
    main_of,
    source,
)

from ipc_examples.pipe import receive_from_child


def test_prints_what_the_child_wrote() -> None:
    line = "-->Bright star, would I were steadfast as thou art . . .\n"
    with Running("pipe") as running:
        assert running.finish() == (0, line, "")


def test_receives_more_than_a_pipe_holds() -> None:
    size = 1_000_000
    with Running(lambda: print(len(receive_from_child(bytes(size))))) as pipe:
        assert pipe.finish() == (0, f"{size}\n", "")


def test_receives_nothing() -> None:
    with Running(lambda: print(receive_from_child(b""))) as pipe:
        assert pipe.finish() == (0, "b''\n", "")


def test_a_signal_does_not_wait_for_a_child_that_still_writes() -> None:
    reading = source("pipe").partition("source.read()")[0].count("\n") + 1

    def terminate(place: Place) -> None:
        if place.lines[0] == reading:
            os.kill(os.getpid(), signal.SIGTERM)

    def run() -> None:
        visit_places(str(FILES["pipe"]), terminate)
        main_of("pipe", MESSAGE=bytes(1_000_000))()  # more than a pipe holds

    with Running(run) as running:
        status, out, err = running.finish()
    assert (status, out) == (128 + signal.SIGTERM, "")
    assert err == "pipe: child: [Errno 32] Broken pipe\n"
