"""What is installed: quick to import, with the extras and the licence it says."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

import arbmodels
from cli_cases import python

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_importing_is_quick() -> None:
    """Heavy libraries are imported where they are used."""
    seconds = []
    for _ in range(3):
        report = python("-X", "importtime", "-c", "import arbmodels").stderr
        (total,) = re.findall(r"\| +(\d+) \| arbmodels$", report, re.MULTILINE)
        seconds.append(int(total) / 1e6)
    assert min(seconds) < 0.5
    loaded = python("-c", "import sys, arbmodels; print(*sys.modules)").stdout.split()
    assert not {"numpy", "pandas", "matplotlib", "numba", "highspy", "scipy"} & set(loaded)


#: What a command for a small market has no use for: it is interpreted, and shown without frames.
_SMALL_COMMANDS = {
    "route swebench-sim --budget 5": {"pandas", "numba", "scipy.optimize", "scipy.special"},
    "margin swebench-sim --models gpt5mini,deepseek": {"pandas", "numba", "scipy.optimize"},
    "info swebench-sim": {"numba", "scipy", "highspy"},
}


@pytest.mark.parametrize("command", _SMALL_COMMANDS)
def test_commands_for_small_markets_load_what_they_use(command: str) -> None:
    report = python("-X", "importtime", "-m", "arbmodels", *command.split()).stderr
    loaded = set(re.findall(r"\| +([\w.]+)$", report, re.MULTILINE))
    assert "numpy" in loaded
    unused = {"matplotlib", "cvxpy", "pyomo", "sklearn", "dask", "joblib"}
    assert not (_SMALL_COMMANDS[command] | unused) & loaded


def test_every_extra_is_documented() -> None:
    page = (ROOT / "docs" / "index.md").read_text()
    extras = set(PROJECT["project"]["optional-dependencies"]) - {"distribution"}
    assert {extra for extra in extras if f"| `{extra}` |" not in page} == set()


def test_the_version_has_one_place() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "arbmodels/__init__.py"
    assert metadata.version("arbmodels") == arbmodels.__version__
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")))
def test_workflows_are_well_formed(path: Path) -> None:
    """They run elsewhere: here only what a parser and the Makefile can say of them."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "permissions", "jobs"} <= set(workflow)
    assert True in workflow  # "on", which YAML takes for a truth value
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for job in workflow["jobs"].values():
        assert "runs-on" in job
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            for target in re.findall(r"make ([a-z-]+)", step.get("run", "")):
                assert f"\n{target}:" in targets


def test_hooks_before_a_commit_are_the_tools_of_the_tests() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    ruff, codespell = hooks["repos"]
    assert f"ruff=={ruff['rev'].removeprefix('v')}\n" in (ROOT / "constraints.txt").read_text()
    assert [hook["id"] for hook in codespell["hooks"]] == ["codespell"]


#: Run with nothing but the wheel on the path that is ours.
_FROM_THE_WHEEL = """
import sys
sys.path.insert(0, sys.argv[1])
import arbmodels
from arbmodels.formulations import budget_routing, template
assert arbmodels.__file__.startswith(sys.argv[1]), arbmodels.__file__
assert budget_routing.__file__.startswith(sys.argv[1]), budget_routing.__file__
found = arbmodels.registry.formulations()
assert len(found) == 12 and all(str(each.path).startswith(sys.argv[1]) for each in found.values())
assert arbmodels.load_market("swebench-sim").simulated
from arbmodels.cli import main
sys.argv[1:] = ["formulations", "check", "budget_routing"]
main()
"""


def test_the_wheel_holds_all_that_is_needed(tmp_path: Path) -> None:
    """Built, unpacked and run from elsewhere; `make distribution` runs it without the checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"arbmodels", f"arbmodels-{arbmodels.__version__}.dist-info"}
    assert "arbmodels/formulations.py" not in names
    assert not any("__pycache__" in name for name in names)
    for needed in (
        "arbmodels/py.typed",
        "arbmodels/data/swebench_sim.json",
        "arbmodels/formulations/pairs.py",
    ):
        assert needed in names
    run = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-I", "-c", _FROM_THE_WHEEL, str(tmp_path / "site")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "budget_routing" in run.stdout
