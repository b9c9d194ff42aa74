from __future__ import annotations

from programs import Running

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
