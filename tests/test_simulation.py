"""The simulated market: it repeats itself, obeys its parameters, and looks like the original."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from arbmodels.data.simulate import SimulationParameters, parameters_file, simulate
from arbmodels.errors import InputError


@pytest.fixture(scope="module")
def parameters():
    return SimulationParameters.from_json(str(parameters_file()))


@pytest.fixture(scope="module")
def large(parameters):
    return simulate(parameters, 1, 20_000)


def test_the_same_seed_draws_the_same_market(parameters):
    one, same, other = (simulate(parameters, seed, 300) for seed in (5, 5, 6))
    for name in ("attempts", "successes", "cost", "solve_probability"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))
    assert one.instances == same.instances


@pytest.mark.parametrize("size", [1, 2, 11, 445, 3000])
def test_any_size_gives_a_valid_market(parameters, size):
    drawn = simulate(parameters, 3, size)
    assert len(set(drawn.instances)) == size
    assert drawn.attempts.shape == drawn.cost.shape == (size, 6)
    assert (drawn.attempts >= 1).all()
    assert ((drawn.successes >= 0) & (drawn.successes <= drawn.attempts)).all()
    assert (np.isfinite(drawn.cost) & (drawn.cost > 0)).all()
    assert all("__sim-" in name for name in drawn.instances)
    assert {name.split("__")[0] for name in drawn.instances} == set(drawn.segment)


def test_outcomes_follow_the_probabilities(large):
    for m, name in enumerate(large.models):
        p, n, c = large.solve_probability[:, m], large.attempts[:, m], large.successes[:, m]
        never = p < 1e-3
        assert c[never].sum() <= 5e-3 * n[never].sum() + 5, name
        sure = p > 0.999
        assert c[sure].sum() >= 0.99 * n[sure].sum(), name
        # Sampling stops after successes, which biases c / n of an instance but keeps its order.
        assert np.corrcoef(p, c / n)[0, 1] > 0.9, name
        better = (c * np.log(p) + (n - c) * np.log1p(-p)).sum()
        shuffled = np.random.default_rng(0).permutation(p)
        assert better > (c * np.log(shuffled) + (n - c) * np.log1p(-shuffled)).sum(), name


def test_costs_rise_with_difficulty(large):
    difficulty = -large.solve_probability.mean(axis=1)
    correlation = [np.corrcoef(difficulty, np.log(q))[0, 1] for q in large.cost.T]
    assert min(correlation) > 0.2


def test_outcomes_are_overdispersed(large):
    # Solve probabilities vary far more between instances than one probability for all would allow.
    for m in range(6):
        p = large.solve_probability[:, m]
        assert p.var() > 0.3 * p.mean() * (1 - p.mean())


def test_hard_segments_are_hard(parameters, large):
    share = {segment.name: segment.hard_share for segment in parameters.segments}
    segment = np.array(large.segment)
    easiest, hardest = min(share, key=share.get), max(share, key=share.get)
    rate = large.solve_probability.mean(axis=1)
    assert rate[segment == easiest].mean() > rate[segment == hardest].mean() + 0.2


def test_parameters_hold_no_outcomes(parameters):
    text = json.loads(parameters_file().read_text())
    assert "simulated" in json.dumps(text["provenance"]).lower()

    def numbers(value):
        if isinstance(value, dict):
            return sum(map(numbers, value.values()))
        if isinstance(value, list):
            return sum(map(numbers, value))
        return isinstance(value, int | float)

    assert numbers(text) < 300  # 445 issues x 6 models would need thousands
    assert SimulationParameters.from_json(str(parameters_file())) == parameters


def test_no_instances_are_refused(parameters):
    with pytest.raises(InputError, match="at least one instance, not 0"):
        simulate(parameters, 0, 0)
    with pytest.raises(InputError, match="at least one instance"):
        simulate(replace(parameters, instances=0), 0)


def test_the_bundled_market_looks_like_the_original(simulated, swebench):
    assert simulated.models == swebench.models
    assert len(simulated.instances) == len(swebench.instances)
    mine, real = simulated.summary(), swebench.summary()
    assert abs(mine["solve_rate"] - real["solve_rate"]).max() < 0.02
    assert abs(mine["solved_at_least_once"] - real["solved_at_least_once"]).max() < 0.03
    assert abs(mine["median_cost"] / real["median_cost"] - 1).max() < 0.10
    assert set(simulated.segments) == set(swebench.segments)
