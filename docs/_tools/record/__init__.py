"""Records what the programs of the pages ask of the system.

From a transcript on a page to the file ``docs/recordings/NAME.json``::

    the transcript's commands        recorder.py runs them in pseudo-terminals,
            |                        with strace's python in python's place
            v
    trace_lines.py, under strace     runs a program, and makes a call that
            |                        strace sees at each of its lines
            v
    strace's log of each process     strace_log.py reads calls and lines
            |
            v
    the steps of a recording         interpret.py follows descriptors, data
            |                        and waiting from process to process
            v
    docs/recordings/NAME.json        recorder.py writes it, if it is new
            |
            v
    docs/recordings/NAME.txt         snapshot.py: the same, for a reviewer

``nox -s record -- NAME`` does it for one transcript, which has the option
``:record: NAME``; without a name, for all of them. ``ipcdocs.recording.model``
describes the file.
"""
