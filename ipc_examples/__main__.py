# SPDX-License-Identifier: 0BSD
"""List the programs of this package, one line each."""

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


def main() -> None:
    """Print the list."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        lines = [f"{name:24}{summary}\n" for name, summary in programs()]
        print("".join(lines), end="", flush=True)
    except OSError as error:
        sys.exit(f"ipc_examples: {error}")


if __name__ == "__main__":
    main()
