"""The provider game: what it is, how it is solved and certified, and who may lead (Stackelberg).

Also the game on cascade sets that are certified where the game goes.
"""

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
from arbmodels.games.cascade_set import CascadeSet, CascadeSetSearch
from arbmodels.games.certificate import Deviations
from arbmodels.games.providers.best_response import best_response
from arbmodels.games.providers.certificate import Strategy, certify_providers
from arbmodels.games.providers.equilibrium import ProviderEquilibrium
from arbmodels.games.providers.oligopoly import TIES, ProviderOligopoly
from arbmodels.games.providers.solve import searched_range, solve_providers
from arbmodels.market import Market
from arbmodels.passk import FloatArray

BoolArray = npt.NDArray[np.bool_]
#: The leader's prices: a grid, then finer steps around the best few, some rounds; and the prices
#: of the independent check, another grid.
_POINTS, _BEST, _FINER, _ROUNDS, _CHECKED = 300, 6, 12, 6, 701
#: Equally likely representatives of a mixed strategy, and a rival's where one deviates.
_ATOMS, _RIVALS = 8, 3
#: Own multipliers, relative to the one played, at which deviations are looked at in any case.
_AROUND = (0.5, 0.75, 0.9, 1.1, 1.33, 2.0)
#: Most profiles of mixed strategies that are visited.
_MOST = 200


@dataclass(frozen=True, eq=False, repr=False)
class ProviderGame(ProviderOligopoly):
    r"""Providers set price multipliers, arbitrageurs buy cascades and resell, consumers buy.

    At multipliers w, model m alone serves solve rate u at the price w_m L_m(u), and arbitrageurs
    buy the cheapest cascade of the cascade set for V(w, u). Each consumer of u buys from the
    cheapest seller. The arbitrageur with the lowest overhead o_1 serves where (1 + o_1) V lies
    below the cheapest direct offer d, at

    .. math:: p = \min(d, (1 + o_2) V, p^m((1 + o_1) V))

    with o_2 the second-lowest overhead (infinite if he is alone) and p^m the monopoly price: one
    arbitrageur limit-prices under the best direct seller or prices as a monopolist, equal ones
    sell at cost. Provider profit is sum_m (w_m - c_m) x list-price dollars of m sold.

    Parameters
    ----------
    cascade_sets : sequence of CascadeSet, length U
        One per solve rate of the consumers, see :func:`arbmodels.games.cascade_sets_of` and, for
        many models, :func:`arbmodels.games.certified_cascade_sets`.
    consumers : Consumers or LogitConsumers
        Who buy from the cheapest seller, or choose by nested logit between the models bought
        directly and the resold cascade: then a lone arbitrageur sets its logit markup, providers
        keep some direct buyers at any price, and certificates are searches.
    marginal_cost : float or mapping of model to float
        As a share of the list price, >= 0.
    arbitrageurs : int or sequence of float
        How many, all without overhead, or one overhead per arbitrageur (0.1 adds 10% to cost).
    providers : mapping of str to sequence of str, optional
        Which models each provider owns; a provider scales all its list prices by one multiplier.
        By default each model has its own provider, of the same name.
    fixed : sequence of str
        Providers who keep their list prices.
    tie_rule : {"share", "low_cost"}
    name : str

    Raises
    ------
    InputError
        If cascade sets and consumers differ in solve rates, cascade sets in models, or a number is
        out of range.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).

    Examples
    --------
    >>> from arbmodels.games import CascadeSet, Consumers
    >>> bought = [[2.0, 0.0], [0.5, 1.0], [0.0, 2.5]]
    >>> cascades = CascadeSet(0.7, ("a", "b"), bought, [2.0, 2.5], True)
    >>> game = ProviderGame((cascades,), Consumers([0.7], high=4.0), 0.5, arbitrageurs=2)
    >>> game.profits([1.0, 1.0]).tolist()  # 2.5 of 4 buy at 1.5: 0.5 of a, 1.0 of b
    [[0.15625, 0.3125]]
    """

    def solve(
        self,
        *,
        tolerance: float = 1e-3,
        time_limit: float = np.inf,
        grid: int = 101,
        start: float = 0.0,
        seed: int = 0,
    ) -> ProviderEquilibrium:
        """Return an equilibrium of the provider game with its exact certificate.

        Pure equilibria are looked for first: from list prices, the profiles of least regret on a
        grid and random ones, providers answer each other with exact best responses. If none is
        found, mixed ones follow: of two providers to any tolerance, of more to what a few dozen
        rounds of a double oracle reach, which may be some per cent of profit.

        Parameters
        ----------
        tolerance : float
            Largest gain that is good enough: over the provider's own profit if two choose their
            price, over the largest profit if more do, since some of many earn next to nothing.
        time_limit : float
            Seconds; afterwards the best answer so far comes back with its epsilon. None by default:
            the number of rounds is limited, and the answer does not depend on the machine.
        grid : int
            Prices per provider in the search for pure equilibria.
        start : float in [0, 1]
            From which of the first mover's prices Lemke-Howson starts, lowest 0, highest 1: others
            may find other mixed equilibria. For two movers.
        seed : int
            Of the random starts.

        Returns
        -------
        ProviderEquilibrium

        Raises
        ------
        InputError
            If every provider is held fixed, or a parameter is out of range.

        References
        ----------
        Lemke, Howson, *Equilibrium points of bimatrix games*, Journal of the Society for Industrial
        and Applied Mathematics 12 (1964).

        McMahan, Gordon, Blum, *Planning in the presence of cost functions controlled by an
        adversary*, ICML (2003).
        """
        return solve_providers(
            self, tolerance=tolerance, time_limit=time_limit, grid=grid, start=start, seed=seed
        )

    def certify(self, strategies: Sequence[Strategy]) -> Deviations:
        """Measure what each provider could gain by any other multiplier >= 0.

        Parameters
        ----------
        strategies : sequence of Strategy
            One per provider, whoever proposed it; those held fixed are not asked for deviations.

        Returns
        -------
        Deviations
            Of the providers who choose their price.

        Raises
        ------
        InputError
            If the strategies do not fit the providers.
        """
        return certify_providers(self, strategies)

    def stackelberg(self, leader: str) -> ProviderEquilibrium:
        """Return the prices when one provider commits to its multiplier before the others.

        Without another provider who chooses, arbitrageurs alone follow and the leader's price is
        its exact best response. With one, the follower answers every leader price by its exact
        best response, and the leader's price is searched: a grid over the whole range, then around
        the best of it. The leader's certificate is the best of another grid.

        Parameters
        ----------
        leader : str
            One of at most two providers who choose their price.

        Returns
        -------
        ProviderEquilibrium
            The follower's certificate is exact; the leader's is a search, and says so.

        Raises
        ------
        InputError
            If the leader is unknown or held fixed, or more than two choose their price.

        References
        ----------
        von Stackelberg, *Marktform und Gleichgewicht*, Springer (1934).
        """
        return _stackelberg(self, leader)


def _stackelberg(game: ProviderGame, leader: str) -> ProviderEquilibrium:
    names = [game.players[player] for player in game.movers]
    if not isinstance(leader, str) or leader not in names or len(names) > 2:
        raise InputError(
            f"Cannot let {leader!r} lead: the providers who choose their price are"
            f" {', '.join(map(repr, names))}, and there may be at most two."
        )
    first = game.players.index(leader)
    others = [player for player in game.movers if player != first]
    if not others:
        answer = best_response(game, first, np.ones(len(game.players)))
        prices = np.ones(len(game.players))
        prices[first] = answer.price
        strategies = _pure(prices)
        return ProviderEquilibrium(
            game,
            "pure",
            strategies,
            game.profits(prices)[0],
            certify_providers(game, strategies),
            "exact best response of the only provider who chooses",
            0,
        )
    follower = others[0]

    def played(price: float) -> FloatArray:
        profile = np.ones(len(game.players))
        profile[first] = price
        profile[follower] = best_response(game, follower, profile).price
        return profile

    def profit(price: float) -> float:
        return float(game.profits(played(price))[0, first])

    low, high = searched_range(game, first)
    grid = np.geomspace(low, high, _POINTS)
    value = np.array([profit(p) for p in grid])
    step = float(np.log(high / low)) / _POINTS
    for _ in range(_ROUNDS):
        top = grid[np.argsort(-value, kind="stable")[:_BEST]]
        finer = np.unique(top[:, None] * np.exp(np.linspace(-step, step, _FINER)))
        grid = np.concatenate([grid, finer])
        value = np.concatenate([value, [profit(p) for p in finer]])
        step /= _FINER / 2
    price = float(grid[np.argmax(value)])
    prices = played(price)
    strategies = _pure(prices)
    exact = certify_providers(game.replace(fixed=(*game.fixed, leader)), strategies)
    check = np.linspace(low, high, _CHECKED)
    tried = np.array([profit(p) for p in check])
    best, now = float(tried.max()), float(game.profits(prices)[0, first])
    gain = max(best - now, 0.0)
    return ProviderEquilibrium(
        game,
        "pure",
        strategies,
        game.profits(prices)[0],
        Deviations(
            (leader, *exact.players),
            np.array([now, *exact.profit]),
            np.array([gain, *exact.gain]),
            (float(check[np.argmax(tried)]) if gain > 0 else None, *exact.deviation),
            np.array([True, *exact.attained]),
            False,
            f"leader: multipliers from {low:.3g} to {high:.3g}, the follower answering each (a"
            " search); follower: all multipliers >= 0 (exact)",
            TIES[game.tie_rule],
            _CHECKED,
            game.unit,
        ),
        f"search over the prices of the leader, {leader}; exact answers of the follower",
        len(grid),
        converged=gain <= 1e-3 * max(now, 1e-300),
    )


def _pure(prices: FloatArray) -> tuple[Strategy, ...]:
    return tuple(Strategy(np.array([p]), np.ones(1)) for p in prices)


@dataclass(frozen=True, eq=False, repr=False)
class CertifiedPlay(Displayed):
    """An equilibrium, and how near its arbitrage costs are to those of the best policies.

    Made by :func:`solve_certified`. Two different things are proven: ``equilibrium.epsilon`` says
    that nobody gains more by another price *if arbitrageurs buy from the cascade sets*; ``gap``
    says that at the prices visited no policy whatever is cheaper than the cascade sets by more.

    Parameters
    ----------
    equilibrium : ProviderEquilibrium
        On the last cascade sets.
    visited : float array [V, M]
        Multipliers of the models that are played, deviated to, or the list prices.
    played : bool array [V]
        Whether they are played in equilibrium.
    gap : float array [V]
        Largest share of the cascade set's cost that a better policy could save, over the solve
        rates.
    wanted : float
    trace : sequence of float
        Largest gap at the visited prices of each round's equilibrium, before cascade sets grew.
    """

    equilibrium: ProviderEquilibrium
    visited: FloatArray
    played: BoolArray
    gap: FloatArray
    wanted: float
    trace: tuple[float, ...]

    @property
    def cascade_sets(self) -> tuple[CascadeSet, ...]:
        """The cascade sets of the equilibrium."""
        return self.equilibrium.game.cascade_sets

    @property
    def converged(self) -> bool:
        """Whether the gap is as small as was wanted at all visited prices."""
        return bool(self.gap.max() <= self.wanted)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per visited price vector: multipliers, whether played, gap."""
        frame = pd.DataFrame(self.visited, columns=list(self.cascade_sets[0].models))
        return frame.assign(played=self.played, gap=self.gap)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "equilibrium": self.equilibrium.to_dict(),
            "largest_gap": float(self.gap.max()),
            "largest_gap_played": float(self.gap[self.played].max()),
            "visited": len(self.gap),
            "wanted": self.wanted,
            "closed": self.converged,
            "trace": list(self.trace),
            "columns": [len(cascade_set.expected) for cascade_set in self.cascade_sets],
        }

    def table(self) -> TextTable:
        """Return the equilibrium's table with what is proven about the cascade sets."""
        shown = self.equilibrium.table()
        state = "within" if self.converged else "not within"
        note = (
            f"{shown.note}\nCascade sets: at {len(self.gap)} price vectors played, deviated to or"
            f" listed, no policy is cheaper than the cascade set by more than"
            f" {percent(float(self.gap.max()), 2)}, {state} the {percent(self.wanted, 2)} wanted;"
            f" {len(self.trace)} rounds."
        )
        return TextTable(shown.title, shown.columns, shown.rows, note)


def solve_certified(
    source: Market | Curves | CascadeSetSearch,
    game: ProviderGame,
    *,
    gap: float = 0.01,
    rounds: int = 6,
    solver: Callable[[ProviderGame], ProviderEquilibrium] | None = None,
    **options: Any,
) -> CertifiedPlay:
    """Solve the provider game on cascade sets that grow where the game goes.

    The game is solved, the cascade sets are certified (:meth:`CascadeSetSearch.certify`) at the
    prices that are played, deviated to or near them, and the game is solved again on what came in,
    until the prices of an equilibrium are ones at which the cascade sets were near enough before.

    Parameters
    ----------
    source : Market, Curves or CascadeSetSearch
        What the game's cascade sets were made of; a market is scored in whole attempts. A search is
        used as it is and remembers what is added.
    game : ProviderGame
        Its cascade sets are replaced.
    gap : float
        Largest gap of the cascade sets' cost that is wanted at the visited prices.
    rounds : int
        Solutions of the game, at most.
    solver : callable, optional
        Solves a game; by default :meth:`arbmodels.games.ProviderGame.solve` with the
        ``options``, such as ``tolerance`` and ``time_limit`` of an equilibrium.

    Raises
    ------
    InputError
        If there are no rounds, or as :func:`certified_cascade_sets` and the solver.

    Examples
    --------
    >>> import arbmodels as arb
    >>> market = arb.load_market("swebench-sim", models=["gpt5mini", "deepseek", "minicoder4b"])
    >>> cascade_sets = arb.games.certified_cascade_sets(market, [0.66])
    >>> game = ProviderGame(cascade_sets, arb.games.linear_consumers(cascade_sets, 2.0), 0.3,
    ...                     fixed=["deepseek", "minicoder4b"])
    >>> found = solve_certified(market, game)
    >>> found.converged, found.equilibrium.kind
    (True, 'pure')
    """
    inputs.whole(rounds, "rounds", 1)
    inputs.a(ProviderGame, game, "game")
    inputs.a((Market, Curves, CascadeSetSearch), source, "source")
    inputs.number(gap, "The gap", 0.0, above=True)
    rates = game.consumers.solve_rates
    finder = (
        source if isinstance(source, CascadeSetSearch) else CascadeSetSearch(source, rates, gap=gap)
    )
    if not np.array_equal(finder.solve_rates, rates):
        raise InputError("The search for cascade sets has other solve rates than the game.")
    finder.certify()
    trace: list[float] = []
    for k in range(rounds):
        now = game.replace(cascade_sets=finder.cascade_sets)
        found = solver(now) if solver else now.solve(**options)
        visited, played = _visited(found)
        gaps = _gaps(finder.cascade_sets, visited)
        trace.append(float(gaps.max()))
        if trace[-1] <= gap or k == rounds - 1:
            break
        finder.certify(visited[gaps > gap])
    return CertifiedPlay(found, visited, played, gaps, gap, tuple(trace))


def _gaps(cascade_sets: Sequence[CascadeSet], visited: FloatArray) -> FloatArray:
    return np.asarray(np.max([cascade_set.gap_at(visited) for cascade_set in cascade_sets], axis=0))


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
