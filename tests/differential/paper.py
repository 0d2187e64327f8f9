"""The paper's curves, policy and dollars against a computation of one's own."""

from __future__ import annotations

import numpy as np

import arbmodels as arb
from tests.differential.harness import Area, Case, holds, same
from tests.differential.markets import AXES, SIMPLER, draw_market, market_of
from tests.differential.tolerances import ROUNDING
from tests.judges import paper as judge


def _draw(rng: np.random.Generator, points: int) -> Case:
    case = draw_market(rng, (1, 3), (2, 2), 4, missing=False)
    noise = np.exp(rng.normal(0, 1e-3, np.shape(case["cost"])))
    case["cost"] = (np.array(case["cost"]) * noise).tolist()
    low = float(np.min(case["cost"]))
    return {
        **case,
        "low": max(low * float(rng.uniform(0.05, 2)), 1e-9),
        "ratio": float(10.0 ** rng.uniform(1, 3)),
        "points": points,
        "shares": rng.uniform(0.3, 0.999, 4).tolist(),
    }


def draw_policy(rng: np.random.Generator) -> Case:
    """Two models, a grid of some tens of budgets, and any allocation."""
    case = _draw(rng, int(rng.integers(4, 30)))
    return {**case, "allocation": (rng.random(2) * (rng.random(2) < 0.8)).tolist()}


def _grid(case: Case) -> np.ndarray:
    return arb.budget_grid(case["low"], case["low"] * case["ratio"], case["points"])


def check_policy(case: Case) -> None:
    """Any allocation's curve, the single models', and the allocation that is chosen."""
    if len(case["cost"][0]) != 2:
        return
    grid = _grid(case)
    if not all(judge.clear(q, grid) for row in case["cost"] for q in row):
        return
    truth, market = judge.Market(case, grid), market_of(case)
    total = float(grid[-1])
    allocation = [share * total for share in case["allocation"]]
    found = arb.paper_curve(market, allocation, grid)
    rate, spend = truth.cascade(allocation)
    same("paper: solve rates", found.cascade.solve_rate, rate, ROUNDING, 1.0)
    same("paper: spends", found.cascade.spend, spend, ROUNDING)
    for m in range(2):
        rate, spend = truth.single(m)
        same("paper: model's solve rates", found.providers[m].solve_rate, rate, ROUNDING, 1.0)
        same("paper: model's spends", found.providers[m].spend, spend, ROUNDING)
    reach = max(float(truth.single(m)[0].max()) for m in range(2))
    if reach < 0.01:
        return
    rates = reach * np.sort(case["shares"])
    chosen = arb.paper_policy(market, rates, grid)
    most, _ = truth.best(rates)
    price = np.fmin.reduce([judge.spend_at(rates, *truth.single(m)) for m in (0, 1)])
    mine = truth.margin(rates, price, np.asarray(chosen.allocation).tolist())
    holds("paper: allocation is the best", mine >= most - ROUNDING, mine, most)
    # Where the cascade ends or stays at one rate, a rate asked for may fall on either side.
    cost = judge.spend_at(rates, *truth.cascade(np.asarray(chosen.allocation).tolist()))
    same("paper: spend at rates", chosen.spend_at(rates), cost, 1e-6)


def draw_dollars(rng: np.random.Generator) -> Case:
    """A grid of few budgets, all of which the lattice holds."""
    return _draw(rng, int(rng.integers(2, 6)))


def check_dollars(case: Case) -> None:
    """The frontier in the paper's dollars: never above the cheapest plan of whole grid budgets.

    The last step of those is cut where the rate is reached. The paper's own allocations end between
    budgets and may be cheaper: then the plan must be what it says.
    """
    grid = _grid(case)
    if not all(judge.clear(q, grid) for row in case["cost"] for q in row):
        return
    market = judge.Market(case, grid)
    truth = judge.Lattice(market)
    found = arb.cascade_frontier(arb.dollar_curves(market_of(case), grid))
    reach = max(truth.rate(state) for state in truth.states)
    same("paper dollars: reach", found.max_solve_rate, reach, ROUNDING, 1.0)
    rates = [reach * share for share in case["shares"]]
    if reach < 0.01:
        return
    expected = [truth.spend_at(rate) for rate in rates]
    scale = 1e-3 * float(grid[-1])
    spend, least = found.spend_at(rates), np.array(expected)
    room = least * (1 + ROUNDING) + ROUNDING * scale
    holds("paper dollars: spend", np.all(spend <= room), spend, expected)
    names = list(found.names)
    for rate, said in zip(rates, spend, strict=True):
        stages = [(names.index(name), amount) for name, amount in found.plan_at(rate).stages]
        reached, paid = market.plan(stages)
        holds("paper dollars: plan reaches its rate", reached >= rate - ROUNDING, reached, rate)
        same("paper dollars: plan's spend", paid, said, ROUNDING, scale)
    bound = found.bound_at(rates)
    room = spend * (1 + ROUNDING) + ROUNDING * scale
    holds("paper dollars: bound", np.all(bound <= room), bound, expected)


_AXES = {"instance": AXES["instance"], "share": [("shares", 0)]}
AREAS = (
    Area("paper-policy", draw_policy, check_policy, share=1.5, axes=_AXES, simpler=SIMPLER),
    Area("paper-dollars", draw_dollars, check_dollars, share=3, axes=_AXES, simpler=SIMPLER),
)
