"""Plans and policies under a verifier against enumeration of hidden outcomes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import arbmodels as arb
from arbmodels.verification import (
    Verifier,
    most_profitable_plan,
    verified_frontier,
    verified_plan,
)
from tests.differential.harness import Area, Case, between, holds, same
from tests.differential.markets import AXES, SIMPLER, draw_market, market_of
from tests.differential.tolerances import CANCELLED, ROUNDING, SAME_RATE
from tests.judges import verification as judge
from tests.judges.cascades import shares

_BILLING = {True: "stop-at-record", False: "pay-past-record"}


def _draw_verifier(rng: np.random.Generator, case: Case) -> None:
    width = len(case["attempts"][0])
    top = float(np.median(case["cost"]))
    case["check"] = (top * rng.random(width) * (rng.random() < 0.7)).tolist()
    case["accepts_wrong"] = rng.choice([0.0, 0.05, 0.5, 0.95], width).tolist()
    case["rejects_right"] = rng.choice([0.0, 0.05, 0.5, 0.95], width).tolist()
    case["stop"] = bool(rng.random() < 0.5)


def _verifier(case: Case) -> Verifier:
    names = [f"m{m}" for m in range(len(case["check"]))]
    return Verifier(
        *(
            dict(zip(names, case[key], strict=True))
            for key in ("check", "accepts_wrong", "rejects_right")
        )
    )


def _instances(case: Case, *, perfect: bool = False) -> list[judge.Instance]:
    width = len(case["check"])
    zero = [Fraction(0)] * width
    numbers = [
        zero if perfect else [Fraction(x) for x in case[key]]
        for key in ("check", "accepts_wrong", "rejects_right")
    ]
    return [
        judge.Instance(
            list(zip(n, c, strict=True)), [Fraction(x) for x in q], *numbers, case["stop"]
        )
        for n, c, q in zip(case["attempts"], case["successes"], case["cost"], strict=True)
    ]


def draw_plan(rng: np.random.Generator) -> Case:
    """Any order of attempts, past the record too."""
    case = draw_market(rng)
    _draw_verifier(rng, case)
    width = len(case["attempts"][0])
    case["order"] = rng.integers(0, width, int(rng.integers(0, 8))).tolist()
    return case


def check_plan(case: Case) -> None:
    """What is delivered, paid and left unanswered on every instance."""
    order = [m for m in case["order"] if m < len(case["check"])]
    plan = arb.Plan(tuple((f"m{m}", 1) for m in order))
    found = verified_plan(plan, market_of(case), _verifier(case), billing=_BILLING[case["stop"]])
    for i, one in enumerate(_instances(case)):
        right, wrong, made, left = judge.follow(one, order)
        for what, mine, theirs in (
            ("right", found.right[i], right),
            ("wrong", found.wrong[i], wrong),
            ("attempts", found.checks[i], made),
            ("unanswered", found.unanswered[i], left),
        ):
            number = [float(x) for x in theirs] if isinstance(theirs, list) else float(theirs)
            same(f"verified plan: {what}", mine, number, ROUNDING, 1e-3)
        prices = [a + b for a, b in zip(one.price, one.check, strict=True)]
        spend = float(sum(m * p for m, p in zip(made, prices, strict=True)))
        same("verified plan: spend", found.spend[i], spend, ROUNDING)


def draw_policy(rng: np.random.Generator) -> Case:
    """One or two models with few attempts."""
    case = draw_market(rng, (1, 3), (1, 2), 3)
    _draw_verifier(rng, case)
    top = float(np.max(case["cost"]))
    case["penalty"] = float(rng.choice([0.0, rng.uniform(0, 3 * top)]))
    case["price"] = float(rng.choice([0.0, rng.uniform(0, 10 * top)]))
    case["refund"] = float(rng.choice([0.0, 1.0, rng.random()]))
    case["self_verification"] = bool(rng.random() < 0.5)
    case["rates"] = rng.random(3).tolist()
    return case


def check_policy(case: Case) -> None:
    """Least costs and bounds of all policies, prices of single models, the largest profit."""
    market, verifier = market_of(case), _verifier(case)
    billing = _BILLING[case["stop"]]
    baseline = "self-verification" if case["self_verification"] else "same-verifier"
    found = verified_frontier(
        market, verifier, penalty=case["penalty"], baseline=baseline, billing=billing
    )
    weight = shares(case["weight"], len(case["attempts"]))
    most = [max(row[m] for row in case["attempts"]) for m in range(len(case["check"]))]
    penalty = Fraction(case["penalty"])
    plans = judge.all_plans(_instances(case), weight, most)
    points = [(right, spend + penalty * wrong) for right, wrong, spend in plans.values()]
    vertices = judge.hull(points)
    reach = vertices[-1][0]
    same("verified: reach", found.max_solve_rate, float(reach), ROUNDING, 1.0)
    targets = [float(reach) * r for r in case["rates"]]
    low, high = _sides(vertices, targets)
    scale = float(max(Fraction(0), *(y for _, y in vertices)))
    between("verified: cost", low, found.cost_at(targets), high, ROUNDING, scale)
    between("verified: bound", low, found.bound_at(targets), high, ROUNDING, scale)
    for m in range(len(most)):
        alone = [limit if k == m else 0 for k, limit in enumerate(most)]
        own = judge.all_plans(_instances(case, perfect=case["self_verification"]), weight, alone)
        fine = Fraction(0) if case["self_verification"] else penalty
        single = judge.hull([(right, spend + fine * wrong) for right, wrong, spend in own.values()])
        inside = [u for u in targets if u <= float(single[-1][0]) - SAME_RATE]
        if inside:
            low, high = _sides(single, inside)
            prices = found.model_prices_at(inside)[:, m]
            between("verified: single model", low, prices, high, ROUNDING, scale)
    price, refund = Fraction(case["price"]), Fraction(case["refund"])
    profit = max(
        price * (right + wrong) - (penalty + refund * price) * wrong - spend
        for right, wrong, spend in plans.values()
    )
    terms = {"penalty": case["penalty"], "refund": case["refund"]}
    best = most_profitable_plan(market, verifier, case["price"], billing=billing, **terms)
    size = max(case["price"], case["penalty"], scale)
    mine = best.profit(case["price"], **terms)
    same("verified: profit", mine, float(profit), ROUNDING, size)
    order = [int(name[1:]) for name, more in best.plan.stages for _ in range(int(more))]
    holds("verified: plan is one", tuple(order) in plans, order)
    right, wrong, spend = plans[tuple(order)]
    there = price * (right + wrong) - (penalty + refund * price) * wrong - spend
    same("verified: profit of the plan", mine, float(there), CANCELLED, size)


def _sides(
    vertices: list[tuple[Fraction, Fraction]], targets: list[float]
) -> tuple[list[float], list[float]]:
    near, reach = Fraction(SAME_RATE), vertices[-1][0]
    low = [float(judge.cost_at(vertices, Fraction(u) - near) or 0) for u in targets]
    high = [float(judge.cost_at(vertices, min(Fraction(u) + near, reach)) or 0) for u in targets]
    # A hull whose first step pays for itself falls before it rises.
    return np.minimum(low, high).tolist(), np.maximum(low, high).tolist()


_MODELS = [("check", 0), ("accepts_wrong", 0), ("rejects_right", 0)]
_AXES = {
    "model": [*AXES["model"], *_MODELS],
    "instance": AXES["instance"],
}
AREAS = (
    Area(
        "verified-plan",
        draw_plan,
        check_plan,
        share=6,
        axes={**_AXES, "any step": [("order", 0)]},
        simpler={**SIMPLER, "stop": False},
    ),
    Area("verification", draw_policy, check_policy, share=4, axes=_AXES, simpler=SIMPLER),
)
