"""The layers hold, and the contracts that say so fail when they are broken: one planted violation for each."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "plateflow"
CONTRACTS = {
    contract["name"]: contract["id"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
PLANTED = {
    "progress imports plates": ("progress", "import plateflow.plate.model", "layers"),
    "pipeline imports the command line": ("pipeline", "import plateflow.cli", "layers"),
    "execution imports its sibling": ("execution", "import plateflow.runtime", "layers"),
    "a module of no layer": ("helpers", "", "layers"),
    "a face executes": ("cli", "import plateflow.execution", "faces"),
    "the runtime imports plates": ("runtime", "import plateflow.plate.model", "runtime"),
    "lines import storage": ("lines", "def late():\n    import plateflow.storage", "runtime"),
    "progress opens a socket": ("progress", "import socket", "progress"),
    "a library function writes files": ("functions", "import plateflow.storage", "functions"),
    "a library function reports": ("functions", "from plateflow.progress.update import encode", "functions"),
    "a face speaks zmq": ("cli", "import zmq", "zmq"),
    "the runner speaks zmq": ("service", "def late():\n    from zmq import Context", "zmq"),
    "the command line imports Qt": ("cli", "import qtpy", "qt"),
    "the runner imports PyQt": ("service", "def late():\n    from PyQt6.QtCore import QObject", "qt"),
    "the runtime imports PySide": ("runtime", "from PySide6 import QtCore", "qt"),
    "the pipeline imports magicgui": ("pipeline", "import magicgui", "qt"),
    "progress imports superqt": ("progress", "import superqt", "qt"),
}


def broken_contracts(folder: Path) -> set[str]:
    """Run the linter over the package in this folder; return the ids of the contracts it breaks."""
    linter = Path(sys.executable).with_name("lint-imports")
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo"]
    run = subprocess.run(
        [str(linter), *config],
        cwd=folder,  # the linter looks for the package here first
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = dict(re.findall(r"^(.*) (KEPT|BROKEN)", run.stdout, re.MULTILINE))
    assert verdicts.keys() == CONTRACTS.keys(), run.stdout + run.stderr
    broken = {CONTRACTS[name] for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert run.returncode == (1 if broken else 0), run.stdout + run.stderr
    return broken


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy of the package, to plant in."""
    shutil.copytree(SOURCE, tmp_path / "plateflow", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_layers_hold(copy: Path) -> None:
    assert broken_contracts(copy) == set()


@pytest.mark.parametrize(("where", "code", "contract"), PLANTED.values(), ids=PLANTED.keys())
def test_a_violation_breaks_its_contract(copy: Path, where: str, code: str, contract: str) -> None:
    package = copy / "plateflow" / where
    (package / "planted.py" if package.is_dir() else package.with_suffix(".py")).write_text(code + "\n")
    assert broken_contracts(copy) == {contract}


def test_every_contract_is_proved() -> None:
    assert {contract for _, _, contract in PLANTED.values()} == set(CONTRACTS.values())


def test_only_the_window_loads_qt() -> None:
    """Not when something of plateflow is used, whatever it is, for Qt may not be installed."""
    names = [f"plateflow.{name}" for name in ("cli.main", "service.runner", "service.server", "runtime.client")]
    code = f"import sys, plateflow, {', '.join(names)}; plateflow.Pipeline, plateflow.run_plate; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "plateflow.runtime.client" in loaded
    assert not {name.partition(".")[0] for name in loaded} & {"qtpy", "PyQt6", "PySide6", "magicgui", "superqt"}


def imports(path: Path) -> set[str]:
    """Return all that a module imports, wherever it does, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inside() -> list[Path]:
    """Return every module but the package root, which loads its public names lazily."""
    return [path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py"]


def test_nothing_inside_uses_the_package_root() -> None:
    """Names of the root would tie every layer to all of them; a layer is no name of the root."""
    layers = {f"plateflow.{path.stem}" for path in SOURCE.iterdir()}
    of_root = {name for path in inside() for name in imports(path) if re.fullmatch(r"plateflow(\.\w+)?", name)}
    assert of_root <= layers


def test_code_is_loaded_by_name_in_pipeline_only() -> None:
    loaders = {"importlib", "importlib.import_module", "importlib.util", "runpy"}
    loading = {path.relative_to(SOURCE).parts[0] for path in inside() if imports(path) & loaders}
    assert loading <= {"pipeline"}
