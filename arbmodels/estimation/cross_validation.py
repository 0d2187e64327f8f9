r"""Cross-validated margins: cascades and models chosen on some instances, scored on others.

What a cascade costs at a solve rate is estimated on the very instances it was chosen on, so it
promises too much: the margin in sample exceeds the one on new instances by the *optimism*.

One protocol for every margin (:func:`arbmodels.estimation.compare_held_out`). Policies are indexed
by the solve rate they are to reach. On each training set the cheapest mixture of two cascades that
reaches it there is found, and the cheapest of two plans of one model, the model being chosen there,
too. Both are scored on the folds that are held out, and the cascades that solve as much there as
the market are compared with it. So every policy, and the model that sells, was chosen before the
held-out outcomes were looked at. Choosing by these instead ("the cheapest of the trained plans that
reaches 75% there", "the model that turned out cheapest there") would let them pick what was lucky.

On a training set the cheapest mixture of two plans that reaches a solve rate u lies on the lower
convex hull of the (solve rate, spend) of all plans; so do, for the market, the plans of the model
that is cheapest there. On the folds held out the market's policies that aim at u solve r(u) and
cost s(u), added up over the folds; so do the cascades that aim at v. The price at u is s(u), and
the cost is that of the cascades whose aim v solves r(u) there, too. Only training sets that reach u
with a model alone are compared, on both sides. In sample r(u) = u, and both are least spends.

Held-out outcomes choose neither policies nor the model that sells nor the solve rates looked at:
on pure noise (models of one distribution) the margin of the two is zero on average. Reading both
spends off held-out curves at r = u instead is not free of choice: solve rates that the market
reaches by luck are the ones where it looks cheap (-0.9 to -2.6 points on 100 instances), and the
least price of several models scored there is too low as well (-4.6 points).

References
----------
Stone, *Cross-validatory choice and assessment of statistical predictions*, Journal of the Royal
Statistical Society B 36 (1974).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from arbmodels._compiling import SMALL, compiled
from arbmodels._pandas import pd
from arbmodels.cascades import (
    Frontier,
    SearchedFrontier,
    cascade_frontier,
    paper_curve,
    paper_market_max_solve_rate,
    paper_policy,
)
from arbmodels.cascades.frontier import DEFAULT_STATES, margin_of
from arbmodels.cascades.lattice import (
    Lattice,
    _tables,
    build_lattice,
    hull_vertices,
    shortest_paths,
    undominated,
)
from arbmodels.cascades.olmedo import CostCurve, PaperPolicy
from arbmodels.cascades.search import search_frontier
from arbmodels.cascades.tables import natural_of
from arbmodels.curves import (
    SAME_RATE,
    Curves,
    attempt_curves,
    blocks,
    default_budget_grid,
    solve_rate_list,
)
from arbmodels.display import ARBITRAGEUR_COLOR, Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.estimation.learning import PaperSearch
from arbmodels.estimation.workers import run
from arbmodels.market import Market
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


By = Literal["instances", "segments"]
IntArray = npt.NDArray[np.int64]


def held_out(
    market: Market, folds: int, by: By, seed: int | np.random.SeedSequence
) -> list[IntArray]:
    """Return the instances that each fold holds out.

    Parameters
    ----------
    market : Market
    folds : int
        At least 2.
    by : {"instances", "segments"}
        Instances are dealt out at random, segment by segment, so that every fold has about its
        share of each. Whole segments go, in random order, to the fold that is lightest so far.
    seed : int or SeedSequence

    Raises
    ------
    InputError
        If a fold would be empty, the market has no segments to hold out, or ``by`` is neither.
    """
    if by not in ("instances", "segments"):
        raise InputError(f"by is {by!r}; hold out 'instances' or 'segments'.")
    if by == "segments" and market.segment is None:
        raise InputError(
            f"{market.name} has no segments to hold out; use by='instances', or give the market"
            " segments."
        )
    rng = np.random.default_rng(seed)
    count = len(market.instances)
    names = np.zeros(count) if market.segment is None else np.array(market.segment)
    codes = np.unique(names, return_inverse=True)[1]
    available = count if by == "instances" else int(codes.max()) + 1
    if available < 2:
        raise InputError(
            f"{market.name}: with one of its {by} there is nothing to hold out. Give more."
        )
    if not 2 <= folds <= available:
        raise InputError(
            f"{market.name}: folds is {folds}; give 2 to {available}, the number of {by}."
        )
    order = rng.permutation(count)
    if by == "instances":
        dealt = order[np.argsort(codes[order], kind="stable")]
        return [np.sort(dealt[fold::folds]) for fold in range(folds)]
    weight = np.bincount(codes, market.weight)
    fold_of, load = np.zeros(available, dtype=int), np.zeros(folds)
    # The heaviest first, else the last to come could upset the balance; ties at random.
    for code in sorted(rng.permutation(available).tolist(), key=lambda each: -weight[each]):
        fold_of[code] = int(np.argmin(load))
        load[fold_of[code]] += weight[code]
    return [np.flatnonzero(fold_of[codes] == fold) for fold in range(folds)]


#: The paper's range of solve rates starts here; its end is the best single model's largest solve
#: rate.
_PAPER_LOWEST = 0.68
#: Where the market's largest solve rate is lower than the paper's start, the range starts at this
#: share of it.
_LOWEST_SHARE = 0.9
#: A solve rate that is zero but for the rounding of sums over instances.
_NOTHING = 1e-12


def rates_up_to(largest: float, solve_rates: npt.ArrayLike | None = None) -> FloatArray:
    """Return the solve rates asked for, or the paper's grid up to the largest of one model.

    Parameters
    ----------
    largest : float
        Largest solve rate of a single model.
    solve_rates : array of probabilities, optional
        By default 1,000 points from 0.68 to ``largest`` (from 0.9 times it where it is below 0.70).

    Returns
    -------
    float array [U]

    Raises
    ------
    InputError
        If a solve rate is no probability, or nothing is solved.
    """
    if solve_rates is None:
        if largest <= _NOTHING:
            raise InputError("No model of this market solves anything within the largest budget.")
        lowest = _PAPER_LOWEST if largest >= _PAPER_LOWEST + 0.02 else _LOWEST_SHARE * largest
        return np.linspace(lowest, largest, 1000)
    return solve_rate_list(solve_rates)


def mean_defined(values: FloatArray) -> float:
    """Return the mean of what is not NaN; NaN if nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def plain(values: npt.ArrayLike) -> Any:
    """Return numbers as plain floats in lists, None where they are undefined or infinite."""
    array = np.asarray(values, dtype=float)
    objects = array.astype(object)
    objects[~np.isfinite(array)] = None
    return objects.tolist()


@dataclass(frozen=True, eq=False, repr=False)
class PriceAndCost(Displayed):
    """Prices of the models and cost of the cascade over solve rates, currency units per instance.

    Parameters
    ----------
    model_prices : float array [U, M]
        NaN above a model's largest solve rate.
    cost : float array [U]
        NaN above the cascade's largest solve rate.
    spend_by_model : float array [U, M], optional
        What of the cost each model is paid. None for the paper's policy, whose purchases follow a
        formula of their own.
    price_by_model : float array [U, M], optional
        What of the market price each model is paid, where the model that sells was chosen on other
        instances. By default the model of the least price sells.
    """

    model_prices: FloatArray
    cost: FloatArray
    spend_by_model: FloatArray | None = None
    price_by_model: FloatArray | None = None

    @property
    def price(self) -> FloatArray:
        """Market price, [U]; NaN where no model reaches the solve rate."""
        if self.price_by_model is not None:
            paid: FloatArray = self.price_by_model.sum(axis=1)
            return paid
        price: FloatArray = np.fmin.reduce(self.model_prices, axis=1)
        return price

    @property
    def margin(self) -> FloatArray:
        """max(0, 1 - cost / price), [U]; NaN where there is no price."""
        return margin_of(self.price, self.cost)

    @property
    def gain(self) -> FloatArray:
        """1 - cost / price, [U], below zero where cascades lose; NaN where there is no price.

        Zero where models are free, or where the cascade does not reach and nothing is sold.
        """
        price = self.price
        with np.errstate(invalid="ignore", divide="ignore"):
            gain = np.where((price > 0) & np.isfinite(self.cost), 1.0 - self.cost / price, 0.0)
        return np.where(np.isfinite(price), gain, np.nan)


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidatedMargin(Displayed):
    """Margins in sample and held out.

    Made by :func:`arbmodels.estimation.cross_validate_margin`.

    Parameters
    ----------
    market : Market
    method : {"exact", "searched", "olmedo2026"}
    folds : int
    by : {"instances", "segments"}
        What was held out.
    repeats : int
        Divisions into folds.
    solve_rates : float array [U]
    in_sample, held_out : PriceAndCost
        Prices and costs fitted and scored on all instances, and scored where they were not fitted.
    billing : str
        Unit, integration, estimator and billing of every number here.
    """

    market: Market
    method: str
    folds: int
    by: By
    repeats: int
    solve_rates: FloatArray
    in_sample: PriceAndCost
    held_out: PriceAndCost
    billing: str

    @cached_property
    def in_sample_margin(self) -> FloatArray:
        """Margin in sample, [U]; NaN where it is not defined held out, too."""
        outside = np.isfinite(self.held_out.margin)
        return np.where(outside, self.in_sample.margin, np.nan)

    @cached_property
    def margin(self) -> FloatArray:
        """Cross-validated margin, [U]; NaN where it is not defined in sample, too.

        Not cut at zero: whoever follows a policy that was chosen elsewhere may lose, and the larger
        of an estimate and zero would be too good on average.
        """
        inside = np.isfinite(self.in_sample.margin)
        return np.where(inside, self.held_out.gain, np.nan)

    @property
    def optimism(self) -> FloatArray:
        """In-sample less cross-validated margin, [U]; positive where in-sample is too good."""
        return self.in_sample_margin - self.margin

    @property
    def mean_margin(self) -> float:
        """Mean cross-validated margin over the solve rates at which both are defined."""
        return mean_defined(self.margin)

    @property
    def mean_in_sample(self) -> float:
        """Mean in-sample margin over the same solve rates."""
        return mean_defined(self.in_sample_margin)

    @property
    def mean_optimism(self) -> float:
        """Mean optimism over the same solve rates."""
        return self.mean_in_sample - self.mean_margin

    @property
    def max_solve_rate(self) -> float:
        """Largest of the solve rates at which both margins are defined; NaN if there is none."""
        both = self.solve_rates[np.isfinite(self.margin)]
        return float(both.max()) if len(both) else float("nan")

    @property
    def peak(self) -> tuple[float, float, float]:
        """Solve rate of the largest in-sample margin, that margin, and the cross-validated one.

        Among the solve rates at which both are defined; NaN if there is none.
        """
        if not np.isfinite(self.margin).any():
            return (float("nan"),) * 3
        best = int(np.nanargmax(self.in_sample_margin))
        columns = (self.solve_rates, self.in_sample_margin, self.margin)
        rate, inside, outside = (float(values[best]) for values in columns)
        return rate, inside, outside

    @property
    def sentence(self) -> str:
        """The comparison in words, as it stands beside a margin."""
        how = f"{self.folds} folds of {self.by}"
        if self.repeats > 1:
            how += f", {self.repeats} times"
        how += "; neighbouring plans mixed"
        if not np.isfinite(self.margin).any():
            return f"Cross-validated ({how}): no solve rate of this grid is reached held out."
        both = self.solve_rates[np.isfinite(self.margin)]
        rate, inside, outside = self.peak
        return (
            f"Cross-validated ({how}) from {percent(both.min(), 2)} to {percent(both.max(), 2)}:"
            f" mean margin {percent(self.mean_margin, 2)}, in-sample"
            f" {percent(self.mean_in_sample, 2)}, optimism {percent(self.mean_optimism, 2)};"
            f" at {percent(rate, 2)}, the in-sample peak of that range, {percent(outside, 2)}"
            f" against {percent(inside, 2)}."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a row per solve rate: prices, costs and margins in sample and held out."""
        return pd.DataFrame(
            {
                "solve_rate": self.solve_rates,
                "price_in_sample": self.in_sample.price,
                "cost_in_sample": self.in_sample.cost,
                "margin_in_sample": self.in_sample_margin,
                "price_held_out": self.held_out.price,
                "cost_held_out": self.held_out.cost,
                "margin_held_out": self.margin,
                "optimism": self.optimism,
            }
        )

    def summary(self) -> dict[str, Any]:
        """Return means, peak and settings as plain values; None where undefined."""
        rate, inside, outside = self.peak
        return {
            "folds": self.folds,
            "by": self.by,
            "repeats": self.repeats,
            "mean_margin": plain(self.mean_margin),
            "mean_in_sample": plain(self.mean_in_sample),
            "optimism": plain(self.mean_optimism),
            "reach": plain(self.max_solve_rate),
            "peak": {
                "solve_rate": plain(rate),
                "margin_in_sample": plain(inside),
                "margin": plain(outside),
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the summary and all curves as plain values, ready for JSON."""
        return {
            "market": self.market.name,
            "method": self.method,
            "unit": f"{self.market.currency}/instance",
            "accounting": self.billing,
            **self.summary(),
            "curves": {str(name): plain(values) for name, values in self.to_frame().items()},
        }

    def table(self) -> TextTable:
        """Return up to ten solve rates and the means."""
        unit = f"{self.market.currency}/instance"
        rows = [
            (
                percent(row["solve_rate"], 2),
                number(row["price_held_out"]),
                number(row["cost_held_out"]),
                percent(row["margin_held_out"]),
                percent(row["margin_in_sample"]),
                percent(row["optimism"]),
            )
            for row in self.to_frame()
            .iloc[np.unique(np.linspace(0, len(self.solve_rates) - 1, 10).astype(int))]
            .to_dict("records")
        ]
        return TextTable(
            f"Margin on {self.market.name} ({self.method} policy), cross-validated: mean"
            f" {percent(self.mean_margin, 2)}, optimism {percent(self.mean_optimism, 2)}",
            (
                "solve rate",
                f"market price [{unit}]",
                f"arbitrage cost [{unit}]",
                "margin",
                "in-sample",
                "optimism",
            ),
            rows,
            f"{self.sentence}\nPolicies are indexed by the solve rate that they reach in training."
            f"\n{self.billing}.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the margins in sample and held out; the area between them is the optimism."""
        ax = new_axes() if ax is None else ax
        rates = 100 * self.solve_rates
        inside, outside = 100 * self.in_sample_margin, 100 * self.margin
        ax.plot(rates, inside, color="grey", ls="--", label="In-sample")
        ax.plot(rates, outside, color=ARBITRAGEUR_COLOR, lw=2, label="Cross-validated")
        ax.fill_between(rates, outside, inside, color="grey", alpha=0.15, lw=0)
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel("Margin (%)")
        ax.set_title(self.market.name)
        ax.legend(frameon=False)
        return ax


#: Where training sets that reach a solve rate score a smaller share, nothing is said about it.
_LEAST_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Tables:
    """Sums over some instances, whose weights add up to ``weight``, for every state of a lattice.

    Parameters
    ----------
    grids : tuple of float arrays
        Amounts per model, from 0.
    unsolved : float array [K_1, .., K_M]
        Weight of the instances that a state leaves unsolved.
    steps : tuple of M float arrays
        Entry m has one row less on axis m: weighted spend of that step.
    weight : float
    """

    grids: tuple[FloatArray, ...]
    unsolved: FloatArray
    steps: tuple[FloatArray, ...]
    weight: float

    @classmethod
    def of(cls, curves: Curves, grids: tuple[FloatArray, ...], rows: IntArray) -> Tables:
        """Return the tables of the instances ``rows``, summed over these and no others.

        A training set is never what a fold leaves of the whole: the difference of two sums is
        rounded where it should be zero, and a plan that seems to gain 1e-16 of a solve rate would
        be bought at any price.
        """
        width = sum(len(grid) for grid in grids)
        parts = (cls._block(curves, grids, rows[cut]) for cut in blocks(len(rows), width))
        return reduce(add, parts)

    @classmethod
    def _block(cls, curves: Curves, grids: tuple[FloatArray, ...], rows: IntArray) -> Tables:
        # The curves take any index, not slices only.
        unsolved, *steps = _tables(curves, grids, cast(slice, rows))
        weight = float(curves.market.weight[rows].sum())
        return cls(grids, unsolved, tuple(steps), weight)

    def __add__(self, other: Tables) -> Tables:
        steps = tuple(a + b for a, b in zip(self.steps, other.steps, strict=True))
        return Tables(self.grids, self.unsolved + other.unsolved, steps, self.weight + other.weight)

    def lattice(self) -> Lattice:
        """Return the lattice of means over these instances, its shortest paths solved."""
        steps = tuple(step / self.weight for step in self.steps)
        rate = np.maximum(1.0 - self.unsolved / self.weight, 0.0)
        return Lattice(self.grids, rate, steps, shortest_paths(steps))


@dataclass(frozen=True, eq=False, repr=False)
class ScoredPolicies(Displayed):
    """The policies of a training set along its hull, and what they do on some instances.

    Policies between two neighbours mix them; beyond the last there is nothing but the last.

    Parameters
    ----------
    aimed, cost : float arrays [V], increasing
        Solve rate and spend in training.
    solved : float array [V]
    spend : float array [V, M]
        Weighted sums over the instances they were scored on; the spend by model.
    weight : float
        Of these instances.
    """

    aimed: FloatArray
    cost: FloatArray
    solved: FloatArray
    spend: FloatArray
    weight: float

    def cost_at(self, aims: FloatArray) -> FloatArray:
        """Return the spend in training at solve rates, infinite where unattainable."""
        # The largest solve rate itself is asked for, summed in another order.
        inside = np.where(
            aims <= self.aimed[-1] + SAME_RATE, np.minimum(aims, self.aimed[-1]), aims
        )
        cost: FloatArray = np.interp(inside, self.aimed, self.cost, right=np.inf)
        return cost

    def at(self, aims: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return solved [U] and spend [U, M] of the policies that aim at solve rates."""
        columns = [np.interp(aims, self.aimed, each) for each in self.spend.T]
        return np.interp(aims, self.aimed, self.solved), np.stack(columns, axis=1)


class _Sums(NamedTuple):
    """Mean solved [U] and spend [U, M]."""

    solved: FloatArray
    spend: FloatArray


def compare_held_out(
    alone: Sequence[Sequence[ScoredPolicies]],
    policies: Sequence[ScoredPolicies],
    rates: FloatArray,
) -> PriceAndCost:
    """Return the market price and the cost of some policies, chosen on other instances.

    The one protocol of every cross-validated margin; with one training set that is also what is
    scored, prices and costs in sample.

    Parameters
    ----------
    alone : sequence of sequences of ScoredPolicies, [folds][M]
        Every model alone.
    policies : sequence of ScoredPolicies, [folds]
        Whose cost is compared.
    rates : float array [U]

    Returns
    -------
    PriceAndCost
        NaN where training sets that reach a solve rate with a model alone score less than a
        quarter of the weight.
    """
    costs = np.array([[each.cost_at(rates) for each in fold] for fold in alone])
    known = np.isfinite(costs)
    some = known.any(axis=1)
    scores = [[each.at(rates) for each in fold] for fold in alone]
    sold = [_picked(*pair) for pair in zip(scores, costs.argmin(axis=1), strict=True)]
    weights = np.array([each.weight for each in policies])
    market = _mean(sold, some, weights)
    by_model = np.full(market.spend.shape, np.nan)
    aims = np.unique(np.concatenate([each.aimed for each in policies]))
    scored = [each.at(aims) for each in policies]
    # As the rate rises training sets drop out one by one, and the cascades of those left count.
    for left in np.unique(some.sum(axis=0)):
        here = some.sum(axis=0) == left
        reached = some[:, here][:, :1] & np.ones(len(aims), dtype=bool)
        by_model[here] = _read_curve(_mean(scored, reached, weights), market.solved[here])
    prices = [
        _mean([fold[m] for fold in scores], known[:, m], weights).spend.sum(axis=1)
        for m in range(len(alone[0]))
    ]
    return PriceAndCost(np.stack(prices, axis=1), by_model.sum(axis=1), by_model, market.spend)


def _picked(
    scores: Sequence[tuple[FloatArray, FloatArray]], chosen: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return solved and spend of the model chosen at every aim."""
    here = np.arange(len(chosen))
    return (
        np.stack([solved for solved, _ in scores])[chosen, here],
        np.stack([spend for _, spend in scores])[chosen, here],
    )


def _mean(
    scores: Sequence[tuple[FloatArray, FloatArray]],
    known: npt.NDArray[np.bool_],
    weights: FloatArray,
) -> _Sums:
    """Return means over the folds whose training sets reach an aim; NaN where these are few."""
    weight = weights @ known
    weight = np.where(weight >= _LEAST_SHARE * weights.sum(), weight, np.nan)
    pairs = list(zip(known, scores, strict=True))
    solved = np.sum([here * each[0] for here, each in pairs], axis=0)
    spend = np.sum([here[:, None] * each[1] for here, each in pairs], axis=0)
    return _Sums(solved / weight, spend / weight[:, None])


def _read_curve(curve: _Sums, solved: FloatArray) -> FloatArray:
    """Return the spend by model where a curve solves as much, [U, M]; NaN beyond its end.

    Where it falls although the aim rises it is held at the largest so far, neighbours are mixed.
    """
    rate, total = np.maximum.accumulate(curve.solved), curve.spend.sum(axis=1)
    largest = np.where(total >= np.maximum.accumulate(total), np.arange(len(total)), 0)
    spend = curve.spend[np.maximum.accumulate(largest)]
    first = np.concatenate([[True], np.diff(rate) > 0])
    # The largest solve rate itself is asked for, summed in another order.
    asked = np.where(np.abs(solved - rate[-1]) <= SAME_RATE, rate[-1], solved)
    columns = [np.interp(asked, rate[first], each[first], right=np.nan) for each in spend.T]
    return np.stack(columns, axis=1)


def fit_and_score(fit: Tables, score: Tables) -> ScoredPolicies:
    """Find the hull of all plans on ``fit`` and score its vertices on ``score``."""
    lattice = fit.lattice()
    rate, spend = lattice.solve_rate.ravel(), lattice.spend.ravel()
    kept = undominated(rate, spend)
    vertex = kept[hull_vertices(rate[kept], spend[kept])]
    vertex = vertex[_gaining(rate[vertex])]
    return ScoredPolicies(
        rate[vertex],
        spend[vertex],
        score.weight - score.unsolved.ravel()[vertex],
        path_spend(lattice, vertex, score.steps),
        score.weight,
    )


def _gaining(rate: FloatArray) -> IntArray:
    """Return the vertices that gain more than rounding on those before them."""
    kept = [0]
    for v in range(1, len(rate)):
        if rate[v] > rate[kept[-1]] + SAME_RATE:
            kept.append(v)
    return np.array(kept, dtype=np.int64)


def path_spend(lattice: Lattice, flat: IntArray, steps: tuple[FloatArray, ...]) -> FloatArray:
    """Return what the lattice's cheapest paths to some states spend on other instances, by model.

    Parameters
    ----------
    lattice : Lattice
        Its shortest paths say what is bought, and in which order.
    flat : int array [V]
        States, as positions in the flattened lattice.
    steps : tuple of M float arrays
        Spend of every step on the other instances, as :attr:`Lattice.step_spend`.

    Returns
    -------
    float array [V, M]
    """
    own, other = (_padded(each) for each in (lattice.step_spend, steps))
    shape = np.array(lattice.spend.shape)
    strides = np.append(np.cumprod(shape[:0:-1])[::-1], 1)
    walked: FloatArray = walk_back(
        flat, np.stack([shape, strides]), lattice.spend.ravel(), own, other
    )
    return walked


@compiled(interpreted=SMALL)
def walk_back(
    flat: IntArray,
    layout: IntArray,
    spend: FloatArray,
    own: FloatArray,
    other: FloatArray,
) -> FloatArray:  # pragma: no cover - compiled
    """Sum ``other`` along the cheapest path, under ``own``, to each state of a lattice, [V, M].

    Parameters
    ----------
    flat : int array [V]
        States; the origin is 0.
    layout : int array [2, M]
        Shape of the lattice, and its strides counted in states.
    spend : float array [states]
        Least spend to every state.
    own, other : float arrays [M, states]
        Spend of the step of each model that starts in a state, on either set of instances.
    """
    shape, strides = layout[0], layout[1]
    total = np.zeros((len(flat), len(shape)))
    for v in range(len(flat)):
        state = flat[v]
        while state > 0:
            least = np.inf
            last, start = 0, 0
            for m in range(len(shape)):
                if (state // strides[m]) % shape[m] > 0:
                    before = state - strides[m]
                    via = spend[before] + own[m, before]
                    if via < least:
                        least, last, start = via, m, before
            total[v, last] += other[last, start]
            state = start
    return total


def _padded(steps: tuple[FloatArray, ...]) -> FloatArray:
    """Flatten the steps of each model over the states they start from, [M, states]."""
    pads = np.eye(len(steps), dtype=int)
    columns = [
        np.pad(step, [(0, int(more)) for more in pad]).ravel()
        for step, pad in zip(steps, pads, strict=True)
    ]
    return np.stack(columns)


#: Gap at which a search for policies ends: its bound is not used, and policies hardly improve.
_GAP = 0.02
#: Solve rates looked at from a twentieth of the largest to the largest, and where margins are
#: asked.
_WIDE, _ASKED = 10, 12


class SearchedPolicies(NamedTuple):
    """How policies are searched for.

    Attributes
    ----------
    curves : Curves
    solve_rates : float array [U]
        Where margins are asked for.
    most_states : int
        As for :func:`arbmodels.search_frontier`.
    """

    curves: Curves
    solve_rates: FloatArray
    most_states: int

    def score(self, rest: IntArray, fold: IntArray) -> ScoredPolicies:
        """Search on some instances, and score on others."""
        fit, score = self.curves.on(rest), self.curves.on(fold)
        weight = float(self.curves.market.weight[fold].sum())
        natural = natural_of(fit)
        low, high = float(self.solve_rates.min()), float(self.solve_rates.max())
        wide = np.linspace(natural.max_solve_rate / 20, natural.max_solve_rate, _WIDE)
        rates = np.concatenate([wide, np.linspace(low, high, _ASKED)])
        found = search_frontier(
            fit,
            rates[rates <= natural.max_solve_rate],
            gap=_GAP,
            most_states=self.most_states,
            time_limit=np.inf,  # numbers must not depend on how busy a machine is
        )
        rate, spend, number = found.plans.hull
        there = natural_of(score)
        solved = np.zeros(len(rate))
        paid = np.zeros((len(rate), len(fit.names)))
        for v, each in enumerate(number):
            steps = found.plans.purchases(int(each))
            if steps:
                scored = there.score(steps)
                solved[v] = scored.solve_rate[-1]
                models = np.array([m for m, _ in steps], dtype=np.int64)
                paid[v] = np.bincount(models, scored.spend, minlength=len(fit.names))
        return ScoredPolicies(rate, spend, weight * solved, weight * paid, weight)


#: States of the small lattices of a search, by default.
_SEARCH_STATES = 30_000


def cross_validate_margin(
    source: Market | Curves | Frontier | SearchedFrontier,
    *,
    method: str = "exact",
    folds: int = 5,
    by: By = "instances",
    repeats: int = 10,
    seed: int = 0,
    solve_rates: npt.ArrayLike | None = None,
    most_states: int | None = None,
    workers: int | None = None,
) -> CrossValidatedMargin:
    r"""Estimate the margin on new instances, and by how much the margin in sample is too good.

    The market is treated like the arbitrageur: which model is cheapest at a solve rate, and how
    much is spent on it, is chosen on the training instances and scored on the others. On both
    sides two neighbouring plans are mixed. The margin in sample comes from the same curves on the
    same amounts, fitted and scored on all instances, so the two differ by nothing but the hold-out.
    Held out it is not cut at zero: a policy that was chosen may lose, and the largest of an
    estimate and zero is too good.

    Parameters
    ----------
    source : Market, Curves, Frontier or SearchedFrontier
        As for :func:`arbmodels.arbitrage`; of a frontier, on its own amounts. Of a searched
        frontier the curves are taken.
    method : {"exact", "searched", "olmedo2026"}
        Searched policies are those of :func:`arbmodels.search_frontier`, for more than four
        models; the search is repeated on every training
        set, and on all instances, to a gap of 2%. A searched frontier is always searched.
        For the paper's policy the allocation is chosen on the training instances by their grid
        search.
    folds : int
        At least 2.
    by : {"instances", "segments"}
        Hold out instances at random within each segment, or whole segments: how well does a
        policy do on a kind of task it was not fitted on?
    repeats : int
        Divisions into folds to average over, at least 1; a single one can be off by several
        percentage points, the mean of ten by one.
    seed : int
    solve_rates : increasing array of probabilities, optional
        As for :func:`arbmodels.arbitrage`.
    most_states : int, optional
        As for :func:`arbmodels.cascade_frontier`, in sample and held out alike; by default as
        there, or as many as the frontier has that is given. Of a search it is the limit of
        :func:`arbmodels.search_frontier`, 30,000 by default.
    workers : int, optional
        Processes; results do not depend on it (:func:`arbmodels.estimation.workers.run`).

    Returns
    -------
    CrossValidatedMargin

    Raises
    ------
    InputError
        If there are too few instances or segments, or the method does not fit the source.

    Notes
    -----
    Stone (1974), "Cross-validatory choice and assessment of statistical predictions"; optimism as
    in Efron (1983), "Estimating the error rate of a prediction rule". Curves are estimated
    instance by instance, so that nothing else can leak; only the prior of beta-binomial curves is
    fitted to all instances.

    References
    ----------
    Stone, *Cross-validatory choice and assessment of statistical predictions*, Journal of the Royal
    Statistical Society B 36 (1974).

    Efron, *Estimating the error rate of a prediction rule*, Journal of the American Statistical
    Association 78 (1983).
    """
    if method not in ("exact", "searched", "olmedo2026"):
        raise InputError(f"No method {method!r}; choose 'exact', 'searched' or 'olmedo2026'.")
    if repeats < 1:
        raise InputError(f"repeats is {repeats}; give at least 1.")
    market = source if isinstance(source, Market) else source.market
    seeds = np.random.SeedSequence(seed).spawn(repeats)
    divisions = [held_out(market, folds, by, each) for each in seeds]
    for fold in (fold for division in divisions for fold in division):
        if not 0 < market.weight[fold].sum() < 1 - 1e-12:
            raise InputError(f"{market.name}: a fold holds all the weight, or none. Use fewer.")
    if method == "olmedo2026":
        if not isinstance(source, Market):
            raise InputError("The paper's method brings its own curves: give it a market.")
        rates, inside, outside, billing = _paper(source, divisions, solve_rates, workers)
    elif method == "searched" or isinstance(source, SearchedFrontier):
        method = "searched"
        curves = _curves(source)
        states = most_states or _SEARCH_STATES
        rates, inside, outside = _searched(curves, divisions, solve_rates, states, workers)
        billing = curves.billing
    else:
        frontier = source if isinstance(source, Frontier) and most_states is None else None
        if frontier is None:
            scored = source if isinstance(source, Market) else _curves(source)
            frontier = cascade_frontier(scored, most_states=most_states or DEFAULT_STATES)
        rates, inside, outside = _exact(frontier, divisions, solve_rates, workers)
        billing = frontier.billing
    return CrossValidatedMargin(market, method, folds, by, repeats, rates, inside, outside, billing)


class _Plans(NamedTuple):
    """All plans of a lattice: of the cascade, or of a model alone."""

    curves: Curves
    grids: tuple[FloatArray, ...]

    def score(self, rest: IntArray, fold: IntArray) -> ScoredPolicies:
        """Fit plans on some instances and score them on others."""
        score = Tables.of(self.curves, self.grids, fold)
        fit = score if rest is fold else Tables.of(self.curves, self.grids, rest)
        return fit_and_score(fit, score)


class _Refitted(NamedTuple):
    """The frontiers of every training set, made the way that one was which had to be thinned."""

    curves: Curves
    most_states: int

    def score(self, rest: IntArray, fold: IntArray) -> ScoredPolicies:
        """Fit plans on some instances and score them on others."""
        found = cascade_frontier(self.curves.on(rest), most_states=self.most_states)
        aims = np.unique(np.append(found.to_frame()["solve_rate"].to_numpy(), 0.0))
        cost = found.spend_at(aims)
        kept = hull_vertices(aims, cost)
        scored = [found.plan_at(float(aim)).evaluate(self.curves) for aim in aims[kept]]
        weight = self.curves.market.weight[fold]
        columns = [self.curves.market.model_index(name) for name in self.curves.names]
        return ScoredPolicies(
            aims[kept],
            cost[kept],
            np.array([weight @ each.solve[fold] for each in scored]),
            np.stack([weight @ each.spend_by_model[fold] for each in scored])[:, columns],
            float(weight.sum()),
        )


#: Whatever fits policies on some instances and scores them on others.
_Source = _Plans | _Refitted | SearchedPolicies


def _exact(
    frontier: Frontier,
    divisions: list[list[IntArray]],
    solve_rates: npt.ArrayLike | None,
    workers: int | None,
) -> tuple[FloatArray, PriceAndCost, PriceAndCost]:
    rates = rates_up_to(frontier.market_max_solve_rate, solve_rates)
    singles = [_Plans(each.curves, each.grids) for each in frontier.single_models]
    cascades: _Source = _Plans(frontier.curves, frontier.grids)
    if frontier.known is not None:
        states = int(np.prod([float(len(grid)) for grid in frontier.grids]))
        cascades = _Refitted(frontier.curves, states)
    inside, outside = _validated(singles, cascades, rates, divisions, workers)
    return rates, inside, outside


def _curves(source: Market | Curves | Frontier | SearchedFrontier) -> Curves:
    if isinstance(source, Market):
        return attempt_curves(source)
    return source if isinstance(source, Curves) else source.curves


def _searched(
    curves: Curves,
    divisions: list[list[IntArray]],
    solve_rates: npt.ArrayLike | None,
    most_states: int,
    workers: int | None,
) -> tuple[FloatArray, PriceAndCost, PriceAndCost]:
    alone = [curves.only([model]) for model in curves.names]
    frontiers = [Frontier(each, build_lattice(each)) for each in alone]
    rates = rates_up_to(max(each.max_solve_rate for each in frontiers), solve_rates)
    singles = [_Plans(each.curves, each.grids) for each in frontiers]
    cascades = SearchedPolicies(curves, rates, most_states)
    inside, outside = _validated(singles, cascades, rates, divisions, workers)
    return rates, inside, outside


class _Scores(NamedTuple):
    """Policies of one training set: every model alone, and the cascades."""

    alone: list[ScoredPolicies]
    cascades: ScoredPolicies


def _validated(
    singles: list[_Plans],
    cascades: _Source,
    rates: FloatArray,
    divisions: list[list[IntArray]],
    workers: int | None,
) -> tuple[PriceAndCost, PriceAndCost]:
    """Return prices of single models and the market, and the cost of cascades, both ways."""
    market = cascades.curves.market
    everyone = np.arange(len(market.instances))
    folds = [fold for division in divisions for fold in division]
    tasks = [(singles, cascades, np.setdiff1d(everyone, fold), fold) for fold in folds]
    scored = run(_scores, tasks, workers, "cross-validation, folds")
    inside = [_scores(singles, cascades, everyone, everyone)]
    return _read(inside, rates), _read(scored, rates)


def _scores(singles: list[_Plans], cascades: _Source, rest: IntArray, fold: IntArray) -> _Scores:
    """Fit policies on some instances and score them on others."""
    count = len(singles)
    alone = []
    for m, each in enumerate(singles):
        found = each.score(rest, fold)
        paid = np.zeros((len(found.aimed), count))
        paid[:, [m]] = found.spend
        alone.append(replace(found, spend=paid))
    return _Scores(alone, cascades.score(rest, fold))


def _read(scored: list[_Scores], rates: FloatArray) -> PriceAndCost:
    return compare_held_out(
        [each.alone for each in scored], [each.cascades for each in scored], rates
    )


def _paper(
    market: Market,
    divisions: list[list[IntArray]],
    solve_rates: npt.ArrayLike | None,
    workers: int | None,
) -> tuple[FloatArray, PriceAndCost, PriceAndCost, str]:
    grid = default_budget_grid(market)
    rates = rates_up_to(paper_market_max_solve_rate(market, grid), solve_rates)
    whole = paper_policy(market, rates, grid)
    folds = [fold for division in divisions for fold in division]
    tasks = [(market, grid, solve_rates, fold) for fold in folds]
    scored = run(_allocation_held_out, tasks, workers, "cross-validation, folds")
    outside = _read(scored, rates)
    inside = _read([_of_paper(whole, whole, 1.0)], rates)
    # Their formula for what each model is paid does not add up to the spend.
    inside, outside = (replace(each, spend_by_model=None) for each in (inside, outside))
    return rates, inside, outside, whole.billing


def _allocation_held_out(
    market: Market, grid: FloatArray, solve_rates: npt.ArrayLike | None, fold: IntArray
) -> _Scores:
    """Choose an allocation on all instances but a fold, and score it on the fold."""
    rest = np.setdiff1d(np.arange(len(market.instances)), fold)
    train, test = (
        market.select(instances=[market.instances[i] for i in rows]) for rows in (rest, fold)
    )
    goal = rates_up_to(paper_market_max_solve_rate(train, grid), solve_rates)
    chosen = PaperSearch(grid).best(train, goal)
    fit, score = (paper_curve(each, chosen, grid) for each in (train, test))
    return _of_paper(fit, score, float(market.weight[fold].sum()))


def _of_paper(fit: PaperPolicy, score: PaperPolicy, weight: float) -> _Scores:
    """Index the paper's curves, which are by budget, by the solve rate it reaches in ``fit``.

    Cuts of a curve at two neighbouring budgets are mixed.
    """

    def policies(there: CostCurve, here: CostCurve, column: int) -> ScoredPolicies:
        # From buying nothing on; a budget that reaches no further than a smaller one is none.
        rate, spend = (np.append(0.0, each) for each in (there.solve_rate, there.spend))
        further = np.append(True, rate[1:] > np.maximum.accumulate(rate)[:-1] + SAME_RATE)
        paid = np.zeros((len(rate), len(fit.names)))
        paid[1:, column] = here.spend
        solved = np.append(0.0, here.solve_rate)
        return ScoredPolicies(
            rate[further], spend[further], weight * solved[further], weight * paid[further], weight
        )

    pairs = zip(fit.providers, score.providers, strict=True)
    alone = [policies(there, here, m) for m, (there, here) in enumerate(pairs)]
    return _Scores(alone, policies(fit.cascade, score.cascade, 0))
