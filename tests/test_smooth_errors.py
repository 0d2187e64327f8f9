"""Bad input of smooth games gives our error, naming the product or firm."""

from __future__ import annotations

import numpy as np
import pytest

from arbmodels.errors import InputError
from arbmodels.games.differentiated import (
    DifferentiatedGame,
    LinearDemand,
    LogitDemand,
    VerticalDemand,
    implied_costs,
)

TWO = ["a", "b"]
LOGIT = LogitDemand(TWO, [1.0, 2.0], 1.0)
VERTICAL = VerticalDemand(TWO, [0.5, 1.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogitDemand([], [], 1.0), "at least one product"),
        (lambda: LogitDemand(["a", "a"], 1.0, 1.0), "same name: 'a'"),
        (lambda: LogitDemand(["a", " "], 1.0, 1.0), "' '"),
        (lambda: LogitDemand(TWO, [1.0, np.nan], 1.0), "Quality of product 'b'"),
        (lambda: LogitDemand(TWO, [1.0], 1.0), "one number per product"),
        (lambda: LogitDemand(TWO, ["x", "y"], 1.0), "must be numbers"),
        (lambda: LogitDemand(TWO, 1.0, 0.0), "price coefficient"),
        (lambda: LogitDemand(TWO, 1.0, -2.0), "price coefficient"),
        (lambda: LogitDemand(TWO, 1.0, 1.0, market_size=np.inf), "size"),
        (lambda: LogitDemand(TWO, 1.0, 1.0, ["x"]), "1 nests for 2 products"),
        (lambda: LogitDemand(TWO, 1.0, 1.0, ["x", ""]), "nest of product 'b'"),
        (lambda: LogitDemand(TWO, 1.0, 1.0, ["x", "x"], 1.0), "nest 'x' must be"),
        (lambda: LogitDemand(TWO, 1.0, 1.0, sigma=0.5), "needs nests"),
        (lambda: LogitDemand(TWO, 1.0, 1.0, ["x", "y"], {"x": 0.5}), "look at y"),
        (lambda: LogitDemand.from_solve_rates(TWO, [0.5, 1.5], 1.0, 1.0), "'b' must be at most 1"),
        (lambda: LogitDemand.from_shares(TWO, 1.0, [0.5, 0.0], 1.0), "'b' must be positive"),
        (lambda: LogitDemand.from_shares(TWO, 1.0, [0.5, 0.5], 1.0), "outside option"),
        (lambda: LOGIT.shares([1.0, np.inf]), "price of product 'b'"),
        (lambda: LOGIT.shares([1.0]), "2 numbers"),
        (lambda: LinearDemand(TWO, 1.0, [[1, 0]]), "2 x 2"),
        (lambda: LinearDemand(TWO, 1.0, [[1, 0], [0, -1]]), "'b' must fall"),
        (lambda: LinearDemand(TWO, 1.0, [[1, -2], [-2, 1]]), "all prices together"),
        (lambda: LinearDemand(TWO, 1.0, [[1, -2], [0, 3]]).consumer_surplus([0, 0]), "no utility"),
        (lambda: LinearDemand.hotelling(["a"], 1.0), "two ends"),
        (lambda: VerticalDemand(TWO, [0.5, 0.5]), "'a' and 'b' have the same solve rate"),
        (lambda: VerticalDemand(TWO, [0.5, 0.0]), "'b' must be > 0"),
        (lambda: VerticalDemand(TWO, [0.5, 1.0], 1.0, 1.0), "The highest taste"),
        (lambda: DifferentiatedGame(LOGIT, [1.0, np.nan]), "Marginal cost of product 'b'"),
        (lambda: DifferentiatedGame(LOGIT, 1.0, ["f"]), "1 owners"),
        (lambda: DifferentiatedGame(LOGIT, 1.0, ["f", ""]), "owner of product 'b'"),
        (lambda: DifferentiatedGame(LOGIT, 1.0, ad_valorem_tax=[0.0, 1.0]), "'b' must be below 1"),
        (
            lambda: DifferentiatedGame(LOGIT, 1.0, ["f", "f"], ad_valorem_tax=[0, 0.1]),
            "'f' pays different",
        ),
        (lambda: DifferentiatedGame(LOGIT, 1.0, unit_tax=-1.0), "Unit tax of product 'a'"),
        (lambda: DifferentiatedGame(LOGIT, 1.0, fixed={"c": 1.0}), "'c'"),
        (lambda: DifferentiatedGame(LOGIT, 1.0, fixed={"a": np.nan}), "fixed price of 'a'"),
        (lambda: DifferentiatedGame(LOGIT, 1.0, leader="z"), "'z'"),
        (lambda: DifferentiatedGame(LOGIT, 1.0).solve(starts=0), "starts"),
        (lambda: DifferentiatedGame(LOGIT, 1.0).certify([[1, 1]]), "one price vector"),
        (lambda: DifferentiatedGame(LOGIT, 1.0).certify([1, 1], resolution=1), "resolution"),
        (lambda: DifferentiatedGame(LOGIT, 1.0).best_response("z", [1, 1]), "'z'"),
        (
            lambda: DifferentiatedGame(VERTICAL, 0.1, ["f", "f"], leader="f").solve(),
            "'f' chooses 2",
        ),
        (
            lambda: DifferentiatedGame(LOGIT, 1.0, leader="a", fixed={"a": 1.0}).solve(),
            "'a' are fixed",
        ),
        (
            lambda: DifferentiatedGame(LogitDemand(["a"], 1.0, 1.0, outside=False), 1.0).solve(),
            "No price of firm 'a' is too high",
        ),
        (
            lambda: DifferentiatedGame(VerticalDemand(["a"], 1.0, outside=False), 0.1).solve(),
            "No price of product 'a' is too high",
        ),
        (
            lambda: implied_costs(LogitDemand(["a"], 1.0, 1.0, outside=False), [1.0]),
            "'a' sells to everybody",
        ),
        (
            lambda: implied_costs(LOGIT, [0.1, 0.1], unit_tax=1.0).least_price_coefficient,
            "Taxes on product 'a'",
        ),
        (
            lambda: DifferentiatedGame(LOGIT, 1.0, ["f", "f"]).solve().plot_best_responses(),
            "one product each",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_iterations_that_do_not_suffice_are_told():
    cut = DifferentiatedGame(LOGIT, 1.0).solve(starts=1, limit=2)
    assert not cut.converged
    assert cut.flags[0].startswith("no convergence in 2 iterations; of all")
    assert cut.plot_trace().get_yscale() == "log"
    assert cut.epsilon > 0


def test_several_products_of_one_firm_at_a_kink_come_near_and_say_so():
    """Two products of every firm, half of them priced out: best responses in turn creep."""
    rates = np.array([0.365, 0.438, 0.642, 0.705, 0.853, 0.866])
    demand = VerticalDemand([f"p{j}" for j in range(6)], rates)
    game = DifferentiatedGame(demand, 0.4 * rates, ["x", "y", "x", "y", "z", "z"])
    found = game.solve(starts=1)
    assert found.epsilon < 1e-5 * found.profits.max()
    assert found.converged or found.flags[0].startswith("no convergence")


def test_merger_simulations_go_on_with_negative_costs_and_say_so():
    demand = LogitDemand(["a", "b", "c"], [1.0, 1.5, 1.2], 0.5)
    implied = implied_costs(demand, [1.0, 1.2, 0.9])
    assert implied.negative
    before = implied.game().solve()
    np.testing.assert_allclose(before.prices, [1.0, 1.2, 0.9], rtol=1e-9)
    assert "negative cost" in " ".join(before.flags)
    merged = DifferentiatedGame(demand, implied.costs, ["f", "f", "c"]).solve()
    assert merged.prices[0] > before.prices[0]
    assert merged.relative_epsilon < 1e-9
