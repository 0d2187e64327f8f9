"""The price-free cascade set: the cascades that can be cheapest at some prices of the models.

For a solve rate u, cascade k buys E[k, m] dollars' worth of model m at list prices, in
expectation. At price multipliers w the arbitrage cost is V(w) = min_k sum_m w_m E[k, m], and the
purchases of the cheapest cascade are its gradient (Shephard's lemma). Which cascades can ever be
cheapest does not depend on the prices: they are found once.

In this file: proven lower bounds on the cost of every policy, at some price vectors and between
them; the pool of plans that the columns are mixed from; the cheapest cascade at any price
multipliers, by shortest paths on re-priced steps; and how the cascades are found, by column
generation, with a proof of how near they are to the best policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels._checks import seed_of
from arbmodels._compiling import compiled
from arbmodels._pandas import pd
from arbmodels._solver import Program, solve
from arbmodels.cascades.engine import search_many
from arbmodels.cascades.frontier import DEFAULT_STATES
from arbmodels.cascades.lattice import (
    Lattice,
    build_lattice,
    coarsen,
    crossing_steps,
    hull_vertices,
    undominated,
)
from arbmodels.cascades.search import check_axes
from arbmodels.cascades.tables import Natural, Steps, natural_of
from arbmodels.curves import SAME_RATE, Curves, attempt_curves, dollar_curves
from arbmodels.display import Displayed, TextTable, brief, first, number, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.market import Market
from arbmodels.passk import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class Proof(Displayed):
    r"""What any policy must spend at some price vectors, and hence at all others.

    The least cost of reaching a solve rate by any policy, V(w), is concave in the prices w,
    homogeneous of degree one, and never falls when a price rises. Bounds b_p at price vectors w_p
    therefore bound it everywhere:

    .. math:: V(w) \ge \max \Big\{ \sum_p \theta_p b_p :
              \sum_p \theta_p w_p \le w, \; \theta \ge 0 \Big\}.

    Parameters
    ----------
    prices : float array [P, M]
        Multipliers of the list prices, > 0.
    bound : float array [P], currency units per instance
        No policy reaches the solve rate for less at these prices.
    """

    prices: FloatArray
    bound: FloatArray

    def __post_init__(self) -> None:
        prices, bound = inputs.numbers(self.prices, "prices"), inputs.numbers(self.bound, "bound")
        if prices.ndim != 2 or bound.shape != (len(prices),) or not len(prices):
            raise InputError(
                f"A proof needs one bound per price vector, not {bound.shape} bounds for prices of"
                f" shape {prices.shape}."
            )
        if not (np.all(np.isfinite(prices) & (prices > 0)) and np.all(bound >= 0)):
            raise InputError("The prices of a proof are finite and > 0, its bounds >= 0.")
        for name, value in (("prices", prices), ("bound", bound)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def at(self, prices: FloatArray) -> FloatArray:
        """Return the best bound that follows at price vectors [B, M]: a linear program each."""
        return np.array([self._at(w) for w in prices])

    def _at(self, w: FloatArray) -> float:
        if np.any(w <= 0):
            return 0.0
        share = self.prices / w
        count, models = share.shape
        size = float(self.bound.max())
        if size == 0.0:
            return 0.0
        found = solve(
            Program(
                self.bound / size,
                sparse.csr_array(share.T),
                np.full(models, -np.inf),
                np.ones(models),
                np.zeros(count),
                np.full(count, np.inf),
                maximize=True,
            )
        )
        # Any theta proves something: what the solver's tolerance leaves over is scaled away.
        theta = np.maximum(found.x, 0.0)
        used = float((theta @ share).max())
        alone = float((self.bound / share.max(axis=1)).max())
        return max(float(theta @ self.bound) / max(used, 1.0), alone)


def with_proof(old: Proof | None, prices: FloatArray, bound: FloatArray) -> Proof:
    """Return a proof with more price vectors; of equal ones the best bound is kept."""
    if old is not None:
        prices, bound = np.concatenate([old.prices, prices]), np.concatenate([old.bound, bound])
    every, where = np.unique(prices, axis=0, return_inverse=True)
    best = np.zeros(len(every))
    np.maximum.at(best, where.ravel(), bound)
    first = np.full(len(every), len(prices))
    np.minimum.at(first, where.ravel(), np.arange(len(prices)))
    order = np.argsort(first)
    return Proof(every[order], best[order])


def rates_of(solve_rates: npt.ArrayLike) -> FloatArray:
    """Return the solve rates that cascade sets are wanted at, [U].

    Raises
    ------
    InputError
        If there is none, or one is no probability.
    """
    rates = np.atleast_1d(inputs.numbers(solve_rates, "Solve rates"))
    if rates.ndim != 1 or not len(rates) or not np.all((rates >= 0) & (rates <= 1)):
        raise InputError("Solve rates are a list of numbers between 0 and 1.")
    return rates


def checked_vectors(prices: npt.ArrayLike | None, models: int) -> FloatArray:
    """Return the price vectors that are asked for, list prices by default.

    Raises
    ------
    InputError
        If a multiplier is not above 0, or there is not one per model.
    """
    if prices is None:
        return np.ones((1, models))
    w = np.atleast_2d(inputs.numbers(prices, "Price vectors"))
    if w.ndim != 2 or w.shape[1] != models or not len(w):
        raise InputError(
            f"Price vectors have shape {np.shape(prices)}; give rows of one multiplier for each of"
            f" the {models} models."
        )
    if not np.all(np.isfinite(w) & (w > 0)):
        raise InputError("The multipliers at which cascade sets are certified are finite and > 0.")
    return w


class Pool:
    """Plans by what they solve and what they spend on each model at list prices.

    Begins with every number of attempts of every model alone, and all that is of use of all.

    Parameters
    ----------
    natural : Natural
        At list prices.
    """

    def __init__(self, natural: Natural) -> None:
        self.natural = natural
        models = len(natural.amounts)
        self._rate, self._spend = [np.zeros(1)], [np.zeros((1, models))]
        self._steps: list[Steps] = [()]
        # In the order they came: results must not depend on hashes.
        self._seen: dict[Steps, None] = {}
        self._single = []
        for m in range(models):
            failure, spend = (natural.of(t, m) for t in (natural.failure, natural.spend))
            rate = 1.0 - failure @ natural.weight
            table = np.zeros((len(rate), models))
            table[:, m] = spend @ natural.weight
            self._single.append((rate, table[:, m]))
            self._rate.append(rate[1:])
            self._spend.append(table[1:])
            self._steps += [((m, k),) for k in range(1, len(rate))]
        self.take([[(m, last) for m, last in enumerate(natural.last) if last]])

    @property
    def every(self) -> tuple[Steps, ...]:
        """All plans but those of models alone."""
        return tuple(self._seen)

    def take(self, paths: Iterable[Steps]) -> None:
        """Score plans that are not known."""
        for path in paths:
            steps = tuple(path)
            if not steps or steps in self._seen:
                continue
            self._seen[steps] = None
            found = self.natural.score(steps)
            models = np.array([m for m, _ in steps], dtype=np.int64)
            by_model = np.zeros(len(self.natural.amounts))
            np.add.at(by_model, models, found.spend)
            self._rate.append(found.solve_rate[-1:])
            self._spend.append(by_model[None])
            self._steps.append(steps)

    def _tables(self) -> tuple[FloatArray, FloatArray]:
        self._rate, self._spend = [np.concatenate(self._rate)], [np.concatenate(self._spend)]
        return self._rate[0], self._spend[0]

    def best(self, w: FloatArray) -> list[Steps]:
        """Return the plans that mixtures are made of at some prices."""
        rate, spend = self._tables()
        return [self._steps[k] for k in _hull(rate, spend @ w)]

    def mixtures(self, w: FloatArray, rates: FloatArray) -> FloatArray:
        """Return the spend on each model of the cheapest mixture for every solve rate, [U, M]."""
        rate, spend = self._tables()
        kept = _hull(rate, spend @ w)
        return _between(rate[kept], spend[kept], rates)

    def alone(self, rate: float) -> FloatArray:
        """Return the cost at list prices of each model alone, [M]; infinite out of reach."""
        found = np.full(len(self._single), np.inf)
        for m, (solved, spend) in enumerate(self._single):
            if rate <= solved.max() + SAME_RATE:
                kept = _hull(solved, spend)
                found[m] = _between(solved[kept], spend[kept, None], np.array([rate]))[0, 0]
        return found

    def start(self, rate: float) -> FloatArray:
        """Return the rows of the models alone, and of a mixture at list prices, [.., M]."""
        alone = self.alone(rate)
        reach = np.isfinite(alone)
        rows = np.diag(np.where(reach, alone, 0.0))[reach]
        return np.concatenate([rows, self.mixtures(np.ones(len(alone)), np.array([rate]))])


def _hull(rate: FloatArray, cost: FloatArray) -> npt.NDArray[np.int64]:
    kept = undominated(rate, cost)
    return kept[hull_vertices(rate[kept], cost[kept])]


def _between(rate: FloatArray, spend: FloatArray, wanted: FloatArray) -> FloatArray:
    """Interpolate rows of spends at solve rates; rates increasing. NaN past the last."""
    high = np.minimum(np.searchsorted(rate, wanted - SAME_RATE), len(rate) - 1)
    low = np.maximum(high - 1, 0)
    width = rate[high] - rate[low]
    share = np.clip((wanted - rate[low]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    share = np.where(width > 0, share, 1.0)[:, None]
    mixed: FloatArray = (1 - share) * spend[low] + share * spend[high]
    return np.where((wanted > rate[-1] + SAME_RATE)[:, None], np.nan, mixed)


IntArray = npt.NDArray[np.int64]


class Repricing:
    """The shortest-path problem of one solve rate, ready to be solved at many prices.

    Parameters
    ----------
    curves : Curves
        What the lattice was built on.
    lattice : Lattice
        At list prices. Multipliers scale its steps: a step of model m costs w_m as much.
    solve_rate : float
        Within the lattice's reach.
    """

    def __init__(self, curves: Curves, lattice: Lattice, solve_rate: float) -> None:
        shape = lattice.solve_rate.shape
        self.models = len(shape)
        # The cost of the step into a state, by model; infinite where there is none.
        into = np.full((self.models, lattice.solve_rate.size), np.inf)
        for m, steps in enumerate(lattice.step_spend):
            inside = [slice(None)] * self.models
            inside[m] = slice(1, None)
            into[m].reshape(shape)[tuple(inside)] = steps
        self._into = into
        self._strides = np.array([int(np.prod(shape[m + 1 :])) for m in range(self.models)])
        reached = np.flatnonzero(lattice.solve_rate.ravel() >= solve_rate - SAME_RATE)
        ends, last, rest = reached, np.full(len(reached), -1), np.zeros(len(reached))
        complete = all(
            np.isin(theirs, mine).all()
            for mine, theirs in zip(lattice.grids, curves.grids, strict=True)
        )
        if curves.continuous and complete:
            cuts = crossing_steps(lattice, solve_rate)
            ends = np.concatenate([ends, cuts.state])
            last = np.concatenate([last, cuts.model])
            rest = np.concatenate([rest, cuts.spend])
        self._ends, self._last, self._rest = ends, last, rest

    def cheapest(self, prices: FloatArray) -> tuple[float, FloatArray]:
        """Return the least cost and that cascade's spend on each model at list prices.

        Parameters
        ----------
        prices : float array [M]
            Multipliers > 0.
        """
        cost, bought = _cheapest(
            self._into, self._strides, self._ends, self._last, self._rest, prices
        )
        return float(cost), bought


@compiled
def _cheapest(  # noqa: PLR0917  # a compiled loop takes plain arrays
    into: FloatArray,
    strides: IntArray,
    ends: IntArray,
    last: IntArray,
    rest: FloatArray,
    prices: FloatArray,
) -> tuple[float, FloatArray]:
    models, states = into.shape
    spend = np.empty(states)
    origin = np.empty(states, np.int8)
    spend[0], origin[0] = 0.0, -1
    for state in range(1, states):
        best, by = np.inf, -1
        for m in range(models):
            if into[m, state] < np.inf:
                cost = spend[state - strides[m]] + prices[m] * into[m, state]
                if cost < best:
                    best, by = cost, m
        spend[state], origin[state] = best, by
    least, at = np.inf, 0
    for k in range(len(ends)):
        cost = spend[ends[k]]
        if last[k] >= 0:
            cost += prices[last[k]] * rest[k]
        if cost < least:
            least, at = cost, k
    bought = np.zeros(models)
    if last[at] >= 0:
        bought[last[at]] += rest[at]
    state = ends[at]
    while state > 0:
        m = origin[state]
        bought[m] += into[m, state]
        state -= strides[m]
    return least, bought


#: Two costs nearer than this (relative) are the same: sums along paths are rounded, by up to 1e-13
#: of some hundred terms.
SAME_COST = 1e-12
#: Ratios of two multipliers that the exact cascade set of two models covers.
PRICE_RATIO = 1e6
#: Multipliers of the search for more than two models lie between one over this and this.
PRICE_SPREAD = 20.0
_CELLS_AT_ONCE = 4_000_000


class Cheapest(NamedTuple):
    """The cheapest cascade at every price vector: cost [B], its position [B], purchases [B, M]."""

    cost: FloatArray
    cascade: npt.NDArray[np.int64]

    def __repr__(self) -> str:
        return brief(self)

    purchases: FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class CascadeSet(Displayed):
    r"""Cascades that reach one solve rate, enough of them to re-optimise at any prices.

    .. math:: V(w) = \min_k \sum_m w_m E_{km}

    Made by :func:`arbmodels.games.cascade_sets_of`, or, with a proof for every policy at chosen
    prices, by :func:`arbmodels.games.certified_cascade_sets`.

    Parameters
    ----------
    solve_rate : float
    models : sequence of str, length M
    expected : float array [K, M], currency units per instance
        Expected spend of each cascade on each model at list prices. What a cascade of one model
        costs is set to ``single`` where the two differ by rounding only.
    single : float array [M], currency units per instance
        Cost at list prices of each model alone; infinite where it does not reach the solve rate.
    exact : bool
        Whether the cascade set is the whole lower hull: no cascade on the lattice is cheaper at any
        prices whose ratio lies within ``PRICE_RATIO``.
    shortfall : float
        Largest relative excess of the cascade set's cost over the lattice's optimum that was seen
        at
        ``checked`` fresh price vectors, before what was missing there was added; 0 if exact.
    checked : int
    billing, currency : str
    proof : Proof or None
        Lower bounds on the cost of every policy, at price vectors that were certified.

    References
    ----------
    Shephard, *Cost and production functions*, Princeton University Press (1953).

    Examples
    --------
    >>> cascade_set = CascadeSet(0.7, ("a", "b"), [[2.0, 0.0], [0.5, 1.0]], [2.0, np.inf], True)
    >>> cascade_set.cost([[1.0, 1.0], [1.0, 2.0]]).tolist()
    [1.5, 2.0]
    >>> cascade_set.cheapest([1.0, 1.0]).purchases.tolist()
    [[0.5, 1.0]]
    """

    solve_rate: float
    models: tuple[str, ...]
    expected: FloatArray
    single: FloatArray
    exact: bool
    shortfall: float = 0.0
    checked: int = 0
    billing: str = ""
    currency: str = "USD"
    proof: Proof | None = None

    def __post_init__(self) -> None:
        inputs.number(self.solve_rate, "The solve rate of a cascade set", 0.0, 1.0)
        expected = inputs.numbers(self.expected, "The spends of a cascade set")
        single = inputs.numbers(self.single, "The cost of each model alone")
        models = inputs.names(self.models, "models")
        inputs.truth(self.exact, "exact")
        inputs.number(self.shortfall, "The shortfall of a cascade set", 0.0)
        inputs.whole(self.checked, "checked")
        inputs.text("billing", self.billing)
        inputs.text("currency", self.currency)
        if self.proof is not None:
            inputs.a(Proof, self.proof, "proof")
        if expected.ndim != 2 or not len(expected) or expected.shape[1:] != (len(models),):
            raise InputError(
                f"A cascade set of {len(models)} models needs one row of {len(models)} spends per"
                f" cascade, not an array of shape {expected.shape}."
            )
        if not np.all(np.isfinite(expected) & (expected >= 0)):
            raise InputError("The spends of a cascade set are finite numbers >= 0.")
        if single.shape != (len(models),) or np.isnan(single).any() or np.any(single < 0):
            raise InputError(
                f"Give the cost of each of the {len(models)} models alone, infinite where it"
                " does not reach the solve rate."
            )
        # A cascade of one model is that model alone, whatever the order of the two sums: else one
        # of them would undercut the other in a sliver of prices that is rounding.
        row, own = np.nonzero(expected)
        corner = (np.count_nonzero(expected, axis=1) == 1)[row]
        row, own = row[corner], own[corner]
        same = np.abs(expected[row, own] - single[own]) <= SAME_COST * single[own]
        same &= np.isfinite(single[own])
        expected[row[same], own[same]] = single[own[same]]
        for name, value in (("models", models), ("expected", expected), ("single", single)):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def cost(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the arbitrage cost V at every price vector.

        Parameters
        ----------
        prices : float array [B, M] or [M]
            Multipliers of the list prices.

        Returns
        -------
        float array [B], currency units per instance
        """
        return self.cheapest(prices).cost

    def cheapest(self, prices: npt.ArrayLike) -> Cheapest:
        """Return cost, cascade and purchases at every price vector.

        Purchases are valued at list prices: the gradient of V. Where two cascades cost the same,
        the first of the cascade set is taken.

        Parameters
        ----------
        prices : float array [B, M] or [M]

        Raises
        ------
        InputError
            If the prices have another number of models, or one is negative or not finite.
        """
        w = checked_prices(prices, len(self.models))
        rows = max(1, _CELLS_AT_ONCE // len(self.expected))
        position = np.concatenate(
            [
                np.argmin(w[start : start + rows] @ self.expected.T, axis=1)
                for start in range(0, len(w), rows)
            ]
        )
        bought = self.expected[position]
        return Cheapest((w * bought).sum(axis=1), position, bought)

    def direct(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the cost of every model alone at every price vector, [B, M]."""
        w = checked_prices(prices, len(self.models))
        reach = np.isfinite(self.single)
        return np.where(reach, w * np.where(reach, self.single, 0.0), np.inf)

    def bound(self, prices: npt.ArrayLike) -> FloatArray:
        """Return what no policy can undercut at every price vector, [B].

        Between the price vectors that were certified it follows from concavity, and is looser.

        Raises
        ------
        InputError
            If the cascade set has no proof, or as :meth:`cheapest`.
        """
        return self._proven.at(checked_prices(prices, len(self.models)))

    @property
    def gap(self) -> FloatArray:
        """Largest share of its cost that a better policy could save, at ``proof.prices``, [P].

        Raises
        ------
        InputError
            If the cascade set has no proof.
        """
        proof = self._proven
        return _gap(self.cost(proof.prices), proof.bound)

    def gap_at(self, prices: npt.ArrayLike) -> FloatArray:
        """Return the same at any price vectors, by :meth:`bound`, [B]."""
        return _gap(self.cost(prices), self.bound(prices))

    @property
    def _proven(self) -> Proof:
        if self.proof is None:
            raise InputError(
                "This cascade set has no proven bounds; make it with certified_cascade_sets, at the"
                " price vectors that matter."
            )
        return self.proof

    @property
    def words(self) -> str:
        """What is proven about the cascade set."""
        if self.exact:
            return (
                "The whole lower hull: no cascade on the lattice is cheaper at any prices with"
                f" ratios up to {PRICE_RATIO:,.0f}."
            )
        if self.proof is not None:
            gap = self.gap
            vectors = "price vector" if len(gap) == 1 else "price vectors"
            return (
                f"Proven at {len(gap)} {vectors}: no policy is cheaper by more than"
                f" {percent(float(gap.max()), 2)} of the cascade set's cost"
                f" ({percent(float(gap.mean()), 2)} in the mean)."
            )
        return (
            "Found by a search over price vectors; at"
            f" {self.checked} others, with multipliers from {1 / PRICE_SPREAD:g} to"
            f" {PRICE_SPREAD:g}, its cost was at most {percent(self.shortfall, 3)} above the"
            " lattice's."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a row per cascade: the expected spend on each model at list prices."""
        return pd.DataFrame(
            self.expected, pd.RangeIndex(len(self.expected), name="cascade"), list(self.models)
        )

    def table(self) -> TextTable:
        """Return up to ten cascades, evenly spaced along the cascade set."""
        shown = np.unique(np.linspace(0, len(self.expected) - 1, 10).astype(int))
        unit = f"{self.currency}/instance"
        return TextTable(
            f"Cascade set at a solve rate of {percent(self.solve_rate, 2)}: {len(self.expected)}"
            f" cascades, expected spend at list prices [{unit}]",
            ("cascade", *self.models),
            [(str(k), *(number(spend) for spend in self.expected[k])) for k in shown],
            f"{self.words}\n{self.billing}",
        )

    @cached_property
    def reach_alone(self) -> tuple[str, ...]:
        """Models that reach the solve rate without others."""
        return tuple(m for m, cost in zip(self.models, self.single, strict=True) if cost < np.inf)


def _gap(cost: FloatArray, bound: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(cost > 0, np.maximum(1.0 - bound / cost, 0.0), 0.0)


def checked_prices(prices: npt.ArrayLike, models: int) -> FloatArray:
    """Return price vectors as [B, models], or raise InputError."""
    w = np.atleast_2d(inputs.numbers(prices, "Price multipliers"))
    if w.ndim != 2 or w.shape[1] != models:
        raise InputError(
            f"Prices have shape {np.shape(prices)}; give one multiplier for each of the"
            f" {models} models, in rows for several price vectors."
        )
    if not np.all(np.isfinite(w) & (w >= 0)):
        raise InputError("Price multipliers are finite numbers >= 0.")
    return w


def checked_sets(cascade_sets: Sequence[CascadeSet]) -> tuple[CascadeSet, ...]:
    """Return cascade sets, at least one.

    Raises
    ------
    InputError
        If they are something else.
    """
    given = tuple(
        inputs.a(CascadeSet, cascade_set, "A cascade set")
        for cascade_set in inputs.listed(cascade_sets, "cascade_sets")
    )
    if not given:
        raise InputError("Give at least one cascade set.")
    return given


#: Mixtures are also taken at so many price vectors between those asked for: columns, no proofs.
_BETWEEN = 200
#: A search ends a little below the gap asked for, which leaves room for what is interpolated.
_OWN = 0.9
#: Improvements of the cost below this (relative) are rounding.
_NEW_PRICES = 1e-10


def certified_cascade_sets(
    source: Market | Curves,
    solve_rates: npt.ArrayLike,
    prices: npt.ArrayLike | None = None,
    *,
    gap: float = 0.01,
    most_states: int = 300_000,
    time_limit: float = 600.0,
) -> tuple[CascadeSet, ...]:
    r"""Return cascade sets whose cost is proven to be near the best policy's at chosen prices.

    Columns are generated where they are wanted. At every price vector the certified search
    (:func:`arbmodels.search_frontier`) looks for policies that are cheap there and bounds all
    others from below; it stops when both differ by at most ``gap``. What it finds is taken into a
    pool of plans, and the cascade set's rows are the cheapest mixtures of two of them at the
    prices asked for, and at some in between. No search is started where the bounds that follow
    from earlier price vectors (:class:`Proof`) are near enough.

    Parameters
    ----------
    source : Market or Curves
        A market is scored in whole attempts, unbiased pass@k, paying past the record as
        :func:`cascade_sets_of` does. On budget grids the search's bounds are too loose to be of
        use.
    solve_rates : float array [U]
    prices : float array [B, M], optional
        Multipliers of the list prices, > 0; list prices by default. They are taken in turn.
    gap : float
        Largest share of the cascade set's cost that a better policy may save, wanted at each of
        them.
    most_states : int
        Of a lattice; with few, gaps stay open at high solve rates.
    time_limit : float, seconds
        Afterwards nothing more is searched; the cascade sets state the gaps that are left.

    Returns
    -------
    tuple of CascadeSet, length U
        ``cascade_set.gap`` holds what is proven at each price vector,
        ``cascade_set.bound(prices)`` anywhere.

    Raises
    ------
    InputError
        If a solve rate is out of reach or a price is not above 0.

    Notes
    -----
    A cascade set's rows are policies that draw one of two plans at random for every instance, so
    that the solve rate is reached exactly; a model alone likewise draws between two numbers of
    attempts. Cost and bound are both in-sample.

    References
    ----------
    Dantzig, Wolfe, *Decomposition principle for linear programs*, Operations Research 8 (1960).

    Examples
    --------
    >>> import arbmodels as arb
    >>> market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek", "minicoder4b"])
    >>> cascade_set, = certified_cascade_sets(market, [0.7], [[1, 1, 1], [2, 1, 1]])
    >>> bool((cascade_set.gap <= 0.01).all()), cascade_set.proof.prices.tolist()
    (True, [[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]])
    """
    finder = CascadeSetSearch(source, solve_rates, gap=gap, most_states=most_states)
    finder.certify(prices, time_limit=time_limit)
    return finder.cascade_sets


class CascadeSetSearch(Displayed):
    """Column generation that remembers the plans and proofs of all prices so far.

    Parameters
    ----------
    source, solve_rates, gap, most_states
        As in :func:`certified_cascade_sets`.
    start : CascadeSetSearch, optional
        Its plans are scored anew on ``source``, such as a resample of the instances: columns
        without a search. Proofs do not carry over.

    Raises
    ------
    InputError
        If a solve rate is out of reach, or the models of ``start`` are others.
    """

    def __init__(
        self,
        source: Market | Curves,
        solve_rates: npt.ArrayLike,
        *,
        gap: float = 0.01,
        most_states: int = 300_000,
        start: CascadeSetSearch | None = None,
    ) -> None:
        inputs.a((Market, Curves), source, "source")
        rates = rates_of(solve_rates)
        gap = inputs.number(gap, "The gap, a share,", 0.0, 1.0, above=True, below=True)
        most_states = inputs.whole(most_states, "most_states", 1)
        self.curves = (
            source
            if isinstance(source, Curves)
            else attempt_curves(source, billing="pay-past-record")
        )
        check_axes(self.curves)
        self.solve_rates, self.gap, self.most_states = rates, gap, most_states
        self.searches = 0
        self._natural = natural_of(self.curves)
        if np.any(rates > self._natural.max_solve_rate + SAME_RATE):
            raise InputError(
                f"No policy reaches a solve rate of {percent(float(rates.max()), 2)}; all models"
                f" of {self.curves.market.name} together reach"
                f" {percent(self._natural.max_solve_rate, 2)}."
            )
        self._pool = Pool(self._natural)
        self._rows = [self._pool.start(rate) for rate in rates]
        self._proofs: list[Proof | None] = [None] * len(rates)
        if start is not None:
            if start.curves.names != self.curves.names:
                raise InputError("The search to start from is of other models.")
            self._pool.take(start._pool.every)
            priced = [p.prices for p in start._proofs if p is not None]
            self._columns(np.concatenate([np.ones((1, len(self.curves.names))), *priced]))

    def table(self) -> TextTable:
        """Return the solve rates, how many cascades each has, and how near they are proven."""
        rows, more = first(
            [
                (
                    percent(rate, 2),
                    f"{len(cascade_set.expected):,}",
                    percent(float(cascade_set.gap.max()), 2) if cascade_set.proof else "–",
                )
                for rate, cascade_set in zip(self.solve_rates, self.cascade_sets, strict=True)
            ],
            "solve rates",
        )
        return TextTable(
            f"Search for cascades on {self.curves.market.name}: {self.searches:,} searches",
            ("solve rate", "cascades", "gap"),
            rows,
            more,
        )

    def certify(self, prices: npt.ArrayLike | None = None, *, time_limit: float = 600.0) -> None:
        """Add columns until the gap is reached at all price vectors, or time or states are used up.

        Parameters
        ----------
        prices : float array [B, M], optional
            Multipliers > 0; list prices by default.
        time_limit : float, seconds

        Raises
        ------
        InputError
            If a price is not above 0 or there is not one per model.
        """
        time_limit = inputs.number(time_limit, "time_limit", 0.0, finite=False)
        deadline = time.monotonic() + time_limit
        asked = checked_vectors(prices, len(self.curves.names))
        for w in asked:
            self._certify(w, deadline)
        self._columns(asked)

    def _certify(self, w: FloatArray, deadline: float) -> None:
        rates = self.solve_rates
        bound = np.array([0.0 if p is None else p.at(w[None])[0] for p in self._proofs])
        wide = self._wide(w, bound)
        if wide.any() and time.monotonic() < deadline:
            self.searches += 1
            natural, some = self._natural.repriced(w), np.sort(rates[wide])
            limits = (_OWN * self.gap, self.most_states, deadline)
            plans, bounds = search_many(natural, some, *limits, self._pool.best(w))
            self._pool.take(plans.purchases(int(number)) for number in plans.hull[2])
            bound[wide] = np.maximum(bound[wide], bounds.at(rates[wide]))
        self._proofs = [
            with_proof(p, w[None], bound[u : u + 1]) for u, p in enumerate(self._proofs)
        ]

    def _cost(self, w: FloatArray) -> FloatArray:
        return np.minimum(
            self._pool.mixtures(w, self.solve_rates) @ w, [(rows @ w).min() for rows in self._rows]
        )

    def _wide(self, w: FloatArray, bound: FloatArray) -> npt.NDArray[np.bool_]:
        cost = self._cost(w)
        return np.asarray(cost - bound > self.gap * cost)

    def _columns(self, asked: FloatArray) -> None:
        """Add the cheapest mixtures at some price vectors, and between each two of some."""
        rng = np.random.default_rng(0)
        first, second = rng.integers(0, len(asked), (2, _BETWEEN if len(asked) > 1 else 0))
        part = rng.random(len(first))[:, None]
        # Ratios of prices are what counts.
        between = asked[first] ** part * asked[second] ** (1 - part)
        for w in np.concatenate([asked, between]):
            for u, column in enumerate(self._pool.mixtures(w, self.solve_rates)):
                if column @ w < (self._rows[u] @ w).min() * (1 - _NEW_PRICES):
                    self._rows[u] = np.concatenate([self._rows[u], column[None]])

    @property
    def cascade_sets(self) -> tuple[CascadeSet, ...]:
        """The cascade sets so far, one per solve rate."""
        return tuple(
            CascadeSet(
                float(rate),
                self.curves.names,
                rows,
                self._pool.alone(float(rate)),
                exact=False,
                billing=f"{self.curves.billing}; mixtures of two plans",
                currency=self.curves.market.currency,
                proof=proof,
            )
            for rate, rows, proof in zip(self.solve_rates, self._rows, self._proofs, strict=True)
        )


#: Improvements on the cascade set's cost below this (relative) are rounding.
_NEW = 1e-11
#: Price vectors of a round of the search for more than two models, and most rounds.
_DRAWS = 192
_ROUNDS = 12


def cascade_sets_of(
    market: Market | Curves,
    solve_rates: npt.ArrayLike,
    *,
    most_states: int = DEFAULT_STATES,
    tolerance: float = 1e-3,
    seed: int = 0,
) -> tuple[CascadeSet, ...]:
    """Return the cascade set of every solve rate.

    Two models: the lower hull of all cascades on the lattice, found exactly by asking the
    shortest path for the cheapest cascade at the slope between two neighbouring ones until no
    slope gives a new one. More models: the cheapest cascades at random price vectors, in rounds,
    until the cascade set's cost at fresh ones exceeds the lattice's optimum by at most
    ``tolerance`` (or the rounds are over); the excess at the last fresh ones, measured before what
    was missing there was added, is kept in the result. On a thinned lattice of six models that
    optimum is itself some percent above the cheapest policy's;
    :func:`arbmodels.games.certified_cascade_sets` proves how near its cascade sets are.

    Parameters
    ----------
    market : Market or Curves
        A market is scored in the authors' billing. Amounts are dollars at list prices, or
        attempts: neither depends on the multipliers, which scale what an attempt costs.
    solve_rates : float array [U]
    most_states : int
        The curves' grids are thinned until the lattice is no larger.
    tolerance : float
        Relative; for more than two models.
    seed : int
        Of the random price vectors.

    Returns
    -------
    tuple of CascadeSet, length U

    Raises
    ------
    InputError
        If a solve rate is out of reach of every cascade on the lattice, or is no probability.

    Examples
    --------
    >>> import arbmodels as arb
    >>> market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    >>> cascade_set, = cascade_sets_of(market, [0.7])
    >>> frontier = arb.cascade_frontier(arb.dollar_curves(market))
    >>> bool(np.isclose(cascade_set.cost([1, 1])[0], frontier.spend_at(0.7)))
    True
    """
    inputs.a((Market, Curves), market, "market")
    rates = rates_of(solve_rates)
    most_states = inputs.whole(most_states, "most_states", 1)
    tolerance = inputs.number(tolerance, "tolerance", 0.0)
    seed = seed_of(seed)
    curves = market if isinstance(market, Curves) else dollar_curves(market)
    lattice = build_lattice(curves, coarsen(curves.grids, most_states))
    reach = float(lattice.solve_rate.max())
    if np.any(rates > reach + SAME_RATE):
        raise InputError(
            f"No cascade reaches a solve rate of {percent(float(rates.max()), 2)}; the best on"
            f" {curves.market.name} reaches {percent(reach, 2)}."
        )
    single = _single_costs(curves, rates)
    found = []
    for rate, alone in zip(rates.tolist(), single, strict=True):
        oracle = Repricing(curves, lattice, rate)
        start = np.diag(np.where(np.isfinite(alone), alone, 0.0))[np.isfinite(alone)]
        shortfall, checked = 0.0, 0
        if len(curves.names) == 1:
            expected = start
        elif len(curves.names) == 2:
            expected = _hull_of_two(oracle)
        else:
            expected, shortfall, checked = _search(oracle, start, tolerance, seed)
        found.append(
            CascadeSet(
                rate,
                curves.names,
                expected,
                alone,
                len(curves.names) <= 2,
                shortfall,
                checked,
                curves.billing,
                curves.market.currency,
            )
        )
    return tuple(found)


def _single_costs(curves: Curves, rates: FloatArray) -> FloatArray:
    """Cost of each model alone on all of its own amounts, [U, M]; infinite out of reach."""
    columns = []
    for model in curves.names:
        alone = curves.only([model])
        lattice = build_lattice(alone)
        reached = rates <= lattice.solve_rate.max() + SAME_RATE
        cost = np.full(len(rates), np.inf)
        cost[reached] = [
            Repricing(alone, lattice, rate).cheapest(np.ones(1))[0] for rate in rates[reached]
        ]
        columns.append(cost)
    return np.stack(columns, axis=1)


def _hull_of_two(oracle: Repricing) -> FloatArray:
    """Return all vertices of the lower hull of the cascades' spends, from model 1 to model 2."""
    ends = [oracle.cheapest(np.array(w))[1] for w in ((1.0, PRICE_RATIO), (PRICE_RATIO, 1.0))]
    hull, open_edges = [ends[0]], [ends[1]]
    while open_edges:
        left, right = hull[-1], open_edges[-1]
        slope = np.array([left[1] - right[1], right[0] - left[0]])
        # From left to right more is bought of model 2 and less of model 1.
        normal = np.abs(slope)
        edge = float(normal @ left)
        if normal.min() <= 0 or normal.max() > PRICE_RATIO * normal.min():
            new = None
        else:
            cost, new = oracle.cheapest(normal)
            if cost >= edge * (1 - _NEW):
                new = None
        if new is None:
            hull.append(open_edges.pop())
        else:
            open_edges.append(new)
    kept = [hull[0], *(b for a, b in pairwise(hull) if not np.array_equal(a, b))]
    return np.array(kept)


def _search(
    oracle: Repricing, start: FloatArray, tolerance: float, seed: int
) -> tuple[FloatArray, float, int]:
    """Return cascades, their largest relative excess at fresh prices, and how many those were.

    Each round draws prices that the cascade set has not seen, measures its excess there, and adds
    what was missing; it ends when a round's excess is below the tolerance.
    """
    rng = np.random.default_rng(seed)
    count = oracle.models
    cascade_set = np.array([*start, oracle.cheapest(np.ones(count))[1]])
    spread = np.log(PRICE_SPREAD)
    shortfall = np.inf
    for _ in range(_ROUNDS):
        prices = np.exp(rng.uniform(-spread, spread, (_DRAWS, count)))
        found = [oracle.cheapest(w) for w in prices]
        least = np.array([cost for cost, _ in found])
        excess = (prices @ cascade_set.T).min(axis=1) / least - 1
        new = np.array([bought for _, bought in found])[excess > _NEW]
        shortfall = max(float(excess.max()), 0.0)
        cascade_set = np.unique(np.concatenate([cascade_set, new]), axis=0)
        if shortfall <= tolerance:
            break
    return cascade_set, shortfall, _DRAWS
