"""Certified cascade sets: proofs, column generation, games."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arbmodels as arb
from arbmodels.cascades.lattice import hull_vertices, undominated
from arbmodels.curves import Curves, attempt_curves
from arbmodels.errors import InputError
from arbmodels.games import (
    CascadeSet,
    CascadeSetSearch,
    Consumers,
    Proof,
    ProviderGame,
    certified_cascade_sets,
    linear_consumers,
    solve_certified,
)
from arbmodels.market import Market
from conftest import random_market
from test_cascade_set import repriced


def menu_curves(market: Market) -> Curves:
    """The billing of the cascade sets of a market."""
    return attempt_curves(market, billing="pay-past-record")


def best_mixture(market: Market, w: np.ndarray, rate: float) -> float:
    """Least cost of any mixture of any orders of whole attempts at some prices."""
    lattice = arb.cascade_frontier(menu_curves(repriced(market, w)), most_states=10**6).lattice
    solved, spend = lattice.solve_rate.ravel(), lattice.spend.ravel()
    kept = undominated(solved, spend)
    kept = kept[hull_vertices(solved[kept], spend[kept])]
    return float(np.interp(rate, solved[kept], spend[kept]))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_cost_and_bound_enclose_the_best_policy_at_any_prices(seed: int, models: int) -> None:
    rng = np.random.default_rng(seed)
    market = random_market(rng, 8, models, max_attempts=4)
    rate = arb.cascade_frontier(menu_curves(market)).max_solve_rate * rng.uniform(0.2, 1.0)
    asked = np.exp(rng.uniform(-1, 1, (3, models)))
    (cascade_set,) = certified_cascade_sets(market, [rate], asked, gap=0.02)
    best = np.array([best_mixture(market, w, rate) for w in asked])
    assert np.all(cascade_set.cost(asked) <= best * 1.0205 + 1e-12)
    assert np.all(cascade_set.cost(asked) >= best * (1 - 1e-9))
    assert np.all(cascade_set.proof.bound <= best * (1 + 1e-9))  # type: ignore[union-attr]
    # Elsewhere both still hold, only further apart.
    fresh = np.exp(rng.uniform(-1.5, 1.5, (5, models)))
    best = np.array([best_mixture(market, w, rate) for w in fresh])
    assert np.all(cascade_set.bound(fresh) <= best * (1 + 1e-9))
    assert np.all(cascade_set.cost(fresh) >= best * (1 - 1e-9))
    assert np.all(cascade_set.gap_at(fresh) >= 0)


def test_a_proof_is_the_concave_envelope_of_its_bounds() -> None:
    proof = Proof([[1.0, 1.0], [1.0, 3.0]], [2.0, 3.0])
    w = np.array([[1.0, 1.0], [2.0, 4.0], [3.0, 1.0], [0.5, 0.5], [0.0, 1.0], [1.0, 9.0]])
    # Sums of the two add their bounds; dearer prices cost no less; homogeneous.
    assert proof.at(w) == pytest.approx([2.0, 5.0, 2.0, 1.0, 0.0, 3.0])
    with pytest.raises(InputError, match="one bound per price"):
        Proof([[1.0, 1.0]], [1.0, 2.0])
    with pytest.raises(InputError, match="> 0"):
        Proof([[0.0, 1.0]], [1.0])


def test_rows_are_policies_that_reach_the_rate() -> None:
    market = random_market(np.random.default_rng(4), 20, 3, max_attempts=5)
    search = CascadeSetSearch(market, [0.6], gap=0.005)
    search.certify(np.exp(np.random.default_rng(0).uniform(-1, 1, (6, 3))))
    (cascade_set,) = search.cascade_sets
    curves = menu_curves(market)
    # Every row is a point of the convex hull of what plans solve and spend.
    for w in np.eye(3) + 1e-3:
        assert cascade_set.cost(w)[0] >= best_mixture(market, w, 0.6) * (1 - 1e-9)
    for m in range(3):
        grid, curve = curves.grids[m], curves.models[m]
        solved = 1 - market.weight @ curve.failure(grid)
        spend = market.weight @ curve.spend(grid)
        if solved[-1] < 0.6:
            assert np.isinf(cascade_set.single[m])
        else:
            # Two neighbouring numbers of attempts, mixed.
            kept = hull_vertices(solved, spend)
            assert cascade_set.single[m] == pytest.approx(np.interp(0.6, solved[kept], spend[kept]))


def test_more_prices_make_menus_cheaper_and_proofs_stay() -> None:
    market = random_market(np.random.default_rng(7), 60, 4, max_attempts=8)
    rng = np.random.default_rng(1)
    search = CascadeSetSearch(market, [0.5, 0.7])
    search.certify()
    first = search.cascade_sets
    more = np.exp(rng.uniform(-1, 1, (10, 4)))
    search.certify(more)
    second = search.cascade_sets
    for before, after in zip(first, second, strict=True):
        assert np.all(after.cost(more) <= before.cost(more) + 1e-12)
        assert np.all(after.gap <= 0.01)
        assert len(after.gap) == 11
        assert "Proven at 11 price vectors" in after.words
        assert np.all(after.bound(more) >= before.bound(more) - 1e-12)
    searched = search.searches
    search.certify(more)
    assert search.searches == searched  # known already
    search.certify(2.5 * more)  # homogeneous
    assert search.searches == searched


def test_plans_carry_over_to_a_resample() -> None:
    market = random_market(np.random.default_rng(7), 60, 4, max_attempts=8)
    search = CascadeSetSearch(market, [0.6])
    prices = np.exp(np.random.default_rng(1).uniform(-0.7, 0.7, (8, 4)))
    search.certify(prices)
    drawn = random_market(np.random.default_rng(8), 60, 4, max_attempts=8)
    carried = CascadeSetSearch(drawn, [0.6], start=search)
    alone = CascadeSetSearch(drawn, [0.6])
    (warm,), (cold,) = carried.cascade_sets, alone.cascade_sets
    assert warm.proof is None
    assert np.all(warm.cost(prices) <= cold.cost(prices) + 1e-12)
    with pytest.raises(InputError, match="no proven bounds"):
        warm.bound(prices)
    carried.certify(prices)
    assert np.all(carried.cascade_sets[0].gap <= 0.01)
    with pytest.raises(InputError, match="other models"):
        CascadeSetSearch(drawn.select(models=["model-0", "model-1"]), [0.6], start=search)


def test_what_is_not_closed_in_time_is_said() -> None:
    market = random_market(np.random.default_rng(2), 60, 6, max_attempts=30)
    (cascade_set,) = certified_cascade_sets(market, [0.8], gap=1e-6, time_limit=1e-9)
    assert cascade_set.gap[0] == 1.0  # nothing was searched, nothing is proven
    assert "100" in cascade_set.words
    (cascade_set,) = certified_cascade_sets(market, [0.8], gap=1e-6, most_states=2_000)
    assert 1e-6 < cascade_set.gap[0] < 0.9
    best = certified_cascade_sets(market, [0.8])[0]
    assert cascade_set.proof.bound[0] <= best.cost(np.ones(6))[0]  # type: ignore[union-attr]


def test_six_models_are_proven_within_one_percent_and_priced_at_speed(real_data: Path) -> None:
    market = arb.load_market("olmedo2026/swebench", data=real_data)
    # The corners of a box for two movers, list prices, and half of them all.
    box = np.ones((5, 6))
    box[1:, :2] = list(product((0.5, 2.0), repeat=2))
    cascade_sets = certified_cascade_sets(market, [0.66, 0.72], box)
    for cascade_set in cascade_sets:
        assert cascade_set.gap.max() <= 0.01
        assert np.all(cascade_set.gap_at(0.5 * box) <= 0.01)
        # No pair of models, whole hull, beats the bound.
        pair = arb.cascade_frontier(menu_curves(market.select(models=["gpt5mini", "deepseek"])))
        assert cascade_set.bound(np.ones(6))[0] <= pair.mixture_spend_at(cascade_set.solve_rate)
    vectors = np.exp(np.random.default_rng(0).uniform(-1, 1, (10_000, 6)))
    began = process_time()
    cascade_sets[0].cost(vectors)
    assert process_time() - began < 10


def test_a_game_is_solved_on_menus_certified_where_it_goes() -> None:
    market = random_market(np.random.default_rng(11), 60, 4, max_attempts=6)
    cascade_sets = certified_cascade_sets(market, [0.6])
    game = ProviderGame(
        cascade_sets,
        linear_consumers(cascade_sets, 2.0),
        0.3,
        fixed=("model-2", "model-3"),
        arbitrageurs=2,
    )
    found = solve_certified(market, game, tolerance=0.02, time_limit=60)
    assert found.converged
    assert found.gap.max() <= 0.01
    assert found.played.any()
    assert not found.played.all()
    # The gaps stated are those of the equilibrium's own cascade sets.
    again = np.max(
        [cascade_set.gap_at(found.visited) for cascade_set in found.cascade_sets], axis=0
    )
    assert found.gap == pytest.approx(again)
    best = [best_mixture(market, w, 0.6) for w in found.visited[found.played][:10]]
    cost = found.cascade_sets[0].cost(found.visited[found.played][:10])
    assert np.all(cost <= np.array(best) * 1.0102)
    assert "no policy is cheaper" in str(found)
    assert found.to_dict()["closed"]
    assert list(found.to_frame())[:4] == list(market.models)
    short = solve_certified(market, game, rounds=1, tolerance=0.02, time_limit=60)
    assert len(short.trace) == 1
    assert short.trace[0] == pytest.approx(found.trace[0])


def test_bad_input() -> None:
    market = random_market(np.random.default_rng(3), 10, 3)
    with pytest.raises(InputError, match="between 0 and 1"):
        certified_cascade_sets(market, [1.5])
    with pytest.raises(InputError, match="a share, must"):
        certified_cascade_sets(market, [0.1], gap=0)
    with pytest.raises(InputError, match="together reach"):
        certified_cascade_sets(
            arb.Market(["a"], ["x", "y"], [[1], [1]], [[1], [0]], [[1.0], [1.0]]), [0.9]
        )
    with pytest.raises(InputError, match="> 0"):
        certified_cascade_sets(market, [0.1], [[1.0, 0.0, 1.0]])
    with pytest.raises(InputError, match="one multiplier for each"):
        certified_cascade_sets(market, [0.1], [[1.0, 1.0]])
    cascade_set = CascadeSet(0.5, ("a", "b"), [[1.0, 1.0]], [1.0, np.inf], True)
    with pytest.raises(InputError, match="certified_cascade_sets"):
        _ = cascade_set.gap
    cascade_sets = certified_cascade_sets(market, [0.1])
    game = ProviderGame(cascade_sets, linear_consumers(cascade_sets, 2.0), 0.3)
    with pytest.raises(InputError, match="rounds"):
        solve_certified(market, game, rounds=0)
    with pytest.raises(InputError, match="other solve rates"):
        solve_certified(CascadeSetSearch(market, [0.15]), game)
    assert isinstance(game.consumers, Consumers)
