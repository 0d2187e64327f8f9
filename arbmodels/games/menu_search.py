"""Finding menus: which cascades can be cheapest at some prices.

Menus by column generation, with a proof of how near each is to the best policy.
"""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from arbmodels._checks import seed_of
from arbmodels.cascades.engine import search_many
from arbmodels.cascades.frontier import DEFAULT_STATES
from arbmodels.cascades.lattice import build_lattice, coarsen
from arbmodels.cascades.search import check_axes
from arbmodels.cascades.tables import natural_of
from arbmodels.curves import SAME_RATE, Curves, attempt_curves, dollar_curves
from arbmodels.display import percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.menu import (
    PRICE_RATIO,
    PRICE_SPREAD,
    Menu,
    Pool,
    Proof,
    Repricing,
    checked_vectors,
    rates_of,
    with_proof,
)
from arbmodels.market import Market
from arbmodels.passk import FloatArray

#: Mixtures are also taken at so many price vectors between those asked for: columns, no proofs.
_BETWEEN = 200
#: A search ends a little below the gap asked for, which leaves room for what is interpolated.
_OWN = 0.9
#: Improvements of the cost below this (relative) are rounding.
_NEW_PRICES = 1e-10


def certified_menus(
    source: Market | Curves,
    solve_rates: npt.ArrayLike,
    prices: npt.ArrayLike | None = None,
    *,
    gap: float = 0.01,
    most_states: int = 300_000,
    time_limit: float = 600.0,
) -> tuple[Menu, ...]:
    r"""Return menus whose cost is proven to be near the best policy's at chosen prices.

    Columns are generated where they are wanted. At every price vector the certified search
    (:func:`arbmodels.search_frontier`) looks for policies that are cheap there and bounds all
    others from below; it stops when both differ by at most ``gap``. What it finds is taken into a
    pool of plans, and the menu's rows are the cheapest mixtures of two of them at the prices asked
    for, and at some in between. No search is started where the bounds that follow from earlier
    price vectors (:class:`Proof`) are near enough.

    Parameters
    ----------
    source : Market or Curves
        A market is scored in whole attempts, unbiased pass@k, paying past the record as
        :func:`cascade_menus` does. On budget grids the search's bounds are too loose to be of use.
    solve_rates : float array [U]
    prices : float array [B, M], optional
        Multipliers of the list prices, > 0; list prices by default. They are taken in turn.
    gap : float
        Largest share of the menu's cost that a better policy may save, wanted at each of them.
    most_states : int
        Of a lattice; with few, gaps stay open at high solve rates.
    time_limit : float, seconds
        Afterwards nothing more is searched; the menus state the gaps that are left.

    Returns
    -------
    tuple of Menu, length U
        ``menu.gap`` holds what is proven at each price vector, ``menu.bound(prices)`` anywhere.

    Raises
    ------
    InputError
        If a solve rate is out of reach or a price is not above 0.

    Notes
    -----
    A menu's rows are policies that draw one of two plans at random for every instance, so that the
    solve rate is reached exactly; a model alone likewise draws between two numbers of attempts.
    Cost and bound are both in-sample.

    Examples
    --------
    >>> import arbmodels as arb
    >>> market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek", "minicoder4b"])
    >>> menu, = certified_menus(market, [0.7], [[1, 1, 1], [2, 1, 1]])
    >>> bool((menu.gap <= 0.01).all()), menu.proof.prices.tolist()
    (True, [[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]])
    """
    finder = MenuSearch(source, solve_rates, gap=gap, most_states=most_states)
    finder.certify(prices, time_limit=time_limit)
    return finder.menus


class MenuSearch:
    """Column generation that remembers the plans and proofs of all prices so far.

    Parameters
    ----------
    source, solve_rates, gap, most_states
        As in :func:`certified_menus`.
    start : MenuSearch, optional
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
        start: MenuSearch | None = None,
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
    def menus(self) -> tuple[Menu, ...]:
        """The menus so far, one per solve rate."""
        return tuple(
            Menu(
                float(rate),
                self.curves.names,
                rows,
                self._pool.alone(float(rate)),
                exact=False,
                convention=f"{self.curves.convention}; mixtures of two plans",
                currency=self.curves.market.currency,
                proof=proof,
            )
            for rate, rows, proof in zip(self.solve_rates, self._rows, self._proofs, strict=True)
        )


#: Improvements on the menu's cost below this (relative) are rounding.
_NEW = 1e-11
#: Price vectors of a round of the search for more than two models, and most rounds.
_DRAWS = 192
_ROUNDS = 12


def cascade_menus(
    market: Market | Curves,
    solve_rates: npt.ArrayLike,
    *,
    most_states: int = DEFAULT_STATES,
    tolerance: float = 1e-3,
    seed: int = 0,
) -> tuple[Menu, ...]:
    """Return the menu of every solve rate.

    Two models: the lower hull of all cascades on the lattice, found exactly by asking the
    shortest path for the cheapest cascade at the slope between two neighbouring ones until no
    slope gives a new one. More models: the cheapest cascades at random price vectors, in rounds,
    until the menu's cost at fresh ones exceeds the lattice's optimum by at most ``tolerance`` (or
    the rounds are over); the excess at the last fresh ones, measured before what was missing there
    was added, is kept in the result. On a thinned lattice of six models that optimum is itself some
    percent above the cheapest policy's; :func:`arbmodels.games.menu_search` proves how near its
    menus are.

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
    tuple of Menu, length U

    Raises
    ------
    InputError
        If a solve rate is out of reach of every cascade on the lattice, or is no probability.

    Examples
    --------
    >>> import arbmodels as arb
    >>> market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek"])
    >>> menu, = cascade_menus(market, [0.7])
    >>> frontier = arb.cascade_frontier(arb.dollar_curves(market))
    >>> bool(np.isclose(menu.cost([1, 1])[0], frontier.spend_at(0.7)))
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
            Menu(
                rate,
                curves.names,
                expected,
                alone,
                len(curves.names) <= 2,
                shortfall,
                checked,
                curves.convention,
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
    """Return cascades, the menu's largest relative excess at fresh prices, and how many those were.

    Each round draws prices that the menu has not seen, measures its excess there, and adds what
    was missing; it ends when a round's excess is below the tolerance.
    """
    rng = np.random.default_rng(seed)
    count = oracle.models
    menu = np.array([*start, oracle.cheapest(np.ones(count))[1]])
    spread = np.log(PRICE_SPREAD)
    shortfall = np.inf
    for _ in range(_ROUNDS):
        prices = np.exp(rng.uniform(-spread, spread, (_DRAWS, count)))
        found = [oracle.cheapest(w) for w in prices]
        least = np.array([cost for cost, _ in found])
        excess = (prices @ menu.T).min(axis=1) / least - 1
        new = np.array([bought for _, bought in found])[excess > _NEW]
        shortfall = max(float(excess.max()), 0.0)
        menu = np.unique(np.concatenate([menu, new]), axis=0)
        if shortfall <= tolerance:
            break
    return menu, shortfall, _DRAWS
