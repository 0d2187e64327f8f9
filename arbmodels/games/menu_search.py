"""Finding menus: which cascades can be cheapest at some prices."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from arbmodels.cascades.frontier import DEFAULT_STATES
from arbmodels.cascades.lattice import build_lattice, coarsen
from arbmodels.checks import seed_of
from arbmodels.curves import SAME_RATE, Curves, dollar_curves
from arbmodels.display import percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.menu import PRICE_RATIO, PRICE_SPREAD, Menu
from arbmodels.games.menu_proof import rates_of
from arbmodels.games.repricing import Repricing
from arbmodels.market import Market
from arbmodels.passk import FloatArray

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
    percent above the cheapest policy's; :func:`arbmodels.games.certified_menus` proves how near its
    menus are.

    Parameters
    ----------
    market : Market or Curves
        A market is scored in the authors' accounting. Amounts are dollars at list prices, or
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
