"""What strace saw becomes the steps of a recording."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from record import strace_log
from record.interpret import Interpreter, NotUnderstoodError, comparable

from tests.harness import handmade

if TYPE_CHECKING:
    from ipcdocs.recording.model import Step

# The machinery's own test: the pages do not need it to be built.
pytestmark = pytest.mark.slow
PARENT = """\
1.0 stat("@line:10", 0x7ff) = -1 ENOENT (No such file or directory)
1.1 pipe2([3<pipe:[7]>, 4<pipe:[7]>], O_CLOEXEC) = 0
1.2 clone(child_stack=NULL, flags=SIGCHLD) = 20
1.3 close(4<pipe:[7]>) = 0
2.0 read(3<pipe:[7]>, "ab", 64) = 2
4.0 exit_group(0) = ?
"""
CHILD = """\
{when} write(4<pipe:[7]>, "ab", 2) = 2
5.0 exit_group(0) = ?
"""


def steps(*traces: str) -> list[Step]:
    """Return the steps of processes, of which the first forks the second."""
    traced = [
        strace_log.Traced(pid, "", list(strace_log.parse(trace)))
        for pid, trace in zip((10, 20), traces, strict=False)
    ]
    interpreter = Interpreter(traced)
    interpreter.run()
    return interpreter.steps


@pytest.mark.parametrize(("when", "blocked"), [("1.9", False), ("2.1", True)])
def test_who_began_to_read_before_the_other_wrote_has_waited(
    when: str, *, blocked: bool
) -> None:
    found = steps(PARENT, CHILD.format(when=when))
    (write,) = [i for i, step in enumerate(found) if step.call == "write"]
    (read,) = [step for step in found if step.call == "read"]
    assert (read.causes, read.blocked) == ([write], blocked)
    assert [step.blocked for step in found].count(True) == blocked


RESTARTED = PARENT.replace(
    "2.0 read",
    "1.4 read(3<pipe:[7]>, 0x7ff, 64) = ? ERESTARTSYS (To be restarted)\n"
    "1.5 --- SIGINT {si_signo=SIGINT, si_code=SI_USER} ---\n"
    "2.0 read",
)


def test_a_signal_interrupts_the_call_that_is_made_again() -> None:
    found = steps(RESTARTED, CHILD.format(when="2.1"))
    own = [step for step in found if step.process == 0]
    assert [step.call for step in own[3:]] == [
        *("close", "SIGINT", "read", "exit"),
    ]
    signal, read = own[4:6]
    assert (signal.blocked, signal.detail) == (True, "read(3)")
    assert (read.blocked, read.detail) == (True, "")


def test_a_signal_that_interrupts_nothing_says_so() -> None:
    trace = PARENT.replace("2.0", "1.4 --- SIGINT {si_signo=SIGINT} ---\n2.0")
    found = steps(trace, CHILD.format(when="2.1"))
    (signal,) = [step for step in found if step.call == "SIGINT"]
    assert (signal.blocked, signal.detail) == (False, "")


CLOSING_CHILD = "1.9 close(4<pipe:[7]>) = 0\n5.0 exit_group(0) = ?\n"


def test_the_end_comes_after_a_close() -> None:
    found = steps(
        PARENT.replace('"ab", 64) = 2', '"", 64) = 0'), CLOSING_CHILD
    )
    (step,) = [step for step in found if step.call == "read"]
    assert [found[cause].call for cause in step.causes] == ["close"]


def test_data_that_no_known_call_has_sent_are_refused() -> None:
    with pytest.raises(NotUnderstoodError, match=r"read.*ab.*CALLS"):
        steps(PARENT, CLOSING_CHILD)


@pytest.mark.parametrize(
    ("family", "address", "causes"),
    [
        (
            "AF_INET",
            "{sa_family=AF_INET, sin_port=htons(41267)}",
            [],
        ),
        ("AF_UNIX", '{sa_family=AF_UNIX, sun_path="at"}', ["bind"]),
    ],
)
def test_a_datagram_socket_that_connects_asks_nobody(
    family: str, address: str, causes: list[str]
) -> None:
    trace = f"""\
1.0 stat("@line:10", 0x7ff) = -1 ENOENT (No such file or directory)
1.1 socket({family}, SOCK_DGRAM, 0) = 3<socket:[7]>
1.2 bind(3<socket:[7]>, {address}, 16) = 0
1.3 socket({family}, SOCK_DGRAM, 0) = 4<socket:[8]>
1.4 connect(4<socket:[8]>, {address}, 16) = 0
1.5 send(4<socket:[8]>, "ab", 2, 0) = 2
1.6 exit_group(0) = ?
"""
    found = steps(trace)
    (step,) = [step for step in found if step.call == "connect"]
    assert [found[cause].call for cause in step.causes] == causes
    (sent,) = [step for step in found if step.data]
    assert sent.sent_to == (1, 0)


def test_an_empty_datagram_comes_after_the_one_who_sent_it() -> None:
    trace = """\
1.0 stat("@line:10", 0x7ff) = -1 ENOENT (No such file or directory)
1.1 socketpair(AF_UNIX, SOCK_DGRAM, 0, [3<socket:[7]>, 4<socket:[8]>]) = 0
1.2 sendto(3<socket:[7]>, "", 0, 0, NULL, 0) = 0
1.3 recvfrom(4<socket:[8]>, "", 64, 0, NULL, NULL) = 0
1.4 exit_group(0) = ?
"""
    found = steps(trace)
    (step,) = [step for step in found if step.call == "recv"]
    assert [found[cause].call for cause in step.causes] == ["send"]
    assert step.taken_from == (1, 1)


@pytest.mark.parametrize(
    ("number", "same"),
    [
        (6, True),  # the read of what a child has just written
        (20, False),  # the accept of a client that began later
        (22, True),  # the wait for more from this client
    ],
)
def test_who_waited_for_a_program_to_start_is_compared(
    number: int, *, same: bool
) -> None:
    changed = list(handmade.STEPS)
    changed[number] = replace(changed[number], blocked=False)
    other = replace(handmade.RUN, steps=changed)
    assert (comparable(other) == comparable(handmade.RUN)) is same


def test_where_python_counts_its_threads_is_left_out() -> None:
    counted = PARENT.replace(
        "4.0 exit_group",
        '3.8 read(5</proc/7/stat>, "7 (python)", 1024) = 10\n4.0 exit_group',
    )
    assert counted != PARENT
    child = CHILD.format(when="1.9")
    assert steps(counted, child) == steps(PARENT, child)


def test_a_signal_kills() -> None:
    trace = PARENT.replace(
        "4.0 exit_group(0) = ?",
        "3.9 --- SIGINT {si_signo=SIGINT, si_code=SI_KERNEL} ---\n"
        "4.0 +++ killed by SIGINT +++",
    )
    found = steps(trace, CHILD.format(when="1.9"))
    *_, signal, killed = [step for step in found if step.process == 0]
    assert (signal.call, killed.call) == ("SIGINT", "killed")
    assert killed.detail == "SIGINT"
    assert killed.table == dict.fromkeys((0, 1, 2, 3))


def test_another_descriptor_is_for_the_same() -> None:
    trace = PARENT.replace(
        "1.3 close(4<pipe:[7]>) = 0",
        "1.3 fcntl(4<pipe:[7]>, F_GETFL) = 1\n"
        "1.4 fcntl(4<pipe:[7]>, F_DUPFD_CLOEXEC, 0) = 5<pipe:[7]>",
    )
    found = steps(trace, CHILD.format(when="1.9"))
    (step,) = [step for step in found if step.call == "dup"]
    assert (step.fd, step.detail, step.table) == (4, "5", {5: step.endpoint})


def test_a_pidfd_is_ready_when_its_process_has_ended() -> None:
    trace = PARENT.replace(
        "4.0 exit_group",
        "3.1 pidfd_open(20, 0) = 5<anon_inode:[pidfd]>\n"
        "3.2 poll([{fd=5<anon_inode:[pidfd]>, events=POLLIN}], 1, -1)"
        " = 1 ([{fd=5, revents=POLLIN}])\n6.0 exit_group",
    )
    found = steps(trace, CHILD.format(when="1.9").replace("5.0", "3.0"))
    (opened,) = [step for step in found if step.call == "pidfd_open"]
    assert (opened.child, [*opened.table]) == (1, [5])
    (wait,) = [step for step in found if step.call == "poll"]
    assert [found[cause].call for cause in wait.causes] == ["exit"]


def test_a_poll_that_goes_on_after_a_signal_finds_what_there_is_news_of() -> (
    None
):
    trace = PARENT.replace(
        "2.0 read",
        "1.4 poll([{fd=3<pipe:[7]>, events=POLLIN}], 1, -1) = ? "
        "ERESTART_RESTARTBLOCK (Interrupted by signal)\n"
        "1.5 --- SIGCONT {si_signo=SIGCONT, si_code=SI_USER} ---\n"
        "1.6 restart_syscall(<... resuming interrupted poll ...>) = 1\n"
        "2.0 read",
    )
    found = steps(trace, CHILD.format(when="1.7"))
    signal, poll = (s for s in found if s.call in ("SIGCONT", "poll"))
    assert (signal.detail, poll.detail) == ("poll(3)", "3")
    assert [found[cause].call for cause in poll.causes] == ["write"]


@pytest.mark.parametrize(
    ("taken", "details"),
    [
        ("15 (SIGTERM)", ["SIGTERM"]),
        ("34 (SIGRT_2)", ["SIGRTMIN"]),
        ("17 (SIGCHLD)", []),
        ("-1 EAGAIN (Resource temporarily unavailable)", []),
    ],
)
def test_a_signal_that_is_waited_for_is_a_step(
    taken: str, details: list[str]
) -> None:
    trace = PARENT.replace(
        "4.0 exit_group",
        "3.0 rt_sigtimedwait([CHLD TERM RT_2], {si_signo=1, si_fd=3<pipe:[7]>}"
        f", NULL, 8) = {taken}\n4.0 exit_group",
    )
    found = steps(trace, CHILD.format(when="1.9"))
    waits = [step for step in found if step.call == "sigwait"]
    assert [step.detail for step in waits] == details
    assert not [step for step in waits if step.endpoint]


def test_a_pidfd_of_oneself_is_python_s_affair() -> None:
    trace = PARENT.replace(
        "4.0 exit_group",
        "3.1 pidfd_open(10, 0) = 5<anon_inode:[pidfd]>\n"
        "3.2 close(5<anon_inode:[pidfd]>) = 0\n6.0 exit_group",
    )
    found = steps(trace, CHILD.format(when="1.9"))
    assert not [s for s in found if s.call == "pidfd_open" or s.fd == 5]


@pytest.mark.parametrize(
    ("result", "made"),
    [("0", 1), ("-1 EINPROGRESS (Now)", 1), ("-1 ECONNREFUSED (No)", 0)],
)
def test_a_connect_in_progress_is_a_connection(result: str, made: int) -> None:
    address = "{sa_family=AF_INET, sin_port=htons(41267)}, 16"
    trace = f"""\
1.0 stat("@line:10", 0x7ff) = -1 ENOENT (No such file or directory)
1.1 socket(AF_INET, SOCK_STREAM, 0) = 3<socket:[7]>
1.2 bind(3<socket:[7]>, {address}) = 0
1.3 listen(3<socket:[7]>, 5) = 0
1.4 socket(AF_INET, SOCK_STREAM, 0) = 4<socket:[8]>
1.5 connect(4<socket:[8]>, {address}) = {result}
1.6 exit_group(0) = ?
"""
    (step,) = [step for step in steps(trace) if step.call == "connect"]
    assert len(step.table) == made


def test_what_the_kernel_tells_of_itself_needs_no_sender() -> None:
    told = PARENT.replace(
        "4.0 exit_group",
        '3.8 stat("@line:12", 0x7ff) = -1 ENOENT (No such file or directory)\n'
        '3.9 read(5</proc/7/net/tcp>, "  sl", 1024) = 4\n4.0 exit_group',
    )
    child = CHILD.format(when="1.9")
    assert [s.call for s in steps(told, child)] == [
        s.call for s in steps(PARENT, child)
    ]


CONNECTED = """\
1.0 stat("@line:10", 0x7ff) = -1 ENOENT (No such file or directory)
1.1 socket(AF_INET, SOCK_STREAM, 0) = 3<TCP:[1]>
1.2 bind(3<TCP:[1]>, {{sin_port=htons(255)}}, 16) = 0
1.3 listen(3<TCP:[1]>, 5) = 0
1.4 socket(AF_INET, SOCK_STREAM, 0) = 4<TCP:[2]>
1.5 connect(4<TCP:[2]>, {{sin_port=htons(255)}}, 16) = 0
{first}
3.0 accept4(3<TCP:[1]>, {{sin_port=htons(4096)}}, [16], 0) = 5<TCP:[3]>
3.1 clone(child_stack=NULL, flags=SIGCHLD) = 20
3.2 shutdown(4<TCP:[2]>, SHUT_WR) = 0
{second}
6.0 exit_group(0) = ?
"""
HEAD = "  sl  local_address rem_address   st"
LISTENER = r"\n   0: 0100007F:00FF 00000000:0000 0A 0"
CLIENT = r"\n   1: 0100007F:1000 0100007F:00FF {} 0"
SERVER = r"\n   2: 0100007F:00FF 0100007F:1000 {} 0"
OTHER = r"\n   3: 0100007F:1001 0100007F:00FF 06 0"


def look(time: float, *parts: str) -> str:
    """Return the rows of strace for a look at the table, read in parts."""
    return "\n".join(
        f'{time + i / 10:.1f} read(6</proc/7/net/tcp>, "{part}", 9999)'
        f" = {len(part)}"
        for i, part in enumerate([*parts, ""])
    )


def seen(first: str, second: str, child: str = "9.0 exit_group(0) = ?") -> str:
    """Return the states of TCP that are noted, each after its call."""
    found = steps(CONNECTED.format(first=first, second=second), child)
    return "; ".join(
        f"{step.call} {number} {' '.join(names)}"
        for step in found
        for number, names in step.tcp.items()
    )


def test_states_of_tcp_are_those_of_the_last_look_before_a_step() -> None:
    table = HEAD + OTHER + LISTENER + CLIENT.format("01")
    early = look(1.6, table + SERVER.format("03"))
    late = look(2.0, table[:50], table[50:] + SERVER.format("01"))
    gone = look(4.0, HEAD + LISTENER + CLIENT.format("06"))
    assert seen(f"{early}\n{late}", gone) == (
        "connect 2 LISTEN; connect 4 ESTABLISHED ESTABLISHED; "
        "shutdown 2 LISTEN; shutdown 4 TIME_WAIT CLOSED"
    )


@pytest.mark.parametrize(
    ("parts", "child"),
    [
        ([HEAD], "3.9 close(4<TCP:[2]>) = 0\n9.0 exit_group(0) = ?"),
        ([], "9.0 exit_group(0) = ?"),  # without the table's beginning
    ],
)
def test_a_look_that_may_be_of_another_time_is_not_noted(
    parts: list[str], child: str
) -> None:
    assert seen("", look(4.0, *parts), child) == ""


def test_states_of_tcp_are_compared() -> None:
    changed = list(handmade.STEPS)
    tcp = {handmade.CONNECTION: ["FIN_WAIT1", "CLOSE_WAIT"]}
    changed[27] = replace(changed[27], tcp=tcp)
    other = replace(handmade.RUN, steps=changed)
    assert comparable(other) != comparable(handmade.RUN)
