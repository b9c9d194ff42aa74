from __future__ import annotations

from programs import Running, but_in_child, die, refusal

from ipc_examples.fork import add_one_in_child


def test_shows_both_memories() -> None:
    with Running("fork") as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "child: fork returned 0, now 7",
        "parent: still 6",
        "the child had 7, the parent has 6",
    ]


def test_does_not_double_what_is_still_unwritten() -> None:
    def begin_a_line_and_fork() -> None:
        print("begun", end=" ")
        print(add_one_in_child(254))

    with Running(begin_a_line_and_fork) as running:
        status, out, err = running.finish()
    assert (status, err) == (0, "")
    assert out.count("begun") == 1
    assert out.endswith("(255, 254)\n")


def test_names_the_signal_that_ended_the_child() -> None:
    told = refusal("fork", replace={"os.fork": but_in_child(die)})
    assert told == "fork: signal 9 ended the child\n"
