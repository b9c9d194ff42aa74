from __future__ import annotations

import argparse
import importlib
import re
from typing import NoReturn

import pytest
from programs import WITH_ARGUMENTS


class Parsed(Exception):  # noqa: N818 - it ends the program
    pass


def parse(parser: argparse.ArgumentParser) -> NoReturn:
    raise Parsed(parser.description)


@pytest.mark.parametrize("program", WITH_ARGUMENTS)
def test_says_in_a_sentence_what_the_program_does(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("signal.pthread_sigmask", lambda *_: None)
    with pytest.raises(Parsed) as description:
        importlib.import_module(f"ipc_examples.{program}").main()
    assert re.fullmatch(r"[A-Z][\w ,|]+\.", str(description.value))
