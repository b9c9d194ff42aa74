# SPDX-License-Identifier: 0BSD
"""Split one process in two and see which memory each of them has.

Run it::

    python fork.py

The child adds one to a number and leaves with the sum as its exit status.
The parent's own number does not change:

.. testcode::

    from ipc_examples.fork import add_one_in_child

    print(add_one_in_child(6))

.. testoutput::

    parent: still 6
    (7, 6)
"""

import os
import signal
import sys

FAILED = 255  # the exit status of a child that has no answer


def add_one_in_child(number: int) -> tuple[int, int]:
    """Fork; add one to *number* in the child alone.

    :param number: from 0 to 253: the child's answer is its exit status,
        which is one byte, and 255 says that it failed
    :returns: the child's number after the addition, and the parent's
    :raises OSError: if there is no room for a process, or standard output
        fails; its subclass :exc:`ChildProcessError` if the child failed

    See :manpage:`fork(2)` and :manpage:`waitpid(2)`.
    """
    print(end="", flush=True)  # or both would write what is still unwritten
    child = os.fork()
    if child == 0:
        status = FAILED
        try:
            number += 1
            print(f"child: fork returned {child}, now {number}", flush=True)
            status = number
        except Exception as error:
            print(f"fork: child: {error!r}", file=sys.stderr)
        finally:
            os._exit(status)  # never into the parent's code
    answer = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if answer < 0 or answer == FAILED:
        raise ChildProcessError(f"the child ended with status {answer}")
    print(f"parent: still {number}", flush=True)
    return answer, number


def main() -> None:
    """Fork once, and show what each process has."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ^C ends both at once
    try:
        in_child, in_parent = add_one_in_child(6)
        print(f"the child had {in_child}, the parent has {in_parent}")
    except OSError as error:
        sys.exit(f"fork: {error}")


if __name__ == "__main__":
    main()
