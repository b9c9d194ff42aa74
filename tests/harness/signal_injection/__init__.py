"""Runs a program, and sends it a signal when it comes to a chosen line.

A *checkpoint* (``checkpoints.py``) is a line of the program that a process is
about to run, and how it came there: whether it is a child, from which lines
the line was called, how many descriptors are open. A *scenario*
(``scenarios.py``) is a whole run in which one thing may go wrong: a call fails
once, a child loses its descriptors, ...; in BASELINE nothing does. An
*arrival* is one process at one checkpoint in one scenario. To *inject* a
signal (``inject.py``) is to repeat such a run, and to let the process send
itself the signal when it arrives; SIGINT goes to all processes, as by ^C::

    a test                     the program, in processes of its own
    ------------------         ---------------------------------------------

    reach_checkpoints() -----> runs once in each scenario; at each checkpoint
            |                  it notes what each signal would do there:
            |                  kill it, call its handler, wait, ...
            v           <----- the notes; status, stdout, stderr
    all arrivals, sorted
    by their checkpoints
            |
            v
    inject(arrivals, N) -----> runs again in the first arrival's scenario
            |                        line
            |                        line
            |                        checkpoint:  kill(getpid(), N)
            |                        ?
            v           <----- status, stdout, stderr, or none of them, if
    compared with what         the checkpoint was not reached: then it runs
    should be left             with longer timeouts, or the next arrival's
(``faults.py``)                scenario

What may be left: where the signal kills, a status that says so; where it is
handled, that of the handler, and no more on standard error than was due
before. A signal to a child alone is told by the parent in one line. Never a
file, a process that runs on, or an open descriptor: ``RunningProgram`` sees
to that.

Whether a line is reached at all is a matter of chance when one process waits
for another. So a failure is reported only if no arrival at the line could be
repeated. ``tests/README.md`` has a failure's message, and how to read it.
"""
