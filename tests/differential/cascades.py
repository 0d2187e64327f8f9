"""Plans, frontiers and searches against dynamic programming in rational numbers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

import arbmodels as arb
from tests.differential.harness import Area, Case, between, holds, same
from tests.differential.markets import AXES, SIMPLER, draw_market, market_of
from tests.differential.tolerances import ROUNDING, SAME_RATE
from tests.judges import cascades as judge

_BILLING = {True: "stop-at-record", False: "pay-past-record"}


def _number(value: Fraction | None) -> float:
    return float("nan") if value is None else float(value)


def draw_plan(rng: np.random.Generator) -> Case:
    """Stages that come back to models, in attempts or in dollars."""
    case = draw_market(rng)
    dollars = bool(rng.random() < 0.4)
    count = int(rng.integers(0, 6))
    models = rng.integers(0, len(case["cost"][0]), count)
    low = min(min(row) for row in case["cost"])
    most = rng.integers(1, 4, count)
    amount = low * 10.0 ** rng.uniform(-0.5, 1.0, count) if dollars else most * 1.0
    stages = [[int(m), float(a)] for m, a in zip(models, amount, strict=True)]
    return {**case, "stop": bool(rng.random() < 0.5), "dollars": dollars, "stages": stages}


def check_plan(case: Case) -> None:
    """Solve probability and spend of every instance and model."""
    market = market_of(case)
    stages = [(m, a) for m, a in case["stages"] if m < len(market.models)]
    unit = "dollars" if case["dollars"] else "attempts"
    plan = arb.Plan(tuple((f"m{m}", a) for m, a in stages), unit)
    table = (case["attempts"], case["successes"], case["cost"], case["weight"])
    if case["dollars"]:
        # The judge's amounts are what each stage ends at, added up as the package does.
        ends = [[0.0] for _ in market.models]
        for m, a in stages:
            ends[m].append(ends[m][-1] + a)
        grid = sorted({x for each in ends for x in each} - {0.0})
        tables = judge.in_dollars(*table, grid or [1.0], stop=case["stop"])
        at = {0.0: 0, **{x: k + 1 for k, x in enumerate(grid)}}
        steps, seen = [], [0] * len(market.models)
        for m, _ in stages:
            before, after = ends[m][seen[m]], ends[m][seen[m] + 1]
            steps.append((m, at[after] - at[before]))
            seen[m] += 1
        curves = (
            arb.dollar_curves(market, grid or [1.0, 2.0], "exact", _BILLING[case["stop"]])
            if len(grid) > 1
            else arb.dollar_curves(market, [*(grid or [1.0]), 1e9], "exact", _BILLING[case["stop"]])
        )
    else:
        most = [1] * len(market.models)
        for m, _ in stages:
            most[m] = max(1, int(sum(a for k, a in stages if k == m)))
        largest = max(most)
        tables = judge.in_attempts(*table, stop=case["stop"], most=[largest] * len(market.models))
        steps = [(m, int(a)) for m, a in stages]
        curves = arb.attempt_curves(market, largest, billing=_BILLING[case["stop"]])
    solved, spend = judge.plan(tables, steps)
    found = plan.evaluate(curves)
    same("plan: solve probability", found.solve, [float(x) for x in solved], ROUNDING, 1e-3)
    expected = [[float(x) for x in row] for row in spend]
    # A stage's spend is a difference of two totals: rounding is relative to the prices.
    scale = max(max(row) for row in case["cost"]) if case["dollars"] else 0.0
    same("plan: spend by model", found.spend_by_model, expected, ROUNDING, scale)


def draw_frontier(rng: np.random.Generator) -> Case:
    """Whole attempts, both billings."""
    models = (1, 2) if rng.random() < 0.8 else (3, 3)
    most = 3 if models[0] == 3 else 5
    case = draw_market(rng, (1, 4), models, most)
    return {**case, "stop": bool(rng.random() < 0.5), "rates": rng.random(3).tolist()}


def _tables(case: Case) -> judge.Tables:
    return judge.in_attempts(
        case["attempts"], case["successes"], case["cost"], case["weight"], stop=case["stop"]
    )


def _targets(case: Case, truth: judge.Frontier) -> list[float]:
    """Rates of states, in between, at the reach, and beyond."""
    reach = float(truth.max_solve_rate)
    own = [float(rate) for rate, _ in truth.points][:12]
    return [*own, *(reach * r for r in case["rates"]), reach, min(1.0, reach + 0.01)]


def _limits(truth: judge.Frontier, targets: list[float]) -> tuple[list[float], list[float]]:
    """Least spend a bit below and a bit above every rate; nothing beyond the reach."""
    return _sides(truth.spend_at, truth.max_solve_rate, targets)


def _mixed(truth: judge.Frontier, targets: list[float]) -> tuple[list[float], list[float]]:
    return _sides(truth.mixture_at, truth.max_solve_rate, targets)


def _sides(
    at: Callable[[Fraction], Fraction | None], reach: Fraction, targets: list[float]
) -> tuple[list[float], list[float]]:
    near = Fraction(SAME_RATE)
    inside = [Fraction(u) - near <= reach for u in targets]
    low = [at(Fraction(u) - near) for u in targets]
    high = [
        at(min(Fraction(u) + near, reach)) if there else None
        for u, there in zip(targets, inside, strict=True)
    ]
    return list(map(_number, low)), list(map(_number, high))


def check_frontier(case: Case) -> None:
    """Spend, bound, mixtures, plans, single models, margins."""
    market, tables = market_of(case), _tables(case)
    curves = arb.attempt_curves(market, billing=_BILLING[case["stop"]])
    found = arb.cascade_frontier(curves)
    truth = judge.frontier(tables)
    same("frontier: reach", found.max_solve_rate, float(truth.max_solve_rate), ROUNDING, 1.0)
    targets = _targets(case, truth)
    low, high = _limits(truth, targets)
    between("frontier: spend", low, found.spend_at(targets), high, ROUNDING)
    between("frontier: bound", low, found.bound_at(targets), high, ROUNDING)
    hull_low, hull_high = _mixed(truth, targets)
    between("frontier: mixtures", hull_low, found.mixture_spend_at(targets), hull_high, ROUNDING)
    singles = [judge.frontier(tables.only([m])) for m in range(len(market.models))]
    same(
        "frontier: reach of single models",
        found.market_max_solve_rate,
        float(max(one.max_solve_rate for one in singles)),
        ROUNDING,
        1.0,
    )
    prices = found.model_prices_at(targets)
    for m, one in enumerate(singles):
        low, high = _limits(one, targets)
        between("frontier: single models", low, prices[:, m], high, ROUNDING)
    for u in (targets[0], targets[-2], targets[-3]):
        if u > found.max_solve_rate:
            continue
        plan = found.plan_at(u)
        solved, spend = judge.plan(tables, [(int(m[1:]), int(a)) for m, a in plan.stages])
        rate = float(sum(w * s for w, s in zip(tables.weight, solved, strict=True)))
        total = float(sum(w * sum(row) for w, row in zip(tables.weight, spend, strict=True)))
        holds("frontier: plan reaches its rate", rate >= u - SAME_RATE, rate, u)
        same("frontier: plan costs its spend", total, float(found.spend_at(u)), ROUNDING)
        by_model = found.spend_by_model_at([u])[0]
        mine = [
            float(sum(w * row[m] for w, row in zip(tables.weight, spend, strict=True)))
            for m in range(len(market.models))
        ]
        same("frontier: spend by model", by_model, mine, ROUNDING, scale=total)
    inside = [u for u in sorted(set(targets)) if 0 < u <= found.market_max_solve_rate]
    if inside:
        margin = arb.arbitrage(found, solve_rates=inside)
        price = np.nanmin(found.model_prices_at(inside), axis=1)
        same("margin: price", margin.market_price, price, ROUNDING)
        expected = np.maximum(0.0, 1 - found.spend_at(inside) / price)
        same("margin: margin", margin.margin, expected, ROUNDING, scale=1.0)


def draw_thinned(rng: np.random.Generator) -> Case:
    """A lattice that may hold fewer states than there are."""
    case = draw_market(rng, (1, 3), (2, 2), 7)
    states = int(rng.integers(4, 60))
    return {**case, "stop": bool(rng.random() < 0.5), "states": states, "rates": [0.3, 0.7]}


def check_thinned(case: Case) -> None:
    """Thinned amounts: never above a single model, never below the optimum, a valid bound."""
    market, tables = market_of(case), _tables(case)
    curves = arb.attempt_curves(market, billing=_BILLING[case["stop"]])
    found = arb.cascade_frontier(curves, most_states=case["states"])
    truth = judge.frontier(tables)
    singles = [judge.frontier(tables.only([m])) for m in range(len(market.models))]
    targets = [
        u
        for u in _targets(case, truth)
        if u <= min(found.max_solve_rate, float(truth.max_solve_rate)) - SAME_RATE
    ]
    if not targets:
        return
    low, high = _limits(truth, targets)
    spend, bound = found.spend_at(targets), found.bound_at(targets)
    room = ROUNDING * np.abs(spend)
    holds("thinned: not below the optimum", np.all(spend >= low - room), spend, low)
    holds("thinned: bound is one", np.all(bound <= np.array(high) * (1 + ROUNDING)), bound, high)
    cheapest = np.fmin.reduce([_limits(one, targets)[1] for one in singles], axis=0)
    above = np.isfinite(cheapest) & (spend > cheapest * (1 + ROUNDING))
    holds("thinned: never above the cheapest model", not above.any(), spend, cheapest)


def draw_dollars(rng: np.random.Generator) -> Case:
    """A short grid of budgets."""
    case = draw_market(rng, (1, 3), (1, 2), 4)
    low = min(min(row) for row in case["cost"])
    points = int(rng.integers(2, 6))
    grid = np.sort(low * 10.0 ** rng.uniform(-0.5, 1.5, points))
    return {
        **case,
        "grid": grid.tolist(),
        "stop": bool(rng.random() < 0.5),
        "rates": rng.random(2).tolist(),
        "more": float(rng.random()),
    }


def check_dollars(case: Case) -> None:
    """Exact dollars on a grid, and a bound for the amounts between its points."""
    grid = sorted(set(case["grid"]))
    if len(grid) < 2:
        return
    market = market_of(case)
    curves = arb.dollar_curves(market, grid, "exact", _BILLING[case["stop"]])
    found = arb.cascade_frontier(curves)
    table = (case["attempts"], case["successes"], case["cost"], case["weight"])
    truth = judge.frontier(judge.in_dollars(*table, grid, stop=case["stop"]))
    same("dollars: reach", found.max_solve_rate, float(truth.max_solve_rate), ROUNDING, 1.0)
    targets = _targets(case, truth)
    low, high = _limits(truth, targets)
    scale = grid[-1]
    between("dollars: spend", low, found.spend_at(targets), high, ROUNDING, scale)
    at = int(case["more"] * len(grid))
    start = [0.0, *grid][at]
    finer = sorted({*grid, start + (grid[at] - start) * (case["more"] * len(grid) - at)} - {0.0})
    inner = judge.frontier(judge.in_dollars(*table, finer, stop=case["stop"]))
    bound = found.bound_at(targets)
    above = np.array(_limits(inner, targets)[1])
    with np.errstate(invalid="ignore"):
        over = bound > above + ROUNDING * scale
    holds("dollars: bound is one between the points", not over.any(), bound, above)


def draw_search(rng: np.random.Generator) -> Case:
    """Few or many models, few attempts; now and then more models than a lattice has axes."""
    wide = rng.random() < 0.3
    models = (9, 10) if rng.random() < 0.05 else (3, 6)
    case = draw_market(rng, (1, 4), models if wide else (1, 3), 2 if wide else 3)
    if wide:
        case["attempts"] = np.minimum(case["attempts"], 1).tolist()
        case["successes"] = np.minimum(case["successes"], case["attempts"]).tolist()
    return {**case, "stop": bool(rng.random() < 0.5), "rates": rng.uniform(0.05, 1, 3).tolist()}


def check_search(case: Case) -> None:
    """Search: bounds below the hull, plans above the optimum, gaps as said, plans as scored."""
    market, tables = market_of(case), _tables(case)
    truth = judge.frontier(tables)
    if truth.max_solve_rate <= SAME_RATE:
        return
    curves = arb.attempt_curves(market, billing=_BILLING[case["stop"]])
    targets = [
        *(float(truth.max_solve_rate) * r for r in case["rates"]),
        float(truth.max_solve_rate) - SAME_RATE,
    ]
    found = arb.search_frontier(curves, sorted(set(targets)))
    same("search: reach", found.max_solve_rate, float(truth.max_solve_rate), ROUNDING)
    low, _ = _limits(truth, targets)
    hull_low, hull_high = _mixed(truth, targets)
    mixture, bound = found.mixture_spend_at(targets), found.bound_at(targets)
    single = found.spend_at(targets)
    holds(
        "search: bound is one",
        np.all(bound <= np.array(hull_high) * (1 + ROUNDING)),
        bound,
        hull_high,
    )
    holds(
        "search: mixtures not below the hull",
        np.all(mixture >= np.array(hull_low) * (1 - ROUNDING)),
        mixture,
        hull_low,
    )
    holds(
        "search: plans not below the optimum",
        np.all(single >= np.array(low) * (1 - ROUNDING)),
        single,
        low,
    )
    u = targets[0]
    plan = found.plan_at(u)
    solved, spend = judge.plan(tables, [(int(m[1:]), int(a)) for m, a in plan.stages])
    rate = float(sum(w * s for w, s in zip(tables.weight, solved, strict=True)))
    total = float(sum(w * sum(row) for w, row in zip(tables.weight, spend, strict=True)))
    holds("search: plan reaches its rate", rate >= u - SAME_RATE, rate, u)
    same("search: plan costs its spend", total, float(found.spend_at(u)), ROUNDING)


AREAS = (
    Area(
        "plan",
        draw_plan,
        check_plan,
        share=12,
        axes={**AXES, "any stage": [("stages", 0)]},
        simpler={**SIMPLER, "stop": False},
    ),
    Area(
        "frontier",
        draw_frontier,
        check_frontier,
        share=8,
        axes={**AXES, "any rate": [("rates", 0)]},
        simpler={**SIMPLER, "stop": False},
    ),
    Area("thinned", draw_thinned, check_thinned, share=4, axes=AXES, simpler=SIMPLER),
    Area(
        "dollars",
        draw_dollars,
        check_dollars,
        share=5,
        axes={**AXES, "grid": [("grid", 0)]},
        simpler=SIMPLER,
    ),
    Area("search", draw_search, check_search, share=3, axes=AXES, simpler=SIMPLER),
)
