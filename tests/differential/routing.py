"""Routing against enumeration and against a plain program for HiGHS."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import arbmodels as arb
from tests.differential.harness import (
    Area,
    Case,
    Disagreement,
    Refusal,
    between,
    holds,
    same,
)
from tests.differential.tolerances import CANCELLED, FEASIBLE, GAP, ROUNDING, SPREAD
from tests.judges import routing as judge
from tests.judges import routing_program as program

_KINDS = (
    "budget",
    "floor",
    "capacity",
    "commitment of attempts",
    "commitment of spend",
    "share of spend",
    "share of attempts",
    "share of instances",
    "mean latency",
    "latency limit",
    "number of models",
    "number of plans",
    "number of changes",
    "no",
    "only",
    "robust",
)
_COUNTS = ("number of models", "number of plans", "number of changes")
AXES = {
    "any term": [("terms", 0)],
    "any contract": [("contracts", 0)],
    "instance": [
        ("solve", 0),
        ("spend", 0),
        ("offered", 0),
        ("latency", 0),
        ("weight", 0),
        ("segment", 0),
    ],
}
SIMPLER = {"weight": None, "offered": None, "penalty": 0.0, "objective": ["solve_rate"]}


def draw_world(rng: np.random.Generator, size: int, width: int) -> Case:
    """Solve probabilities, spends and labels, without terms."""
    shape = (size, width)
    solve, spend = rng.random(shape), rng.random(shape) + 0.05
    kind = rng.random()
    if kind < 0.2:  # ties and costs of zero
        solve, spend = np.round(solve * 3) / 3, np.round(spend * 2)
    elif kind < 0.35:  # nine orders of magnitude
        spend = 10.0 ** rng.uniform(-5, 4, shape)
    elif kind < 0.45:
        spend = spend * float(rng.choice([1e-7, 1e7]))
    if width > 1 and rng.random() < 0.1:  # identical models
        solve[:, 1], spend[:, 1] = solve[:, 0], spend[:, 0]
    offered = None
    if rng.random() < 0.2:
        mask = rng.random(shape) < 0.7
        mask[np.arange(size), np.arange(size) % width] = True
        offered = mask.tolist()
    segment = [f"s{i % 2}" for i in range(size)]
    weight = None
    if rng.random() < 0.4:
        weight = rng.uniform(0.1, 2, size)
        if rng.random() < 0.2:
            weight = 10.0 ** rng.uniform(-4, 3, size)
        if rng.random() < 0.2 and size > 2:
            weight[2] = 0.0
        weight = weight.tolist()
    return {
        "solve": solve.tolist(),
        "spend": spend.tolist(),
        "offered": offered,
        "latency": rng.uniform(1, 9, shape).tolist() if rng.random() < 0.5 else None,
        "weight": weight,
        "segment": segment,
        "provider": [["alpha", "beta", "alpha"][m % 3] for m in range(width)],
        "abstain": bool(rng.random() < 0.8),
        "assignment": str(rng.choice(["oracle", "per-segment", "single"], p=[0.7, 0.2, 0.1])),
        "objective": ["solve_rate"],
        "penalty": 0.0,
        "contracts": [],
        "terms": [],
    }


def _draw_objective(rng: np.random.Generator, case: Case) -> None:
    size, top = len(case["solve"]), float(np.max(case["spend"])) or 1.0
    kind = rng.choice(["solve_rate", "spend", "profit", "worst"], p=[0.4, 0.2, 0.25, 0.15])
    case["objective"] = [str(kind)]
    if kind == "profit":
        price = rng.uniform(0, 3 * top, size)
        case["objective"].append(price.tolist() if rng.random() < 0.5 else float(price[0]))
    if rng.random() < 0.2:
        money = top if kind in ("spend", "profit") else 1.0
        case["penalty"] = float(rng.uniform(0, money))


def _draw_terms(rng: np.random.Generator, case: Case, kinds: list[str], plans: np.ndarray) -> None:
    """Terms of some kinds, with limits inside, at an end of, or outside what is reachable."""
    w = judge.world(case)
    width = len(case["provider"])
    for kind in kinds:
        term: dict[str, Any] = {"kind": kind}
        scoped = kind in ("floor", "mean latency", "no", "only") or (
            kind == "budget" and not case["contracts"] and rng.random() < 0.5
        )
        if scoped and rng.random() < 0.4:
            term["segment"] = str(rng.choice(sorted(set(case["segment"]))))
        seller = str(rng.choice([*(f"m{m}" for m in range(width)), *sorted(set(case["provider"]))]))
        of_one = kind in ("capacity", "no", "only") or kind.startswith(("commitment", "share"))
        if of_one or (kind == "budget" and not case["contracts"] and rng.random() < 0.3):
            term["seller"] = seller
        if kind == "number of changes":
            term["earlier"] = rng.integers(0, len(w.uses), len(w.times)).tolist()
        if kind == "robust":
            share = rng.uniform(0, 2) if rng.random() < 0.5 else rng.random(w.spend.shape) * 2
            term["deviation"] = (share * w.spend).tolist()
            size = len(w.times)
            term["gamma"] = float(rng.choice([0, 1, size, rng.uniform(0, size), int(size / 2)]))
        values = judge.left(w, term, plans, case["contracts"])
        low, high = float(values.min()), float(values.max())
        limit = low + rng.uniform(-0.1, 1.1) * (high - low)
        if rng.random() < 0.25:
            limit = float(rng.choice(values))
        if kind in ("no", "only"):
            limit = 0.0
        elif kind in _COUNTS:
            limit = float(np.rint(limit))
        if kind == "floor" or kind.startswith("share"):
            limit = min(limit, 1.0)
        term["limit"] = max(limit, 0.0)
        case["terms"].append(term)


def _draw_contracts(rng: np.random.Generator, case: Case) -> None:
    w = judge.world(case)
    for seller in sorted(set(case["provider"])):
        if rng.random() < 0.6:
            top = float((w.spend.max(axis=1) * w.times).sum()) or 1.0
            starts = [0.0, *sorted(rng.uniform(0, top, int(rng.integers(0, 3))).tolist())]
            case["contracts"].append(
                {
                    "seller": seller,
                    "fee": float(rng.choice([0.0, rng.uniform(0, 0.5 * top)])),
                    "tiers": [[s, round(float(rng.uniform(0, 1.5)), 2)] for s in starts],
                    "credit": float(rng.choice([0.0, rng.uniform(0, top)])),
                }
            )


def draw_enumerated(rng: np.random.Generator) -> Case:
    """Up to four instances and three models, up to three terms of different kinds."""
    case = draw_world(rng, int(rng.integers(1, 5)), int(rng.integers(1, 4)))
    if rng.random() < 0.2:
        _draw_contracts(rng, case)
    _draw_objective(rng, case)
    plans = judge.assignments(judge.world(case))
    if not len(plans):
        return draw_enumerated(rng)
    allowed = [k for k in _KINDS if not (k == "robust" and case["contracts"])]
    kinds = rng.choice(allowed, int(rng.integers(0, 4)), replace=False)
    _draw_terms(rng, case, [str(k) for k in kinds], plans)
    return case


def draw_program(rng: np.random.Generator) -> Case:
    """Up to twenty instances, now and then eighty, for HiGHS."""
    size, width = int(rng.integers(4, 21)), int(rng.integers(2, 6))
    if rng.random() < 0.05:
        size, width = int(rng.integers(50, 81)), 5
    case = draw_world(rng, size, width)
    if rng.random() < 0.25:
        _draw_contracts(rng, case)
    _draw_objective(rng, case)
    w = judge.world(case)
    count = w.groups.max() + 1
    options = [np.flatnonzero(w.offered[w.groups == g].all(axis=0)) for g in range(count)]
    if any(not len(own) for own in options):
        return draw_program(rng)
    some = np.stack([rng.choice(own, 200) for own in options], axis=1)[:, w.groups]
    allowed = [k for k in _KINDS if not (k == "robust" and case["contracts"])]
    kinds = rng.choice(allowed, int(rng.integers(1, 4)), replace=False)
    _draw_terms(rng, case, [str(k) for k in kinds], some)
    return case


def problem_of(case: Case) -> arb.RoutingProblem:
    """Build the package's problem."""
    width = len(case["provider"])
    problem = arb.RoutingProblem.from_arrays(
        case["solve"],
        case["spend"],
        [f"m{m}" for m in range(width)],
        weight=case["weight"],
        segment=case["segment"],
        offered=case["offered"],
        latency=case["latency"] or [0.0] * width,
        providers={f"m{m}": name for m, name in enumerate(case["provider"])},
        abstain=case["abstain"],
        assignment=case["assignment"],
    ).penalize_abstention(case["penalty"])
    kind = case["objective"][0]
    if kind == "spend":
        problem = problem.minimize_spend()
    elif kind == "profit":
        problem = problem.maximize_profit(case["objective"][1])
    elif kind == "worst":
        problem = problem.maximize_worst_segment()
    for contract in case["contracts"]:
        problem = problem.add_contract(
            contract["seller"],
            fee=contract["fee"],
            tiers=[tuple(tier) for tier in contract["tiers"]],
            credit=contract["credit"],
        )
    for term in case["terms"]:
        problem = _with_term(problem, term, width)
    return problem


def _with_term(problem: arb.RoutingProblem, term: dict[str, Any], width: int) -> arb.RoutingProblem:
    kind, limit = term["kind"], term["limit"]
    segment, seller = term.get("segment"), term.get("seller")
    if kind == "budget":
        which = {} if seller is None else {"model" if seller[0] == "m" else "provider": seller}
        return problem.add_budget(limit, segment, **which)
    if kind == "robust":
        return problem.add_robust_budget(
            limit, deviation=np.array(term["deviation"])[:, :width], gamma=term["gamma"]
        )
    if kind == "floor":
        return problem.add_floor(limit, segment)
    if kind == "mean latency":
        return problem.add_mean_latency(limit, segment)
    if kind == "latency limit":
        return problem.add_latency_limit(limit)
    if kind == "capacity":
        return problem.add_capacity(seller, limit)
    if kind.startswith("commitment"):
        return problem.add_commitment(seller, **{kind.split()[-1]: limit})
    if kind.startswith("share"):
        return problem.add_share_limit(seller, limit, of=kind.split()[-1])
    if kind == "number of models":
        return problem.limit_models(int(limit))
    if kind == "number of plans":
        return problem.limit_plans(int(limit))
    if kind == "number of changes":
        return problem.start_from(np.array(term["earlier"]), max_changes=limit)
    if kind == "no":
        return problem.forbid(seller, segment=segment)
    return problem.allow_only([seller], segment=segment)


def label_of(term: dict[str, Any]) -> str:
    """Return a term's label in results and conflicts."""
    kind, seller = term["kind"], term.get("seller")
    where = f" in {term['segment']}" if term.get("segment") else ""
    if kind == "budget":
        return f"budget{f' of {seller}' if seller else ''}{where}"
    if kind == "robust":
        return "robust budget"
    if kind == "floor":
        return f"quality floor{where}"
    if kind == "capacity":
        return f"capacity of {seller}"
    if kind.startswith(("commitment", "share")):
        return f"{kind} to {seller}"
    if kind in ("no", "only"):
        return f"{kind} {seller}{where}"
    return f"{kind}{where}"


def _refused(case: Case, error: arb.SolverError) -> Exception:
    """An error that says what to do is an answer where numbers differ by many orders of magnitude.

    Elsewhere it is a disagreement, as it is.
    """
    spend = np.array(case["spend"])
    spread = spend.max() / spend[spend > 0].min() if (spend > 0).any() else 1.0
    return Refusal(str(error)) if spread >= SPREAD and "scale" in str(error) else error


def _usable(case: Case) -> bool:
    """Whether shrinking left something that can be asked."""
    w = judge.world(case)
    for term in case["terms"]:
        here = w.inside(term.get("segment")) * w.times
        if here.sum() == 0 or len(term.get("earlier", w.times)) != len(w.times):
            return False
        if np.shape(term.get("deviation", w.spend)) != w.spend.shape:
            return False
    if isinstance(case["objective"][-1], list) and len(case["objective"][1]) != len(w.times):
        return False
    if case["objective"][0] == "worst":
        return all((w.inside(name) @ w.times) > 0 for name in set(w.segment))
    return True


def check_enumerated(case: Case) -> None:
    """Objective, bound, assignment, and what is said of infeasible problems."""
    if not _usable(case):
        return
    w = judge.world(case)
    plans = judge.assignments(w)
    values, more = judge.objective(case, w, plans)
    sides = [judge.left(w, term, plans, case["contracts"]) for term in case["terms"]]
    strict, loose = (
        np.all(
            [
                judge.holds(term, side, slack)
                for term, side in zip(case["terms"], sides, strict=True)
            ]
            or [np.ones(len(plans), bool)],
            axis=0,
        )
        for slack in (-1e-12, FEASIBLE)
    )
    problem = problem_of(case)
    try:
        result = problem.solve(gap=GAP)
    except arb.SolverError as error:
        raise _refused(case, error) from error
    except arb.InfeasibleError as error:
        holds("routing: feasible", not strict.any(), str(error), _shown(values, strict, more))
        _check_conflict(case, error, plans, sides)
        return
    holds("routing: infeasible", loose.any(), result.objective, "no assignment")
    sign = 1.0 if more else -1.0
    best_loose = sign * float((sign * values[loose]).max())
    best = sign * float((sign * values[strict]).max()) if strict.any() else -sign * np.inf
    scale = CANCELLED * float(np.abs(values).max())
    room = GAP * max(abs(best_loose), abs(best) if np.isfinite(best) else 0.0) + scale
    holds("routing: status", result.status == "optimal", result.status, "optimal")
    holds(
        "routing: objective", sign * result.objective >= sign * best - room, result.objective, best
    )
    holds("routing: bound", sign * result.bound >= sign * best - room, result.bound, best)
    holds(
        "routing: gap",
        sign * (result.bound - result.objective) <= GAP * abs(result.objective) + scale,
        result.bound,
        result.objective,
    )
    here = np.asarray(result.assignment)
    at = np.flatnonzero((plans == here).all(axis=1))
    holds("routing: assignment is one", len(at) == 1, here.tolist())
    at = int(at[0])
    same(
        "routing: objective of the assignment",
        result.objective,
        values[at],
        ROUNDING,
        scale / ROUNDING,
    )
    for term, side in zip(case["terms"], sides, strict=True):
        if not judge.holds(term, side, FEASIBLE)[at]:
            raise Disagreement(
                f"routing: breaks its {term['kind']}", float(side[at]), term["limit"]
            )
    same(
        "routing: solve rate",
        result.solve_rate,
        w.solve[np.arange(len(here)), here] @ w.times / len(w.times),
        ROUNDING,
    )
    same(
        "routing: spend",
        result.spend,
        w.spend[np.arange(len(here)), here] @ w.times,
        ROUNDING,
    )


def _shown(values: np.ndarray, held: np.ndarray, more: bool) -> object:
    return float(values[held].max() if more else values[held].min()) if held.any() else None


def _check_conflict(
    case: Case, error: arb.InfeasibleError, plans: np.ndarray, sides: list[np.ndarray]
) -> None:
    """A conflict is one, is smallest, and what is said to suffice alone suffices."""
    labels = [label_of(term) for term in case["terms"]]
    named = [conflict.label for conflict in error.conflicts]
    holds("conflict: names terms", set(named) <= set(labels), named, labels)
    which = [labels.index(name) for name in named]
    loose = np.array(
        [judge.holds(t, s, FEASIBLE) for t, s in zip(case["terms"], sides, strict=True)]
    )
    strict = np.array(
        [judge.holds(t, s, -1e-12) for t, s in zip(case["terms"], sides, strict=True)]
    )
    holds("conflict: is none", not strict[which].all(axis=0).any(), named)
    least = next(
        (
            size
            for size in range(1, len(labels) + 1)
            for some in itertools.combinations(range(len(labels)), size)
            if not loose[list(some)].all(axis=0).any()
        ),
        len(labels),
    )
    holds("conflict: not the smallest", len(which) <= least, named, least)
    for conflict, row in zip(error.conflicts, which, strict=True):
        term, side = case["terms"][row], sides[row]
        others = [k for k in which if k != row]
        ok = strict[others].all(axis=0) if others else np.ones(len(plans), bool)
        ok_loose = loose[others].all(axis=0) if others else ok
        same("conflict: limit", conflict.limit, term["limit"], ROUNDING)
        if not ok.any() or conflict.needed is None:
            continue
        upper = judge.at_most(term)
        near = float(side[ok].min() if upper else side[ok].max())
        near_loose = float(side[ok_loose].min() if upper else side[ok_loose].max())
        ends = sorted([near, near_loose])
        between("conflict: needed", ends[0], conflict.needed, ends[1], 10 * FEASIBLE)


def check_program(case: Case) -> None:
    """Objective and bound against the plain program."""
    if not _usable(case):
        return
    w = judge.world(case)
    more = case["objective"][0] != "spend"
    sign = 1.0 if more else -1.0
    # HiGHS lets rows be passed by its own tolerance: it gets limits a bit stricter, and what it
    # finds counts only if the true limits hold.
    stricter = {**case, "terms": [_moved(term, -FEASIBLE) for term in case["terms"]]}
    found = program.solve(stricter)
    best = None
    if found is not None and all(
        judge.holds(term, judge.left(w, term, found[None, :], case["contracts"]), -1e-12)[0]
        for term in case["terms"]
    ):
        best = float(judge.objective(case, w, found[None, :])[0][0])
    try:
        result = problem_of(case).solve(gap=GAP)
    except arb.SolverError as error:
        raise _refused(case, error) from error
    except arb.InfeasibleError as error:
        holds("routing: feasible for HiGHS", best is None, str(error), best)
        return
    here = np.asarray(result.assignment)[None, :]
    value = float(judge.objective(case, w, here)[0][0])
    sizes = np.abs(judge.objective(case, w, _extremes(w))[0])
    scale = CANCELLED * max(float(sizes.max()), abs(value))
    holds("routing: status", result.status == "optimal", result.status, "optimal")
    same(
        "routing: objective of the assignment", result.objective, value, ROUNDING, scale / ROUNDING
    )
    for term in case["terms"]:
        side = judge.left(w, term, here, case["contracts"])
        if not judge.holds(term, side, FEASIBLE)[0]:
            raise Disagreement(f"routing: breaks its {term['kind']}", float(side[0]), term["limit"])
    if best is not None:
        room = GAP * max(abs(best), abs(result.objective)) + scale
        for what in ("objective", "bound"):
            answer = getattr(result, what)
            holds(
                f"routing: {what} below HiGHS's", sign * answer >= sign * best - room, answer, best
            )


def draw_frontier(rng: np.random.Generator) -> Case:
    """A limit that moves, and up to two other terms that can be kept."""
    while True:
        case = draw_world(rng, int(rng.integers(1, 5)), int(rng.integers(1, 4)))
        _draw_objective(rng, case)
        plans = judge.assignments(judge.world(case))
        if not len(plans):
            continue
        moving = str(rng.choice(["budget", "floor", "capacity", "mean latency", "robust"]))
        others = [k for k in _KINDS if k not in (moving, "robust")]
        kinds = [str(k) for k in rng.choice(others, int(rng.integers(0, 3)), replace=False)]
        _draw_terms(rng, case, [moving, *kinds], plans)
        w = judge.world(case)
        held = np.ones(len(plans), bool)
        for term in case["terms"][1:]:
            held &= judge.holds(term, judge.left(w, term, plans, []), -1e-12)
        if not held.any():
            continue
        values = judge.left(w, case["terms"][0], plans[held], [])
        inside = rng.uniform(values.min(), max(values.max(), values.min() + 1e-9), 3)
        limits = np.concatenate([inside, rng.choice(values, 2), [0.9 * values.min()]])
        top = 1.0 if moving == "floor" else np.inf
        case["limits"] = np.unique(np.clip(limits, 0, top)).tolist()
        return case


def check_frontier(case: Case) -> None:
    """Objective and bound at every limit; nothing where there is no assignment."""
    if not _usable(case) or not case["terms"]:
        return
    w = judge.world(case)
    plans = judge.assignments(w)
    values, more = judge.objective(case, w, plans)
    first, *others = case["terms"]
    kept, wide = np.ones(len(plans), bool), np.ones(len(plans), bool)
    for term in others:
        side = judge.left(w, term, plans, [])
        kept &= judge.holds(term, side, -1e-12)
        wide &= judge.holds(term, side, FEASIBLE)
    if not kept.any():
        return
    try:
        found = problem_of(case).frontier(label_of(first), case["limits"], gap=GAP)
    except arb.SolverError as error:
        raise _refused(case, error) from error
    side = judge.left(w, first, plans, [])
    sign = 1.0 if more else -1.0
    scale = CANCELLED * float(np.abs(values).max())
    for k, limit in enumerate(case["limits"]):
        strict = kept & judge.holds(first, side, -1e-12, limit)
        loose = wide & judge.holds(first, side, FEASIBLE, limit)
        objective, bound = float(found.objective[k]), float(found.bound[k])
        if not loose.any():
            holds("routing frontier: infeasible", np.isnan(objective), objective, "no assignment")
            continue
        if np.isnan(objective):
            holds("routing frontier: feasible", not strict.any(), objective, limit)
            continue
        best = float((sign * values[loose]).max())
        least = float((sign * values[strict]).max()) if strict.any() else -np.inf
        room = GAP * max(abs(best), abs(least) if np.isfinite(least) else 0.0) + scale
        inside = least - room <= sign * objective <= best + room
        holds("routing frontier: objective", inside, objective, [sign * least, sign * best])
        holds("routing frontier: bound", sign * bound >= least - room, bound, sign * least)


def _extremes(w: judge.World) -> np.ndarray:
    """The dearest and the best assignment, for the scale of the numbers."""
    dearest = np.where(w.offered, w.spend, -1.0).argmax(axis=1)
    best = np.where(w.offered, w.solve, -1.0).argmax(axis=1)
    return np.stack([dearest, best])


def _moved(term: dict[str, Any], slack: float) -> dict[str, Any]:
    if term["kind"] in (*_COUNTS, "no", "only", "latency limit"):
        return term
    sign = 1.0 if judge.at_most(term) else -1.0
    return {**term, "limit": term["limit"] + sign * slack * abs(term["limit"])}


AREAS = (
    Area("routing", draw_enumerated, check_enumerated, share=14, axes=AXES, simpler=SIMPLER),
    Area("routing-program", draw_program, check_program, share=5, axes=AXES, simpler=SIMPLER),
    Area(
        "routing-frontier",
        draw_frontier,
        check_frontier,
        share=4,
        axes={**AXES, "limit": [("limits", 0)]},
        simpler=SIMPLER,
    ),
)
