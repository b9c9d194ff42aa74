"""The wheel holds the programs alone, and they run from it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling import build

from tests.harness.catalogue import PROGRAMS

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    return tmp_path / build.build_wheel(str(tmp_path))


def test_a_wheel_holds_programs_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {
            name for name in archive.namelist() if ".dist-info/" not in name
        }
    ours = {"__init__.py", "__main__.py", "py.typed"}
    ours |= {f"{program}.py" for program in PROGRAMS}
    assert names == {f"ipc_examples/{name}" for name in ours}


def test_a_wheel_installs_and_runs(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--target", place, wheel], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "ipc_examples.pipe"],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("-->Bright star")
