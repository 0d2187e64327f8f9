"""Policy classes side by side, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels.cascades import Frontier, cascade_frontier
from arbmodels.cascades.frontier import MAX_MODELS
from arbmodels.cascades.hull import lower_hull
from arbmodels.cascades.lattice import Lattice, build_lattice, coarsen, useful
from arbmodels.checks import choose
from arbmodels.curves import SAME_RATE, Curves, attempt_curves
from arbmodels.display import model_label
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.policies.ascent import Ascent
from arbmodels.policies.blocks import blocks_best, blocks_greedy, blocks_in_order
from arbmodels.policies.grouped import Grouped
from arbmodels.policies.menu import menu_of
from arbmodels.policies.mixtures import Mixtures
from arbmodels.policies.oracle import oracle_of
from arbmodels.policies.points import CheapestOf, IntArray, OnePlan, rate_within
from arbmodels.policies.policy import Serving, score
from arbmodels.policies.result import PolicyClass, PolicyClasses
from arbmodels.policies.windows import is_thinned, refined

#: Solve rates by default, from this share of the best single model's reach to the reach itself.
_LOWEST_SHARE, _POINTS = 0.8, 17
#: Solve rates at which the lower bound is looked at for the bound on mixtures.
_BOUND_POINTS = 2001
#: What depends on the instances' segment comes from a menu; its bound is that of all plans.
_MENU = "optimal to a relative gap of {gap:g} over a menu of {count} plans; bound for all plans"
#: Relative gap that the routing engine proves.
_SEGMENT_GAP = 1e-6
#: States of the lattice that bounds a single segment.
_SEGMENT_STATES = 300_000


def policy_classes(
    source: Market | Curves | Frontier,
    solve_rates: npt.ArrayLike | None = None,
    order: Sequence[str] | None = None,
    *,
    menu: int = 60,
    segments: bool = True,
    oracle: bool = True,
) -> PolicyClasses:
    """Compare classes of policies: what each must spend to reach a solve rate.

    * ``single``: the best single model;
    * ``given order``: one block per model, in ``order``;
    * ``greedy order``: one block per model, each next block the one with the least expected cost
      per solve probability after the blocks before it;
    * ``best order``: one block per model in the best order of all, for every choice of blocks;
    * ``interleaved``: any order of purchases (:func:`arbmodels.cascade_frontier`);
    * ``mixed``: two interleaved plans, drawn at random for every instance;
    * ``per segment``: one plan per segment of the market, the solve rate being that of all;
    * ``per segment, mixed``: the same, plans drawn at random;
    * ``oracle``: one plan per instance, its own solve probabilities being known, at most one
      instance drawing between two plans (:mod:`arbmodels.policies.oracle`).

    A class also offers what the simpler classes in it offer on their finer grids. Every class
    comes with a lower bound that no policy of the class undercuts.

    Parameters
    ----------
    source : Market, Curves or Frontier
        A market is scored as :func:`arbmodels.cascade_frontier` does, in whole attempts that stop
        at the record.
    solve_rates : increasing array of probabilities, optional
        By default 17 from 80% to 100% of the best single model's reach.
    order : sequence of str, optional
        All models, once each; by default from the cheapest attempt to the dearest.
    menu : int
        Solve rates whose plans for all are on the menu of segments
        (:func:`arbmodels.policies.menu.menu_of` tells what else is).
    segments, oracle : bool
        Whether to compute the classes with a plan per segment, and the oracle.

    Returns
    -------
    PolicyClasses

    Raises
    ------
    InputError
        If a solve rate is no probability, ``order`` does not name every model once, there are
        more models than a lattice holds, or nothing solves anything.

    Notes
    -----
    Blocks in a given order are the cascades of Olmedo, Schölkopf, Hardt (2026), section 3; the
    best order is Held and Karp's program over subsets, the ratio rule that of sequential search.

    Examples
    --------
    >>> market = Market(["cheap", "dear"], ["x", "y"], [[1, 1], [1, 1]], [[1, 1], [0, 1]],
    ...                 [[1, 10], [1, 10]])
    >>> result = policy_classes(market, [1.0])
    >>> dict(zip(result.names, result.spend[:, 0].tolist()))["best order"]
    6.0
    >>> result.plan_at("best order", 1.0).plan.label
    '1 x cheap, then 1 x dear'
    """
    if menu < 1:
        raise InputError(f"A menu of {menu} plans is none; give at least 1.")
    frontier = source if isinstance(source, Frontier) else _frontier(source)
    curves, lattice = frontier.curves, frontier.lattice
    rates = _rates(solve_rates, frontier.market_reach)
    names = _order(curves, order)
    positions = [curves.index(name) for name in names]
    with tqdm(desc="Policy classes", disable=None, leave=False, delay=2) as bar:
        one = _for_everybody(frontier, positions, rates, bar)
        mixed = _mixed(frontier, one[-1], rates)
        grouped = _per_segment(curves, one[-1], mixed[1], rates, bar, menu) if segments else []
        if oracle:
            grouped.append(_oracle(curves, mixed[0], rates))
    sizes = " x ".join(str(len(grid)) for grid in lattice.grids)
    thinned = is_thinned(curves, lattice) and not frontier.exact
    where = f"a lattice of {sizes} amounts" + ", refined near the plans asked for" * thinned
    kind = "cheapest found on" if thinned else "exact on"
    where = f"{where}; bound for all amounts and orders"
    arrow = " > ".join(map(model_label, names))
    singles = frontier.single_models
    alone = np.fmin.reduce([model.bound_at(rates) for model in singles], axis=0)
    bound = frontier.bound_at(rates)
    told = [
        ("single", "best single model", "exact on each model's own grid; bound between its points"),
        ("given order", "blocks, given order", f"{arrow}: {kind} {where}"),
        ("greedy order", "blocks, greedy order", f"heuristic order, best amounts of {where}"),
        ("best order", "blocks, best order", f"{kind} {where}"),
        ("interleaved", "interleaved", f"{kind} {where}"),
    ]
    found = [
        PolicyClass(
            name,
            label,
            proof,
            True,
            plans.reach,
            plans.spend_at(rates),
            np.where(
                rates <= plans.reach + SAME_RATE, alone if name == "single" else bound, np.nan
            ),
            _for_all(plans),
            _for_all_within(plans),
        )
        for (name, label, proof), plans in zip(told, one, strict=True)
    ]
    return PolicyClasses(curves, rates, (*found, mixed[0], *grouped))


def _frontier(source: Market | Curves) -> Frontier:
    curves = source if isinstance(source, Curves) else attempt_curves(source)
    if len(curves.names) > MAX_MODELS:
        raise InputError(
            f"Policy classes are compared for up to {MAX_MODELS} models, {curves.market.name} has"
            f" {len(curves.names)}: choose some with market.select(models=[...]) or --models."
        )
    return cascade_frontier(curves)


def _for_everybody(
    frontier: Frontier, order: Sequence[int], rates: FloatArray, bar: tqdm[None]
) -> list[OnePlan]:
    """Return the classes of one plan for all, each with what the simpler ones offer."""
    curves, lattice, singles = frontier.curves, frontier.lattice, frontier.single_models
    thinned = is_thinned(curves, lattice)
    seed = Ascent(curves)

    def with_windows(make: Callable[[Lattice], OnePlan], below: int = 0) -> OnePlan:
        coarse = make(lattice)
        bar.update()
        return refined(curves, coarse, make, seed, rates, below=below) if thinned else coarse

    blocks = [
        CheapestOf([with_windows(make), *singles])
        for make in (
            lambda each: blocks_in_order(curves, each, order),
            lambda each: blocks_greedy(curves, each),
            lambda each: blocks_best(curves, each),
        )
    ]
    best = CheapestOf([blocks[2], *blocks[:2], *([seed] if thinned else [])])
    anyhow: list[OnePlan] = [frontier, best]
    if thinned:
        anyhow.append(with_windows(lambda each: Frontier(curves, each), below=4))
    return [CheapestOf(singles), *blocks[:2], best, CheapestOf(anyhow)]


def _for_all(plans: OnePlan) -> Callable[[float], tuple[Serving, ...]]:
    return lambda rate: (Serving("all", plans.plan_at(rate)),)


def _for_all_within(plans: OnePlan) -> Callable[[float], tuple[Serving, ...]]:
    return lambda spend: (Serving("all", plans.plan_at(rate_within(plans, spend))),)


def _mixed(frontier: Frontier, plans: OnePlan, rates: FloatArray) -> tuple[PolicyClass, Mixtures]:
    states = [each.to_frame()["solve_rate"] for each in (frontier, *frontier.single_models)]
    mixed = Mixtures(plans, np.concatenate([*map(np.asarray, states), rates]))
    grid = np.linspace(0.0, plans.reach, _BOUND_POINTS)
    proof = "hull of 2,001 solve rates and all undominated states; bound for all amounts and orders"
    chosen = PolicyClass(
        "mixed",
        "interleaved, mixed",
        proof,
        True,
        mixed.reach,
        mixed.spend_at(rates),
        mixed.bound_at(rates, frontier.bound_at(grid), grid),
        lambda rate: _drawn(mixed, rate),
        lambda spend: _drawn(mixed, mixed.rate_within(spend)),
    )
    return chosen, mixed


def _drawn(mixed: Mixtures, rate: float) -> tuple[Serving, ...]:
    return tuple(Serving("all", plan, part) for plan, part in mixed.mixture_at(rate))


def _per_segment(  # noqa: PLR0917
    curves: Curves,
    plans: OnePlan,
    mixed: Mixtures,
    rates: FloatArray,
    bar: tqdm[None],
    size: int,
) -> list[PolicyClass]:
    """Return the classes whose plans differ between segments."""
    market = curves.market
    if market.segment is None or len(market.segments) < 2:
        return []
    menu = menu_of(curves, plans, mixed, rates, size)
    labels = np.array(market.segment, dtype=object)
    groups = Grouped(menu.by_segment(tuple(labels[market.weight > 0])), gap=_SEGMENT_GAP)
    bound = np.where(rates <= groups.reach + SAME_RATE, _segments_bound(curves, rates), np.nan)
    return [_whole(groups, rates, bar, bound), _in_part(groups, rates, bound)]


def _segments_bound(curves: Curves, rates: FloatArray) -> FloatArray:
    """Return what plans that differ between segments, mixed or not, spend at least.

    Every segment has a lower bound that is convex in its solve rate; together, solve rates are
    bought where their slope is least.
    """
    market, edges = curves.market, list[tuple[FloatArray, FloatArray]]()
    labels = np.array(market.segment, dtype=object)
    for segment in market.segments:
        rows = np.flatnonzero((labels == segment) & (market.weight > 0))
        if not len(rows):
            continue
        weight = float(market.weight[rows].sum())
        # A market cannot do with a model that has no record.
        tried: IntArray = market.attempts[rows].max(axis=0)
        names = [name for name in curves.names if tried[market.model_index(name)] > 0]
        if not names:
            continue
        kept = [market.instances[row] for row in rows]
        mine = replace(
            curves.only(names),
            market=market.select(models=names, instances=kept),
            models=tuple(curves.models[curves.index(name)].part(rows) for name in names),  # type: ignore[arg-type]
        )
        grids = mine.grids
        if np.prod([float(len(grid)) for grid in grids]) > _SEGMENT_STATES:
            grids = coarsen(useful(mine), _SEGMENT_STATES)
        alone = Frontier(mine, build_lattice(mine, grids))
        # Between two of these rates the bound is that of the upper one: its corners on the right.
        rate, spend = alone.bound_steps
        corners = lower_hull(np.append(0.0, rate), np.append(0.0, spend))
        edges.append((weight * np.diff(corners[0]), weight * np.diff(corners[1])))
    gain, paid = (np.concatenate(column) for column in zip(*edges, strict=True))
    gain, paid = gain[gain > 0], paid[gain > 0]
    order = np.argsort(paid / gain, kind="stable")
    reached, spent = (np.append(0.0, np.cumsum(each[order])) for each in (gain, paid))
    # Choices count as reaching a rate from a little below it; the last bit may be dear.
    bound: FloatArray = np.interp(rates - SAME_RATE, reached, spent)
    return bound


def _oracle(curves: Curves, mixed: PolicyClass, rates: FloatArray) -> PolicyClass:
    """Every instance by itself; where budgets stop between two of a grid, mixtures may do more."""
    found = oracle_of(curves)
    alone = found.spend_at(rates)
    proof = "exact: each instance's own cheapest order of purchases, mixed on one of them"
    if curves.continuous:
        proof = "each instance's own cheapest order on budgets cut in four; bound for all budgets"

    def servings_at(rate: float) -> tuple[Serving, ...]:
        own = found.servings_at(rate)
        if not curves.continuous or rate > mixed.reach:
            return own
        others = mixed.servings_at(rate)
        return min(own, others, key=lambda servings: score(servings, curves)[1])

    if curves.continuous:
        alone = np.fmin(alone, mixed.spend)
    return PolicyClass(
        "oracle",
        "own plan per instance",
        proof,
        False,
        found.reach,
        alone,
        np.fmin(found.bound_at(rates), alone),
        servings_at,
        lambda spend: found.servings_at(found.rate_within(spend)),
    )


def _whole(groups: Grouped, rates: FloatArray, bar: tqdm[None], bound: FloatArray) -> PolicyClass:
    """One plan for every group."""
    spend = np.empty(len(rates))
    for u, rate in enumerate(rates.tolist()):
        spend[u] = groups.choice_at(rate).spend
        bar.update()
    return PolicyClass(
        "per segment",
        f"one plan per {groups.menu.kind}",
        _MENU.format(gap=groups.gap, count=f"{len(groups.menu.plans):,}"),
        True,
        groups.reach,
        spend,
        bound,
        groups.servings_at,
        groups.servings_within,
    )


def _in_part(groups: Grouped, rates: FloatArray, bound: FloatArray) -> PolicyClass:
    """Plans drawn at random in at most one group."""
    return PolicyClass(
        "per segment, mixed",
        "one plan per segment, mixed",
        f"best of a menu of {len(groups.menu.plans):,} plans (linear program); bound for all plans",
        True,
        groups.reach,
        groups.mixed_spend_at(rates),
        bound,
        groups.mixed_servings_at,
        lambda spend: groups.mixed_servings_at(groups.mixed_rate_within(spend)),
    )


def _rates(solve_rates: npt.ArrayLike | None, reach: float) -> FloatArray:
    if solve_rates is None:
        if reach <= SAME_RATE:
            raise InputError("No model of this market solves anything within the largest amount.")
        return np.linspace(_LOWEST_SHARE, 1.0, _POINTS) * reach
    rates = np.atleast_1d(np.asarray(solve_rates, dtype=float))
    if rates.ndim != 1 or len(rates) == 0 or not np.all((rates >= 0) & (rates <= 1)):
        raise InputError("Solve rates are a list of numbers between 0 and 1.")
    return rates


def _order(curves: Curves, order: Sequence[str] | None) -> tuple[str, ...]:
    market = curves.market
    if order is None:
        cost = {name: market.mean_cost[market.model_index(name)] for name in curves.names}
        return tuple(sorted(curves.names, key=lambda name: cost[name]))
    chosen = choose(order, curves.names, "model", market.name)
    if len(chosen) < len(curves.names):
        left = [name for name in curves.names if name not in chosen]
        raise InputError(f"The order leaves out {', '.join(map(repr, left))}: name every model.")
    return chosen
