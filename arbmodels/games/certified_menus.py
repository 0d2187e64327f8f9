"""Menus by column generation, with a proof of how near each is to the best policy."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.search.many import search_many
from arbmodels.cascades.search.natural import natural_of
from arbmodels.cascades.search.run import check_axes
from arbmodels.curves import SAME_RATE, Curves, attempt_curves
from arbmodels.display import percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.menu import Menu
from arbmodels.games.menu_pool import Pool
from arbmodels.games.menu_proof import Proof, checked_vectors, rates_of, with_proof
from arbmodels.market import Market
from arbmodels.passk import FloatArray

#: Mixtures are also taken at so many price vectors between those asked for: columns, no proofs.
_BETWEEN = 200
#: A search ends a little below the gap asked for, which leaves room for what is interpolated.
_OWN = 0.9
#: Improvements of the cost below this (relative) are rounding.
_NEW = 1e-10


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
            else attempt_curves(source, accounting="pay-past-record")
        )
        check_axes(self.curves)
        self.solve_rates, self.gap, self.most_states = rates, gap, most_states
        self.searches = 0
        self._natural = natural_of(self.curves)
        if np.any(rates > self._natural.reach + SAME_RATE):
            raise InputError(
                f"No policy reaches a solve rate of {percent(float(rates.max()), 2)}; all models"
                f" of {self.curves.market.name} together reach"
                f" {percent(self._natural.reach, 2)}."
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
                if column @ w < (self._rows[u] @ w).min() * (1 - _NEW):
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
