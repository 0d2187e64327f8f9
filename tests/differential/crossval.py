"""Cross-validated prices and costs, recomputed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import arbmodels as arb
from arbmodels.estimation import cross_validate_margin
from arbmodels.estimation.cross_validation import held_out
from tests.differential.harness import Area, Case, same
from tests.differential.markets import SIMPLER, draw_market, market_of
from tests.differential.tolerances import ROUNDING
from tests.judges import cascades, passk
from tests.judges import crossval as judge


def draw_margin(rng: np.random.Generator) -> Case:
    """Geometric curves, on which ties are rare, or the frozen ones."""
    case = draw_market(rng, (3, 7), (1, 2), 4, missing=False, zero_weights=False)
    n = np.array(case["attempts"]) + 1
    c = np.clip(case["successes"], 1, n - 1)
    noise = np.exp(rng.normal(0, 0.1, n.shape))
    if case["weight"] is not None:
        case["weight"] = np.clip(case["weight"], 0.1, 10).tolist()
    return {
        **case,
        "attempts": n.tolist(),
        "successes": c.tolist(),
        "cost": (np.array(case["cost"]) * noise).tolist(),
        "geometric": bool(rng.random() < 0.8),
        "folds": int(rng.integers(2, 4)),
        "repeats": int(rng.integers(1, 3)),
        "seed": int(rng.integers(100)),
        "shares": np.sort(rng.uniform(0.1, 0.95, 3)).tolist(),
    }


def check_margin(case: Case) -> None:
    """Cost and price in sample and held out, and the margins made of them."""
    market = market_of(case)
    most = 3
    estimator = "geometric" if case["geometric"] else "unbiased"
    curves = arb.attempt_curves(market, most, estimator, billing="stop-at-record")
    count, width = len(case["attempts"]), len(case["attempts"][0])
    if case["folds"] > count:
        return
    formula = passk.geometric if case["geometric"] else passk.unbiased
    failure, spend = [], []
    for row in zip(case["attempts"], case["successes"], case["cost"], strict=True):
        pairs = list(zip(*row, strict=True))
        failure.append([[formula(n, c, k) for k in range(most + 1)] for n, c, _ in pairs])
        spend.append(
            [
                passk.spend(n, Fraction(q), left, stop=not case["geometric"])
                for (n, _, q), left in zip(pairs, failure[-1], strict=True)
            ]
        )
    amounts = [[Fraction(k) for k in range(most + 1)]] * width
    tables = cascades.Tables(cascades.shares(case["weight"], count), failure, spend, amounts)
    alone = [tables.only([m]) for m in range(width)]
    reach = max(float(cascades.frontier(one).max_solve_rate) for one in alone)
    rates = [reach * share for share in case["shares"]]
    seeds = np.random.SeedSequence(case["seed"]).spawn(case["repeats"])
    folds = [f for s in seeds for f in held_out(market, case["folds"], "instances", s)]
    everyone = list(range(count))
    try:
        tasks = [(sorted(set(everyone) - set(f.tolist())), f.tolist()) for f in folds]
        outside, inside = (
            judge.compared(
                [[judge.Policies(one, *task) for one in alone] for task in each],
                [judge.Policies(tables, *task) for task in each],
                rates,
            )
            for each in (tasks, [(everyone, everyone)])
        )
    except judge.Tied:
        return
    found = cross_validate_margin(
        curves,
        folds=case["folds"],
        repeats=case["repeats"],
        seed=case["seed"],
        solve_rates=rates,
        workers=1,
    )
    scale = 1e-3 * float(np.max(case["cost"]))
    for where, (price, cost) in (("in_sample", inside), ("held_out", outside)):
        mine = getattr(found, where)
        same(f"cross-validation: price {where}", mine.price, price, ROUNDING, scale)
        same(f"cross-validation: cost {where}", mine.cost, cost, ROUNDING, scale)
    cost, price = np.array(found.held_out.cost), np.array(found.held_out.price)
    with np.errstate(invalid="ignore"):
        gain = np.where(np.isfinite(cost), 1 - cost / price, 0.0)
    defined = np.isfinite(price) & np.isfinite(np.array(found.in_sample.margin))
    gain = np.where(defined, gain, np.nan)
    same("cross-validation: margin", found.margin, gain, ROUNDING, 1.0)


AREAS = (
    Area(
        "cross-validation",
        draw_margin,
        check_margin,
        share=3,
        axes={
            "instance": [("attempts", 0), ("successes", 0), ("cost", 0), ("weight", 0)],
            "share": [("shares", 0)],
        },
        simpler=SIMPLER,
    ),
)
