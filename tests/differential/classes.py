"""Policy classes against enumeration."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import arbmodels as arb
from arbmodels.policies import policy_classes
from tests.differential.cascades import _number
from tests.differential.harness import Area, Case, between, holds
from tests.differential.markets import AXES, SIMPLER, draw_market, market_of
from tests.differential.tolerances import GAP, ROUNDING, SAME_RATE
from tests.judges import cascades
from tests.judges import classes as judge

#: The relative gaps to which plans per group are proven.
_PROVEN = {"per segment": GAP, "oracle": 0.0}


def draw_classes(rng: np.random.Generator) -> Case:
    """Two segments, few models and attempts."""
    models = (1, 2) if rng.random() < 0.8 else (3, 3)
    most = 2 if models[0] == 3 else 3
    case = draw_market(rng, (2, 4), models, most, segments=2, zero_weights=False)
    width = len(case["cost"][0])
    return {
        **case,
        "stop": bool(rng.random() < 0.5),
        "order": rng.permutation(width).tolist(),
        "shares": rng.uniform(0.05, 1, 2).tolist(),
    }


def check_classes(case: Case) -> None:
    """Each class costs what the best of its plans does, bounds are bounds, classes are nested."""
    stop = case["stop"]
    tables = cascades.in_attempts(
        case["attempts"], case["successes"], case["cost"], case["weight"], stop=stop
    )
    width = len(tables.amounts)
    order = tuple(m for m in case["order"] if m < width)
    if len(order) < width:
        return
    singles = [cascades.frontier(tables.only([m])) for m in range(width)]
    reach = max(one.max_solve_rate for one in singles)
    if reach <= SAME_RATE:
        return
    rates = sorted({float(reach) * s for s in case["shares"]})
    market = market_of(case)
    curves = arb.attempt_curves(market, billing="stop-at-record" if stop else "pay-past-record")
    found = policy_classes(curves, rates, [f"m{m}" for m in order])
    spend = dict(zip(found.names, found.spend, strict=True))
    bound = dict(zip(found.names, found.bound, strict=True))
    whole = cascades.frontier(tables)
    in_order, best = judge.in_order(tables, order), judge.best_order(tables)
    names = sorted(set(case["segment"]))
    groups = [[i for i, s in enumerate(case["segment"]) if s == name] for name in names]
    each = [[i] for i in range(len(tables.weight))]
    near = Fraction(SAME_RATE)
    for k, rate in enumerate(rates):
        sides = (Fraction(rate) - near, min(Fraction(rate) + near, reach))
        for name, at in (
            ("single", lambda u: _least([one.spend_at(u) for one in singles])),
            ("given order", in_order.spend_at),
            ("best order", best.spend_at),
            ("interleaved", whole.spend_at),
            ("mixed", whole.mixture_at),
        ):
            low, high = (_number(at(u)) for u in sides)
            between(f"class {name}", low, spend[name][k], high, ROUNDING)
            holds(
                f"class {name}: bound",
                bound[name][k] <= high * (1 + ROUNDING),
                bound[name][k],
                high,
            )
        holds(
            "class greedy order: not below the best order",
            spend["greedy order"][k] >= _number(best.spend_at(sides[0])) * (1 - ROUNDING),
            spend["greedy order"][k],
            _number(best.spend_at(sides[0])),
        )
        for name, rows, mixed in (
            ("per segment", groups, False),
            ("per segment, mixed", groups, True),
            ("oracle", each, True),
        ):
            if name not in spend:
                continue
            at = judge.per_group_mixed if mixed else judge.per_group
            least, most = (_number(at(tables, rows, u)) for u in sides)
            room = ROUNDING * abs(most) + GAP * abs(most)
            holds(
                f"class {name}: not below the optimum",
                spend[name][k] >= least - room,
                spend[name][k],
                least,
            )
            holds(f"class {name}: bound", bound[name][k] <= most + room, bound[name][k], most)
            if name == "oracle":  # exact in whole attempts
                between("class oracle", least, spend[name][k], most, ROUNDING)
        for name in spend:
            if name != "oracle" and "oracle" in spend:
                room = (1 + ROUNDING) * (1 + _PROVEN["oracle"])
                holds(
                    "class oracle: below all others",
                    spend["oracle"][k] <= spend[name][k] * room,
                    spend["oracle"][k],
                    {name: float(spend[name][k])},
                )
            if name == "per segment":
                room = (1 + ROUNDING) * (1 + _PROVEN["per segment"])
                holds(
                    "class per segment: below one plan for all",
                    spend[name][k] <= spend["interleaved"][k] * room,
                    spend[name][k],
                    spend["interleaved"][k],
                )


def _least(values: list[Fraction | None]) -> Fraction | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None


AREAS = (
    Area(
        "classes",
        draw_classes,
        check_classes,
        share=2.5,
        axes={**AXES, "rate": [("shares", 0)]},
        simpler=SIMPLER,
    ),
)
