"""Bootstrap, cross-validation and search studies on a real cluster of two workers; killed workers;
progress."""

from __future__ import annotations

import io
import os
import signal
import threading
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest

from arbmodels.curves import attempt_curves
from arbmodels.errors import InputError, WorkerError
from arbmodels.estimation import (
    bootstrap_curves,
    bootstrap_margin,
    cross_validate_margin,
    robustness_study,
    workers,
)
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.verification import verification_sweep
from cluster_cases import two_workers
from conftest import random_market
from estimation_cases import always_die, die_once, square

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def client():
    """A cluster for the tests that leave it as it is."""
    with two_workers(allowed_failures=3) as connected:
        yield connected


@pytest.fixture
def dying():
    """A cluster for one test that kills workers."""
    with two_workers(allowed_failures=3) as connected:
        yield connected


@pytest.fixture
def market():
    plain = random_market(np.random.default_rng(7), 25, 2)
    return Market(
        plain.models,
        plain.instances,
        plain.attempts,
        plain.successes,
        plain.cost * [0.02, 0.05],
    )


def both(call):
    """What a call returns here, and what it returns on the cluster."""
    here = call()
    with joblib.parallel_config(backend="dask"):
        return here, call()


def test_the_cluster_gives_the_same_numbers(client, market):
    rates = np.linspace(0.2, 0.5, 7)
    here, there = both(lambda: bootstrap_margin(market, resamples=12, solve_rates=rates))
    np.testing.assert_array_equal(here.cost, there.cost)
    np.testing.assert_array_equal(here.model_prices, there.model_prices)
    for source, method in ((attempt_curves(market), "exact"), (market, "olmedo2026")):
        here, there = both(
            partial(cross_validate_margin, source, method=method, repeats=1, solve_rates=rates)
        )
        np.testing.assert_array_equal(here.held_out.cost, there.held_out.cost)
        np.testing.assert_array_equal(here.held_out.model_prices, there.held_out.model_prices)
    make = partial(attempt_curves, max_attempts=9, estimator="beta-binomial-zero")
    here, there = both(lambda: bootstrap_curves(market, curves=make, resamples=12))
    np.testing.assert_array_equal(here.spend[1], there.spend[1])
    here, there = both(
        lambda: robustness_study(
            market, budgets=(1.0, 5.0), draws=26, learners=("olmedo2026", "pooled")
        )
    )
    np.testing.assert_array_equal(here.margin, there.margin)


def test_a_worker_that_dies_loses_nothing(dying, tmp_path):
    tasks = [(number, str(tmp_path / "died")) for number in range(12)]
    with joblib.parallel_config(backend="dask"):
        assert run(die_once, tasks) == [number**2 for number in range(12)]
    assert (tmp_path / "died").exists()


def test_a_worker_killed_from_outside_loses_nothing(dying):
    victim = next(iter(dying.run(os.getpid).values()))
    timer = threading.Timer(0.6, os.kill, (victim, signal.SIGKILL))
    timer.start()
    with joblib.parallel_config(backend="dask"):
        assert run(square, [(number, 0.1) for number in range(30)]) == [n**2 for n in range(30)]
    timer.join()


def test_errors_of_a_task_arrive():
    with pytest.raises(ZeroDivisionError):
        run(divmod, [(1, 1), (1, 0)])


def test_a_process_of_joblib_that_dies_loses_nothing(tmp_path):
    tasks = [(number, str(tmp_path / "died")) for number in range(12)]
    assert run(die_once, tasks, workers=2) == [number**2 for number in range(12)]
    assert (tmp_path / "died").exists()


def test_a_task_that_always_kills_its_process_is_given_up():
    with pytest.raises(WorkerError, match=r"killed 3 times at task [1-4] of 4"):
        run(always_die, [(number,) for number in range(4)], workers=2)


def test_no_workers():
    with pytest.raises(InputError, match="workers is 0"):
        run(divmod, [(1, 1)], workers=0)


class Terminal(io.StringIO):
    """Somebody looks."""

    def isatty(self) -> bool:
        return True


def test_progress_is_shown(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(workers, "_QUICK", 0.0)
    assert run(square, [(number, 0.06) for number in range(4)], what="squares") == [0, 1, 4, 9]
    assert "squares" in shown.getvalue()
    assert "/4" in shown.getvalue()
    quick = Terminal()
    monkeypatch.setattr("sys.stderr", quick)
    monkeypatch.setattr(workers, "_QUICK", 60.0)
    run(square, [(number, 0.0) for number in range(4)], what="squares")
    assert "squares" not in quick.getvalue()


def test_a_sweep_of_verifiers_on_the_cluster(client, market):
    call = partial(verification_sweep, market, [0.2, 0.3], [0.0, 0.01, 0.02])
    here, there = both(call)
    np.testing.assert_array_equal(here.cost, there.cost)
    np.testing.assert_array_equal(here.price, there.price)
    two = call(workers=2)
    np.testing.assert_array_equal(here.cost, two.cost)
    with pytest.raises(InputError, match="workers is 0"):
        call(workers=0)
