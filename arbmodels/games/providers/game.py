"""The provider game: what it is, and how it is solved and certified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arbmodels.games.certificate import Deviations
from arbmodels.games.providers.certificate import Strategy, certify_providers
from arbmodels.games.providers.equilibrium import ProviderEquilibrium
from arbmodels.games.providers.oligopoly import ProviderOligopoly
from arbmodels.games.providers.solve import solve_providers
from arbmodels.games.providers.stackelberg import lead


@dataclass(frozen=True, eq=False)
class ProviderGame(ProviderOligopoly):
    r"""Providers set price multipliers, arbitrageurs buy cascades and resell, consumers buy.

    At multipliers w, model m alone serves solve rate u at the price w_m L_m(u), and arbitrageurs
    buy the cheapest cascade of the menu for V(w, u). Each consumer of u buys from the cheapest
    seller. The arbitrageur with the lowest overhead o_1 serves where (1 + o_1) V lies below the
    cheapest direct offer d, at

    .. math:: p = \min(d, (1 + o_2) V, p^m((1 + o_1) V))

    with o_2 the second-lowest overhead (infinite if he is alone) and p^m the monopoly price: one
    arbitrageur limit-prices under the best direct seller or prices as a monopolist, equal ones
    sell at cost. Provider profit is sum_m (w_m - c_m) x list-price dollars of m sold.

    Parameters
    ----------
    menus : sequence of Menu, length U
        One per solve rate of the consumers, see :func:`arbmodels.games.cascade_menus` and, for
        many models, :func:`arbmodels.games.menu_search`.
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
        If menus and consumers differ in solve rates, menus in models, or a number is out of range.

    Examples
    --------
    >>> from arbmodels.games import Consumers, Menu
    >>> menu = Menu(0.7, ("a", "b"), [[2.0, 0.0], [0.5, 1.0], [0.0, 2.5]], [2.0, 2.5], True)
    >>> game = ProviderGame((menu,), Consumers([0.7], high=4.0), 0.5, arbitrageurs=2)
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
        return lead(self, leader)
