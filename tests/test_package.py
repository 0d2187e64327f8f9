"""What is installed: quick to import, with the extras and the licence it says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

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


def test_every_extra_is_documented() -> None:
    page = (ROOT / "docs" / "index.md").read_text()
    extras = set(PROJECT["project"]["optional-dependencies"]) - {"distribution"}
    assert {extra for extra in extras if f"| `{extra}` |" not in page} == set()


def test_versions_agree() -> None:
    assert PROJECT["project"]["version"] == arbmodels.__version__
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_formulations_are_in_the_wheel() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    points = PROJECT["project"]["entry-points"]["arbmodels.formulations"]
    for module in points.values():
        package, _, name = module.partition(".")
        assert package in wheel
        assert (ROOT / package / f"{name}.py").exists()
