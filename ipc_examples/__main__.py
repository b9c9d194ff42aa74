# SPDX-License-Identifier: 0BSD
"""List the programs of this package, one line each."""

import argparse
import ast
import importlib.resources
import signal
import sys
from collections.abc import Iterator


def programs() -> Iterator[tuple[str, str]]:
    """Yield each program's name and the first line of its docstring."""
    package = importlib.resources.files("ipc_examples")
    for file in sorted(package.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py") and not file.name.startswith("__"):
            docstring = ast.get_docstring(ast.parse(file.read_bytes())) or ""
            yield file.name.removesuffix(".py"), docstring.partition("\n")[0]


def main() -> int:
    """Print the list; return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    argparse.ArgumentParser(
        prog="python -m ipc_examples",
        description="List the programs. "
        "Run one with: python -m ipc_examples.NAME",
    ).parse_args()
    try:
        lines = [f"{name:24}{summary}\n" for name, summary in programs()]
        print("".join(lines), end="", flush=True)
    except OSError as error:
        print(f"ipc_examples: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
