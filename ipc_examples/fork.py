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

import argparse
import os
import signal
import sys


def add_one_in_child(number: int) -> tuple[int, int]:
    """Fork; add one to *number* in the child alone.

    :param number: from 0 to 254, since an exit status is one byte
    :returns: the child's number after the addition, and the parent's
    :raises OSError: if there is no room for a process, or a signal ends it

    See :manpage:`fork(2)` and :manpage:`waitpid(2)`.
    """
    print(end="", flush=True)  # what is still unwritten would be copied too
    child = os.fork()
    if child == 0:
        try:
            number += 1
            print(f"child: fork returned {child}, now {number}", flush=True)
        finally:
            os._exit(number)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        raise ChildProcessError(f"signal {-status} ended the child")
    print(f"parent: still {number}", flush=True)
    return status, number


def main() -> int:
    """Fork once, show what each process has; return the exit status."""
    parent = os.getpid()

    def stop(number: int, _frame: object) -> None:
        if os.getpid() == parent:
            sys.exit(128 + number)
        os._exit(128 + number)  # not by way of the parent's code

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    argparse.ArgumentParser(description="Fork once.").parse_args()
    try:
        in_child, in_parent = add_one_in_child(6)
    except OSError as error:
        print(f"fork: {error}", file=sys.stderr)
        return 1
    print(f"the child had {in_child}, the parent has {in_parent}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
