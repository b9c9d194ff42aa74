from __future__ import annotations

import argparse
import importlib
from typing import NoReturn

import pytest
from programs import PROGRAMS

DESCRIPTIONS = {
    "datagram_request": "Ask, and ask again.",
    "fork": "Fork once.",
    "inet_datagram_receive": "Receive one datagram.",
    "inet_datagram_send": "Send one datagram.",
    "inet_stream_accept": "Print what clients send.",
    "inet_stream_connect": "Send one message.",
    "inet_stream_select": "Print what clients send.",
    "out_of_band": "Send an urgent byte.",
    "pass_descriptor": "Read a file of a child's.",
    "peek": "Peek before reading.",
    "pipe": "Read from a child.",
    "pipeline": "Run PROG1 | PROG2.",
    "round_trips": "Time five channels.",
    "skeleton": "Answer each line.",
    "socketpair": "Talk to a child.",
    "ten_calls": "Make all ten calls.",
    "unix_datagram_receive": "Receive one datagram.",
    "unix_datagram_send": "Send one datagram.",
    "unix_stream_accept": "Print what clients send.",
    "unix_stream_connect": "Send one message.",
}


class Parsed(Exception):  # noqa: N818 - it ends the program
    pass


def parse(parser: argparse.ArgumentParser) -> NoReturn:
    raise Parsed(parser.description)


@pytest.mark.parametrize("program", [*PROGRAMS, "__main__"])
def test_says_what_the_program_does(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_them = "List the programs. Run one with: python -m ipc_examples.NAME"
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    with pytest.raises(Parsed) as description:
        importlib.import_module(f"ipc_examples.{program}").main()
    assert str(description.value) == DESCRIPTIONS.get(program, list_them)
