"""What the extensions import leads one way, down, and each is set up."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path
from unittest.mock import MagicMock

import pytest

import ipcdocs

PACKAGE = Path(ipcdocs.__path__[0])
PARTS = {file.stem for file in PACKAGE.iterdir() if file.suffix != ".md"}
# What tests import, too.
WITHOUT_SPHINX = [
    "ipcdocs.recording.model",
    "ipcdocs.recording.prose",
    "ipcdocs.transcript.syntax",
    "ipcdocs.verification.kept_results",
    "ipcdocs.verification.results_file",
]


@pytest.mark.parametrize("module", WITHOUT_SPHINX)
def test_what_tests_share_with_extensions_imports_no_sphinx(
    module: str,
) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    path = {"PYTHONPATH": str(PACKAGE.parent)}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | path,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    imported = run.stdout.split()
    assert module in imported
    assert not {"docutils", "sphinx"} & {*imported}


def imports_of(file: Path) -> set[str]:
    """Return the names of the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def test_sub_packages_import_in_no_circle() -> None:
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for file in PACKAGE.rglob("*.py"):
        part = Path(file.relative_to(PACKAGE).parts[0]).stem
        for name in imports_of(file):
            top, *rest = name.split(".")
            if top == "ipcdocs" and rest and rest[0] != part:
                assert rest[0] in PARTS, f"{file.name} imports {name}"
                graph[part].add(rest[0])
    assert graph["transcript"] >= {"project", "recording"}
    order = [*TopologicalSorter(graph).static_order()]  # or it is a circle
    assert order.index("recording") < order.index("transcript")


def test_modules_import_in_no_circle() -> None:
    modules = {
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts): file
        for file in PACKAGE.rglob("*.py")
    }
    graph = {
        module: {
            known
            for name in imports_of(file)
            for known in (name, name.rpartition(".")[0])
            if known in modules
        }
        for module, file in modules.items()
    }
    assert [*TopologicalSorter(graph).static_order()]


EXTENSIONS = {
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    for file in PACKAGE.rglob("*.py")
    if "\ndef setup(" in file.read_text("utf-8")
}
BELOW = {name for name in EXTENSIONS if not name.endswith("__init__")}
SUB_PACKAGES = {name.removesuffix(".__init__") for name in EXTENSIONS - BELOW}


@pytest.mark.parametrize("package", sorted(SUB_PACKAGES))
def test_a_sub_package_sets_up_its_modules(package: str) -> None:
    app = MagicMock()
    importlib.import_module(package).setup(app)
    set_up = [call.args[0] for call in app.setup_extension.call_args_list]
    below = [name for name in BELOW if name.startswith(f"{package}.")]
    assert sorted(set_up) == sorted(below)


@pytest.mark.parametrize("name", sorted(BELOW | SUB_PACKAGES))
def test_pages_may_be_made_in_parallel(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(name)
    if name == "ipcdocs.pages.code_links":  # it changes what another set up
        monkeypatch.setattr(module, "take_over", MagicMock())
    metadata = module.setup(MagicMock())
    assert metadata == {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
