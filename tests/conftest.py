"""What every test may use: real data when it is at hand, the simulated market, random markets."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# Test processes share the cores: before anything reads it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from arbmodels.data import load_market
from arbmodels.market import Market
from cli_cases import write_folder

# The same examples in every run; to look for new ones: pytest --hypothesis-profile=explore.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=500, deadline=None)
settings.load_profile("fixed")

_DATA = os.environ.get("ARBMODELS_DATA")
_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def random_market(
    rng: np.random.Generator,
    instances: int,
    models: int,
    *,
    max_attempts: int = 6,
    missing: float = 0.0,
    segments: int = 0,
    equal_weights: bool = True,
) -> Market:
    """Draw a market; a share ``missing`` of the pairs has no record (never a whole row or column).

    Use it in a test file with ``from conftest import random_market``.
    """
    shape = (instances, models)
    attempts = rng.integers(1, max_attempts + 1, shape)
    absent = rng.random(shape) < missing
    rows, columns = np.arange(instances), np.arange(models)
    absent[rows, rows % models] = False
    absent[columns % instances, columns] = False
    attempts[absent] = 0
    return Market(
        [f"model-{m}" for m in range(models)],
        [f"instance-{i}" for i in range(instances)],
        attempts,
        rng.binomial(attempts, rng.beta(0.5, 0.5, shape)),
        np.exp(rng.normal(0.0, 0.5, shape) + rng.normal(0.0, 1.0, models)),
        weight=None if equal_weights else rng.uniform(0.1, 1.0, instances),
        segment=[f"s{i % segments}" for i in range(instances)] if segments else None,
    )


@st.composite
def markets(
    draw: st.DrawFn,
    max_instances: int = 5,
    max_models: int = 3,
    max_attempts: int = 6,
    missing: float = 0.0,
) -> Market:
    """Hypothesis strategy for small random markets, weighted or not."""
    return random_market(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        draw(st.integers(1, max_instances)),
        draw(st.integers(1, max_models)),
        max_attempts=max_attempts,
        missing=missing,
        equal_weights=draw(st.booleans()),
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests named in ``slow.txt``."""
    lines = (Path(__file__).parent / "slow.txt").read_text(encoding="utf-8").splitlines()
    slow = {line for line in lines if not line.startswith("#")}
    for item in items:
        if item.nodeid.partition("[")[0] in slow:
            item.add_marker(pytest.mark.slow)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests that share a module's fixture in one process; see :mod:`grouping`."""
    from grouping import scheduler

    return scheduler(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session", autouse=True)
def _nothing_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests away from the user's cache and data, and from the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARBMODELS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("ARBMODELS_DATA_URL", "http://127.0.0.1:9")  # nothing listens there
        patch.setenv("NO_PROXY", "*")
        patch.delenv("ARBMODELS_DATA", raising=False)
        yield


@pytest.fixture(autouse=True)
def _pictures_are_closed() -> Iterator[None]:
    """Close what a test drew: matplotlib warns of many, and a warning is an error."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


@pytest.fixture(scope="session")
def quantecon(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Return QuantEcon, compiled by this process into a folder of its own.

    It compiles while it is imported and keeps a function and its wrapper in two files. Two
    processes that do so at once can leave the wrapper of one beside the function of the other,
    and then every later import aborts ("LLVM ERROR: Symbol not found").
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("numba.config.CACHE_DIR", str(tmp_path_factory.mktemp("quantecon")))
        importlib.import_module("quantecon.optimize")
        importlib.import_module("quantecon.game_theory")
        return importlib.import_module("quantecon")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the authors' data (``olmedo2026/...``); the test is skipped without it."""
    for folder in (Path(_DATA) if _DATA else None, _BESIDE):
        if folder is not None and (folder / "olmedo2026").is_dir():
            return folder
    reason = f"no real data: set ARBMODELS_DATA, or put olmedo2026/ into {_BESIDE}"
    if os.environ.get("ARBMODELS_REQUIRE_DATA"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def leaderboards(real_data: Path) -> Path:
    """Folder with the public leaderboards; the test is skipped without it."""
    if (real_data / "leaderboards").is_dir():
        return real_data / "leaderboards"
    reason = f"no leaderboards/ in {real_data}"
    if os.environ.get("ARBMODELS_REQUIRE_DATA"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def swebench(real_data: Path) -> Market:
    """Return the authors' six models on 445 issues."""
    return load_market("olmedo2026/swebench", data=real_data)


@pytest.fixture(scope="session")
def swebench_pair(real_data: Path) -> Market:
    """Return the authors' two-model market."""
    return load_market("olmedo2026/swebench", models=["gpt5mini", "deepseek"], data=real_data)


@pytest.fixture(scope="session")
def simulated() -> Market:
    """Return the bundled simulated market."""
    return load_market("swebench-sim")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the market of 24 issues that the command line's tests use."""
    return write_folder(tmp_path / "market")


@pytest.fixture
def table(folder: Path, tmp_path: Path) -> Path:
    """Return the folder's market as a CSV file under other column names."""
    market = load_market(folder)
    frame = pd.DataFrame(
        [
            (model, instance, market.attempts[i, m], market.successes[i, m], market.cost[i, m])
            for i, instance in enumerate(market.instances)
            for m, model in enumerate(market.models)
        ],
        columns=["llm", "question", "attempts", "successes", "cost"],
    )
    path = tmp_path / "attempts.csv"
    frame.to_csv(path, index=False)
    return path
