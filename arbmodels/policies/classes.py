"""Policy classes side by side: what each must spend to reach a solve rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._checks import choose, number_of
from arbmodels._pandas import pd
from arbmodels.cascades import Frontier, cascade_frontier
from arbmodels.cascades.frontier import MAX_MODELS
from arbmodels.cascades.lattice import Lattice, build_lattice, coarsen, lower_hull, useful
from arbmodels.curves import SAME_RATE, Curves, attempt_curves, solve_rate_list
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.policies.blocks import (
    Ascent,
    blocks_best,
    blocks_greedy,
    blocks_in_order,
    is_thinned,
    refined,
)
from arbmodels.policies.grouped import Grouped, plan_set_of
from arbmodels.policies.oracle import oracle_of
from arbmodels.policies.policy import (
    CheapestOf,
    IntArray,
    Mixtures,
    OnePlan,
    Policy,
    Serving,
    check_spend,
    rate_within,
    score,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Colour, dashes and width of every class: colour-blind safe, told apart in grey by their dashes.
#: Classes often save the same; of lines on top of each other the wider ones stay visible.
_STYLES = (
    ("#000000", "-", 1.6), ("#56B4E9", "-", 5.5), ("#F0E442", "-", 3.6), ("#0072B2", "-", 2.2),
    ("#B22222", "-", 1.2), ("#B22222", "--", 1.2), ("#009E73", "-", 1.6), ("#000000", ":", 1.4),
    ("#999999", "-.", 1.6),
)  # fmt: skip
#: Columns of solve rates that a table shows.
_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class PolicyClass(Displayed):
    """One class of policies on the grid of solve rates.

    Parameters
    ----------
    name, label : str
        What ``plan_at`` takes, and what tables show.
    proof : str
        What is proven about ``spend``.
    deployable : bool
        Whether its policies can be run without knowing the instance's own solve probabilities.
    max_solve_rate : float
        Largest solve rate of the class.
    spend, bound : float array [U], currency units per instance
        Least expected spend found, and a proven lower bound on the class; NaN if unattainable.
    servings_at : callable
        Solve rate -> the cheapest plans.
    servings_within : callable
        Expected spend -> the plans that solve most for it.
    """

    name: str
    label: str
    proof: str
    deployable: bool
    max_solve_rate: float
    spend: FloatArray
    bound: FloatArray
    servings_at: Callable[[float], tuple[Serving, ...]]
    servings_within: Callable[[float], tuple[Serving, ...]]


@dataclass(frozen=True, eq=False, repr=False)
class PolicyClasses(Displayed):
    """What every class of policies costs, and what it saves against the best single model.

    Made by :func:`arbmodels.policies.policy_classes`. Classes contain each other from the first to
    the last as far as their labels say so; all numbers are in-sample.

    Parameters
    ----------
    curves : Curves
        The billing everything is scored under.
    solve_rates : float array [U]
    classes : tuple of C PolicyClass
        The first is the best single model.
    """

    curves: Curves
    solve_rates: FloatArray
    classes: tuple[PolicyClass, ...]

    @property
    def market(self) -> Market:
        """The market the policies serve."""
        return self.curves.market

    @property
    def billing(self) -> str:
        """Unit, integration, estimator and billing of every number here."""
        return self.curves.billing

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(each.name for each in self.classes)

    @property
    def spend(self) -> FloatArray:
        """Least expected spend, [C, U], currency units per instance; NaN if unattainable."""
        return np.stack([each.spend for each in self.classes])

    @property
    def bound(self) -> FloatArray:
        """Proven lower bounds on the classes' spend, [C, U], currency units per instance."""
        return np.stack([each.bound for each in self.classes])

    @property
    def max_solve_rate(self) -> FloatArray:
        """Largest solve rates, [C]."""
        return np.array([each.max_solve_rate for each in self.classes])

    @property
    def saving(self) -> FloatArray:
        """1 - spend / spend of the best single model, [C, U]; NaN beyond either's largest."""
        single = self.classes[0].spend
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(single > 0, 1.0 - self.spend / single, 0.0 * self.spend + 0.0 * single)

    def plan_at(self, name: str, solve_rate: float) -> Policy:
        """Return the cheapest policy of a class at any solve rate, computed there.

        Parameters
        ----------
        name : str
            One of :attr:`names`.
        solve_rate : float

        Returns
        -------
        Policy
            Its ``plan`` is the plan where one plan serves everything.

        Raises
        ------
        InputError
            If there is no such class, or it does not reach the solve rate.
        """
        rate = number_of(solve_rate, "solve rate")
        return self._policy(self._class(name), lambda each: each.servings_at(rate))

    def plan_within(self, name: str, spend: float) -> Policy:
        """Return the policy of a class that solves most for an expected spend.

        Parameters
        ----------
        name : str
            One of :attr:`names`.
        spend : float, currency units per instance
            One budget over all instances: what a segment saves another may use.

        Raises
        ------
        InputError
            If there is no such class, or the spend is negative or not finite.
        """
        check_spend(spend)
        amount = float(spend)
        return self._policy(self._class(name), lambda each: each.servings_within(amount))

    def _class(self, name: str) -> PolicyClass:
        if name not in self.names:
            raise InputError(
                f"No policy class {name!r}; there are {', '.join(map(repr, self.names))}."
            )
        return self.classes[self.names.index(name)]

    def _policy(
        self, chosen: PolicyClass, servings_of: Callable[[PolicyClass], tuple[Serving, ...]]
    ) -> Policy:
        servings = servings_of(chosen)
        rate, spend = score(servings, self.curves)
        return Policy(chosen.name, rate, spend, servings, chosen.deployable, self.market.currency)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per class and solve rate."""
        count = len(self.solve_rates)
        return pd.DataFrame(
            {
                "class": np.repeat(self.names, count),
                "deployable": np.repeat([each.deployable for each in self.classes], count),
                "solve_rate": np.tile(self.solve_rates, len(self.classes)),
                "spend": self.spend.ravel(),
                "bound": self.bound.ravel(),
                "saving": self.saving.ravel(),
            }
        )

    def table(self) -> TextTable:
        """Return spend and saving of every class at up to five solve rates."""
        shown = np.unique(np.linspace(0, len(self.solve_rates) - 1, _SHOWN).astype(int))
        saving, spend = self.saving, self.spend
        rows = []
        for row, each in enumerate(self.classes):
            cells = [
                number(spend[row, u])
                + (f" ({percent(saving[row, u])})" if row and np.isfinite(saving[row, u]) else "")
                for u in shown
            ]
            use = "yes" if each.deployable else "oracle"
            rows.append((each.label, *cells, percent(each.max_solve_rate), use))
        proofs = "\n".join(f"  {each.label}: {each.proof}" for each in self.classes)
        return TextTable(
            f"Policy classes on {self.market.name}: spend in {self.market.currency}/instance"
            " (saving against the best single model)",
            (
                "class",
                *(percent(self.solve_rates[u], 2) for u in shown),
                "largest solve rate",
                "deployable",
            ),
            rows,
            f"What is proven:\n{proofs}\n{self.billing}; in-sample.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the saving of every class against the solve rate."""
        ax = new_axes(7.2, 3.6) if ax is None else ax
        saving = self.saving
        for row, each in enumerate(self.classes[1:], start=1):
            colour, dashes, width = _STYLES[row % len(_STYLES)]
            ax.plot(
                100 * self.solve_rates,
                100 * saving[row],
                color=colour,
                ls=dashes,
                lw=width,
                label=each.label + ("" if each.deployable else " (oracle)"),
            )
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel("Saving against the best single model (%)")
        ax.set_title(self.market.name)
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return ax


#: Solve rates by default, from this share of the best single model's largest solve rate to that
#: itself.
_LOWEST_SHARE, _POINTS = 0.8, 17
#: Solve rates at which the lower bound is looked at for the bound on mixtures.
_BOUND_POINTS = 2001
#: What depends on the instances' segment comes from a plan set; its bound is that of all plans.
_PROOF = "optimal to a relative gap of {gap:g} over a set of {count} plans; bound for all plans"
#: Relative gap that the routing engine proves.
_SEGMENT_GAP = 1e-6
#: States of the lattice that bounds a single segment.
_SEGMENT_STATES = 300_000


def policy_classes(
    source: Market | Curves | Frontier,
    solve_rates: npt.ArrayLike | None = None,
    order: Sequence[str] | None = None,
    *,
    plan_rates: int = 60,
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
        By default 17 from 80% to 100% of the best single model's largest solve rate.
    order : sequence of str, optional
        All models, once each; by default from the cheapest attempt to the dearest.
    plan_rates : int
        Solve rates whose plans for all are in the plan set of segments
        (:func:`arbmodels.policies.grouped.plan_set_of` tells what else is).
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
    if plan_rates < 1:
        raise InputError(f"plan_rates is {plan_rates}; give at least 1.")
    frontier = source if isinstance(source, Frontier) else _frontier(source)
    curves, lattice = frontier.curves, frontier.lattice
    rates = _rates(solve_rates, frontier.market_max_solve_rate)
    names = _order(curves, order)
    positions = [curves.index(name) for name in names]
    with tqdm(desc="Policy classes", disable=None, leave=False, delay=2) as bar:
        one = _for_everybody(frontier, positions, rates, bar)
        mixed = _mixed(frontier, one[-1], rates)
        grouped = (
            _per_segment(curves, one[-1], mixed[1], rates, bar, plan_rates) if segments else []
        )
        if oracle:
            grouped.append(_oracle(curves, mixed[0], rates))
    sizes = " x ".join(str(len(grid)) for grid in lattice.grids)
    thinned = is_thinned(curves, lattice) and not frontier.exact
    where = f"a lattice of {sizes} amounts" + ", refined near the plans asked for" * thinned
    kind = "cheapest found on" if thinned else "exact on"
    where = f"{where}; bound for all amounts and orders"
    arrow = " > ".join(names)
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
            plans.max_solve_rate,
            plans.spend_at(rates),
            np.where(
                rates <= plans.max_solve_rate + SAME_RATE,
                alone if name == "single" else bound,
                np.nan,
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
    grid = np.linspace(0.0, plans.max_solve_rate, _BOUND_POINTS)
    proof = "hull of 2,001 solve rates and all undominated states; bound for all amounts and orders"
    chosen = PolicyClass(
        "mixed",
        "interleaved, mixed",
        proof,
        True,
        mixed.max_solve_rate,
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
    plan_set = plan_set_of(curves, plans, mixed, rates, size)
    labels = np.array(market.segment, dtype=object)
    groups = Grouped(plan_set.by_segment(tuple(labels[market.weight > 0])), gap=_SEGMENT_GAP)
    bound = np.where(
        rates <= groups.max_solve_rate + SAME_RATE, _segments_bound(curves, rates), np.nan
    )
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
        steps = alone.bound_steps
        corners = lower_hull(np.append(0.0, steps.rate), np.append(0.0, steps.spend))
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
        if not curves.continuous or rate > mixed.max_solve_rate:
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
        found.max_solve_rate,
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
        f"one plan per {groups.plan_set.kind}",
        _PROOF.format(gap=groups.gap, count=f"{len(groups.plan_set.plans):,}"),
        True,
        groups.max_solve_rate,
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
        f"best of a set of {len(groups.plan_set.plans):,} plans (linear program); bound for all",
        True,
        groups.max_solve_rate,
        groups.mixed_spend_at(rates),
        bound,
        groups.mixed_servings_at,
        lambda spend: groups.mixed_servings_at(groups.mixed_rate_within(spend)),
    )


def _rates(solve_rates: npt.ArrayLike | None, largest: float) -> FloatArray:
    if solve_rates is None:
        if largest <= SAME_RATE:
            raise InputError("No model of this market solves anything within the largest amount.")
        return np.linspace(_LOWEST_SHARE, 1.0, _POINTS) * largest
    return solve_rate_list(solve_rates)


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
