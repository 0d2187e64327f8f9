"""The provider game on menus that are certified where the game goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.curves import Curves
from arbmodels.display import Displayed, TextTable, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.games.menu import Menu
from arbmodels.games.menu_search import MenuSearch
from arbmodels.games.providers import ProviderEquilibrium, ProviderGame, Strategy
from arbmodels.market import Market
from arbmodels.passk import FloatArray

BoolArray = npt.NDArray[np.bool_]
#: Equally likely representatives of a mixed strategy, and a rival's where one deviates.
_ATOMS, _RIVALS = 8, 3
#: Own multipliers, relative to the one played, at which deviations are looked at in any case.
_AROUND = (0.5, 0.75, 0.9, 1.1, 1.33, 2.0)
#: Most profiles of mixed strategies that are visited.
_MOST = 200


@dataclass(frozen=True, eq=False, repr=False)
class CertifiedPlay(Displayed):
    """An equilibrium, and how near its arbitrage costs are to those of the best policies.

    Made by :func:`solve_certified`. Two different things are proven: ``equilibrium.epsilon`` says
    that nobody gains more by another price *if arbitrageurs buy from the menus*; ``gap`` says that
    at the prices visited no policy whatever is cheaper than the menus by more.

    Parameters
    ----------
    equilibrium : ProviderEquilibrium
        On the last menus.
    visited : float array [V, M]
        Multipliers of the models that are played, deviated to, or the list prices.
    played : bool array [V]
        Whether they are played in equilibrium.
    gap : float array [V]
        Largest share of the menu's cost that a better policy could save, over the solve rates.
    wanted : float
    trace : sequence of float
        Largest gap at the visited prices of each round's equilibrium, before menus grew.
    """

    equilibrium: ProviderEquilibrium
    visited: FloatArray
    played: BoolArray
    gap: FloatArray
    wanted: float
    trace: tuple[float, ...]

    @property
    def menus(self) -> tuple[Menu, ...]:
        """The menus of the equilibrium."""
        return self.equilibrium.game.menus

    @property
    def closed(self) -> bool:
        """Whether the gap is as small as was wanted at all visited prices."""
        return bool(self.gap.max() <= self.wanted)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per visited price vector: multipliers, whether played, gap."""
        frame = pd.DataFrame(self.visited, columns=list(self.menus[0].models))
        return frame.assign(played=self.played, gap=self.gap)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "equilibrium": self.equilibrium.to_dict(),
            "largest_gap": float(self.gap.max()),
            "largest_gap_played": float(self.gap[self.played].max()),
            "visited": len(self.gap),
            "wanted": self.wanted,
            "closed": self.closed,
            "trace": list(self.trace),
            "columns": [len(menu.expected) for menu in self.menus],
        }

    def table(self) -> TextTable:
        """Return the equilibrium's table with what is proven about the menus."""
        shown = self.equilibrium.table()
        state = "within" if self.closed else "not within"
        note = (
            f"{shown.note}\nMenus: at {len(self.gap)} price vectors played, deviated to or listed,"
            f" no policy is cheaper than the menu by more than"
            f" {percent(float(self.gap.max()), 2)}, {state} the {percent(self.wanted, 2)} wanted;"
            f" {len(self.trace)} rounds."
        )
        return TextTable(shown.title, shown.columns, shown.rows, note)


def solve_certified(
    source: Market | Curves | MenuSearch,
    game: ProviderGame,
    *,
    gap: float = 0.01,
    rounds: int = 6,
    solver: Callable[[ProviderGame], ProviderEquilibrium] | None = None,
    **options: Any,
) -> CertifiedPlay:
    """Solve the provider game on menus that grow where the game goes.

    The game is solved, the menus are certified (:meth:`MenuSearch.certify`) at the prices that are
    played, deviated to or near them, and the game is solved again on what came in, until the
    prices of an equilibrium are ones at which the menus were near enough before.

    Parameters
    ----------
    source : Market, Curves or MenuSearch
        What the game's menus were made of; a market is scored in whole attempts. A search is
        used as it is and remembers what is added.
    game : ProviderGame
        Its menus are replaced.
    gap : float
        Largest gap of the menus' cost that is wanted at the visited prices.
    rounds : int
        Solutions of the game, at most.
    solver : callable, optional
        Solves a game; by default :meth:`arbmodels.games.ProviderGame.solve` with the
        ``options``, such as ``tolerance`` and ``time_limit`` of an equilibrium.

    Raises
    ------
    InputError
        If there are no rounds, or as :func:`certified_menus` and the solver.

    Examples
    --------
    >>> import arbmodels as arb
    >>> market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek", "minicoder4b"])
    >>> menus = arb.games.certified_menus(market, [0.66])
    >>> game = ProviderGame(menus, arb.games.linear_consumers(menus, 2.0), 0.3,
    ...                     fixed=["deepseek", "minicoder4b"])
    >>> found = solve_certified(market, game)
    >>> found.closed, found.equilibrium.kind
    (True, 'pure')
    """
    inputs.whole(rounds, "rounds", 1)
    inputs.a(ProviderGame, game, "game")
    inputs.a((Market, Curves, MenuSearch), source, "source")
    inputs.number(gap, "The gap", 0.0, above=True)
    rates = game.consumers.solve_rates
    finder = source if isinstance(source, MenuSearch) else MenuSearch(source, rates, gap=gap)
    if not np.array_equal(finder.solve_rates, rates):
        raise InputError("The search for menus has other solve rates than the game.")
    finder.certify()
    trace: list[float] = []
    for k in range(rounds):
        now = game.replace(menus=finder.menus)
        found = solver(now) if solver else now.solve(**options)
        visited, played = _visited(found)
        gaps = _gaps(finder.menus, visited)
        trace.append(float(gaps.max()))
        if trace[-1] <= gap or k == rounds - 1:
            break
        finder.certify(visited[gaps > gap])
    return CertifiedPlay(found, visited, played, gaps, gap, tuple(trace))


def _gaps(menus: Sequence[Menu], visited: FloatArray) -> FloatArray:
    return np.asarray(np.max([menu.gap_at(visited) for menu in menus], axis=0))


def _visited(found: ProviderEquilibrium) -> tuple[FloatArray, BoolArray]:
    """Return price vectors of models that an equilibrium plays or is tested by, all > 0."""
    game = found.game
    few, fewer = ([_atoms(s, count) for s in found.strategies] for count in (_ATOMS, _RIVALS))
    while np.prod([float(len(a)) for a in few]) > _MOST:
        longest = max(range(len(few)), key=lambda k: len(few[k]))
        few[longest] = few[longest][::2]
    rows = [_product(few)]
    count = len(rows[0])
    deviations = dict(zip(found.deviations.players, found.deviations.deviation, strict=True))
    for player, name in enumerate(game.players):
        if name not in deviations:
            continue
        middle = fewer[player][len(fewer[player]) // 2]
        own = middle * np.array(_AROUND)
        best = deviations[name]
        if isinstance(best, float) and best > 0:
            own = np.append(own, best)
        others = [own if k == player else a for k, a in enumerate(fewer)]
        while np.prod([float(len(a)) for a in others]) > _MOST:
            longest = max(
                (k for k in range(len(others)) if k != player), key=lambda k: len(others[k])
            )
            others[longest] = others[longest][:1]
        rows.append(_product(others))
    rows.append(np.ones((1, len(game.players))))
    every = game.price_vectors(np.maximum(np.concatenate(rows), 1e-3))
    return every, np.arange(len(every)) < count


def _atoms(strategy: Strategy, count: int) -> FloatArray:
    """Equally likely representatives of a strategy; itself if it is pure."""
    on = strategy.probability > 0
    order = np.argsort(strategy.price[on])
    price, total = strategy.price[on][order], np.cumsum(strategy.probability[on][order])
    at = np.searchsorted(total, (np.arange(count) + 0.5) / count)
    return np.unique(price[np.minimum(at, len(price) - 1)])


def _product(values: Sequence[FloatArray]) -> FloatArray:
    return np.stack([g.ravel() for g in np.meshgrid(*values, indexing="ij")], axis=1)
