r"""What games of sellers who post prices share: grids, certificates, and how they are solved.

Two sellers and demand in steps: the equilibrium in closed form, behind capacities and captives.

Seller i sells :math:`h_i` below the rival's price and :math:`l_i` above it; both fall where the
price passes a step of demand. Let :math:`G_j(p)` be the probability that j charges more than p.
Seller i, who earns :math:`u_i`, is not tempted by price p if

.. math:: G_j(p) \le B_j(p) = \frac{u_i / (p - c_i) - l_i(p)}{h_i(p) - l_i(p)},

which falls within a step and jumps up after it, where less is sold. Both sellers earn at least
:math:`m_i = \max_p (p - c_i) l_i(p)`, what the rival cannot take from them, and one of them just
this: the one who reaches it, selling :math:`h_i`, at the higher price. That price is the lowest
that is charged, and gives the other's profit.

:math:`\hat G_j`, the least of :math:`B_j` so far, is the most that the rival's price may exceed p
with. It falls on zones that end at steps. Where both fall, both sellers mix. Where only
:math:`\hat G_j` does, i's price would have to be lower for j to charge such prices: j charges, with
all this probability, the step that ended i's last zone, at which it earns the same.

Price competition under capacities or rate limits (Bertrand-Edgeworth), in mixed prices.

Captive buyers who buy from one seller, informed buyers who take the lowest price.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from arbmodels.display import Displayed, TextTable, first, summary
from arbmodels.display import number as shown_number
from arbmodels.errors import InputError
from arbmodels.games.certificate import BestResponse, Deviations, TieRule
from arbmodels.games.finite.double_oracle import solve_continuous, staggered
from arbmodels.games.finite.game import FiniteGame
from arbmodels.games.inputs import chosen, numbers, text
from arbmodels.games.price_distribution import (
    ABOVE,
    BELOW,
    TIED,
    Piece,
    PriceDistribution,
    PriceEquilibrium,
    best_price,
    certify_prices,
)
from arbmodels.games.price_game import (
    check_method,
    names_of,
    numbers_of,
    positive,
    profiles_of,
    solve_shifted,
)
from arbmodels.passk import FloatArray

#: Prices per player on the first grid, by the number of players; at most, for one or two.
_FIRST, _FEW = {1: 51, 2: 51, 3: 21}, 7
_MOST = 1000


class PostedPrices(Displayed, ABC):
    """Sellers post prices; sales depend on demand at a price and on which rivals are cheaper."""

    players: tuple[str, ...]
    costs: FloatArray | float
    unit: str

    @property
    @abstractmethod
    def name(self) -> str:
        """What is played, for titles."""

    @property
    @abstractmethod
    def demand_steps(self) -> FloatArray:
        """Prices above which some consumers do not buy, increasing."""

    @property
    @abstractmethod
    def lowest_takes_all(self) -> bool:
        """Whether sales depend only on whether any rival is cheaper."""

    @property
    @abstractmethod
    def ties(self) -> str:
        """Who serves at equal prices."""

    @abstractmethod
    def sales(self, player: int, price: FloatArray, rivals: Sequence[int]) -> FloatArray:
        """Return what a player sells at prices [K], given where each rival's price lies."""

    @abstractmethod
    def profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return every seller's profit at price profiles, [K, P] from [K, P]."""

    @abstractmethod
    def _closed_form(self) -> tuple[PriceDistribution, ...] | None:
        """Return the equilibrium where a formula is known."""

    @property
    @abstractmethod
    def _known(self) -> str:
        """Where a formula is known, in words."""

    @property
    @abstractmethod
    def _sold(self) -> tuple[str, FloatArray, str]:
        """Return what limits a seller, how much, and the demand in words."""

    def cost(self, player: int) -> float:
        """Return a seller's cost per unit."""
        return float(np.asarray(self.costs)[player])

    def table(self) -> TextTable:
        """Return the sellers' costs and what each can sell, and what consumers pay at most."""
        what, amount, note = self._sold
        rows, more = first(
            [
                (player, shown_number(float(size)), shown_number(self.cost(k)))
                for k, (player, size) in enumerate(zip(self.players, amount, strict=True))
            ],
            "sellers",
        )
        return TextTable(
            f"{self.name} ({self.unit})",
            ("seller", what, f"cost [{self.unit}/unit]"),
            rows,
            f"{more} {note} T{self.ties[1:]}.".lstrip(),
        )

    def finite(self, prices: Sequence[npt.ArrayLike]) -> FiniteGame:
        """Return the game on price grids, one per player."""
        return FiniteGame.from_function(
            self.profits, prices, self.players, name=self.name, unit=self.unit
        )

    def best_reply(
        self, player: int, prices: Sequence[FloatArray], strategies: Sequence[FloatArray]
    ) -> BestResponse:
        """Return the exact best price against mixed strategies over grids."""
        rivals = [
            PriceDistribution.on_grid(own, mass)
            for k, (own, mass) in enumerate(zip(prices, strategies, strict=True))
            if k != player
        ]
        return best_price(self, player, rivals)

    def certify(self, strategies: Sequence[PriceDistribution]) -> Deviations:
        """Return every seller's largest gain from any price, on the continuous game."""
        return certify_prices(self, strategies)

    def solve(
        self,
        method: Literal["auto", "closed_form", "double_oracle"] = "auto",
        *,
        tolerance: float = 5e-3,
        time_limit: float = np.inf,
    ) -> PriceEquilibrium:
        """Return an equilibrium with its certificate on the continuous game.

        Parameters
        ----------
        method : {"auto", "closed_form", "double_oracle"}
            auto takes the closed form where one is known. double_oracle solves price grids: for
            up to two sellers ever finer ones with best responses added, for more shifted ones,
            averaged.
        tolerance : float
            Grids: relative epsilon at which to stop.
        time_limit : float
            Seconds, after which the best answer so far is returned with its epsilon; none by
            default, the number of grids is limited.

        Returns
        -------
        PriceEquilibrium

        Raises
        ------
        InputError
            If the method is unknown, or no closed form is known.
        """
        check_method(method, tolerance, time_limit)
        found = None if method == "double_oracle" else self._closed_form()
        if found is not None:
            return self._answer(found, self.certify(found), "closed form", None, np.inf)
        if method == "closed_form":
            raise InputError(f"A closed form is known for {self._known}. Use 'double_oracle'.")
        return self._by_grids(tolerance, time_limit)

    def _by_grids(self, tolerance: float, time_limit: float) -> PriceEquilibrium:
        """Solve on grids between the least cost and the highest willingness to pay."""
        count, steps = len(self.players), np.asarray(self.demand_steps)
        top, first = float(steps[-1]), _FIRST.get(count, _FEW)
        grids = [
            np.union1d(staggered(min(self.cost(k), top), top, first, k, count), steps)
            for k in range(count)
        ]
        if count > 2:
            averaged = solve_shifted(self, grids, steps, tolerance=tolerance, time_limit=time_limit)
            how = "equilibria on shifted price grids, averaged: up to {:,} prices"
            strategies, deviations, trace = averaged
        else:
            refined = solve_continuous(
                self, grids, tolerance=tolerance, time_limit=time_limit, most=_MOST
            )
            how = "double oracle on grids of up to {:,} prices"
            strategies = tuple(map(PriceDistribution.on_grid, refined.prices, refined.strategies))
            deviations, trace = self.certify(strategies), refined.trace
        how = how.format(int(trace[:, 0].max()))
        return self._answer(strategies, deviations, how, trace, tolerance)

    def _answer(
        self,
        strategies: tuple[PriceDistribution, ...],
        deviations: Deviations,
        found_by: str,
        trace: FloatArray | None,
        tolerance: float,
    ) -> PriceEquilibrium:
        pure = all(len(own.prices) == 1 and not own.pieces for own in strategies)
        return PriceEquilibrium(
            "pure" if pure else "mixed",
            self,
            strategies,
            deviations.profit,
            deviations,
            found_by,
            0 if trace is None else len(trace),
            np.array([[0.0, deviations.epsilon]]) if trace is None else trace,
            deviations.relative_epsilon <= tolerance,
        )


#: An atom or the length of a zone, relative, up to this is rounding.
_NOTHING = 1e-12
#: Sales to be won from the rival, as a share of all, for which nobody leaves the highest price.
_SCARCE = 1e-7


@dataclass(frozen=True, eq=False)
class _Seller:
    """Sales below and above the rival's price [S], between steps [S] of demand, and the cost."""

    high: FloatArray
    low: FloatArray
    steps: FloatArray
    cost: float

    def guaranteed(self) -> tuple[float, int]:
        """Return what the rival cannot take, and at which step it is earned (-1 for nothing)."""
        worth = (self.steps - self.cost) * self.low
        at = int(np.argmax(worth))
        return (float(worth[at]), at) if worth[at] > 0 else (0.0, -1)

    def reached(self, profit: float) -> float:
        """Return the lowest price that earns ``profit`` below the rival's price."""
        price = self.cost + profit / self.high
        within = price <= self.steps * (1 + _NOTHING)
        return float(price[int(np.argmax(within))]) if within.any() else float(price[-1])

    def most(self, price: float) -> tuple[float, float]:
        """Return the most it earns up to a price if the rival's is higher, and at which price."""
        at = min(int(np.searchsorted(self.steps, price)), len(self.steps) - 1)
        tried = np.append(self.steps[:at], min(price, float(self.steps[-1])))
        earned = (tried - self.cost) * self.high[: at + 1]
        best = int(np.argmax(earned))
        return float(earned[best]), float(tried[best])

    def scarce(self, at: int) -> bool:
        """Whether hardly anything is to be won from the rival at a step."""
        return bool(self.high[at] - self.low[at] <= _SCARCE * self.high[at])

    def bound(self, profit: float, at: int) -> tuple[float, float]:
        """Return (level, slope) of B = level + slope / (p - cost) in a step."""
        spread = float(self.high[at] - self.low[at])
        return -float(self.low[at]) / spread, profit / spread


def two_sellers(
    high: npt.ArrayLike,
    low: npt.ArrayLike,
    costs: npt.ArrayLike,
    steps: npt.ArrayLike,
    *,
    share: bool,
) -> tuple[PriceDistribution, PriceDistribution]:
    """Return both equilibrium strategies.

    Parameters
    ----------
    high, low : float array [2, S]
        Sales below and above the rival's price, not rising in s; high > 0, low >= 0.
    costs : float array [2]
        Below the last step.
    steps : float array [S]
        Prices up to which these are the sales, increasing.
    share : bool
        Whether sellers of different cost share at equal prices; otherwise the cheaper one serves.
    """
    ends = np.asarray(steps, dtype=float)
    pair = [
        _Seller(np.asarray(h, dtype=float), np.asarray(q, dtype=float), ends, float(c))
        for h, q, c in zip(np.asarray(high), np.asarray(low), np.asarray(costs), strict=True)
    ]
    sure = [one.guaranteed() for one in pair]
    floors = [one.reached(worth) for one, (worth, _) in zip(pair, sure, strict=True)]
    # On a tie of two that gain nothing above the rival, the dearer one sets the price.
    last = max((0, 1), key=lambda k: (floors[k], pair[k].cost))
    floor, (worth, end) = floors[last], sure[last]
    other, rest = pair[1 - last], pair[last]
    profit, price = other.most(floor)
    if end < 0:  # nothing to gain above the rival: limit pricing
        found = PriceDistribution.certain(price), _beside(other, rest, price, share=share)
    elif rest.scarce(end) and other.scarce(end):
        found = (PriceDistribution.certain(float(ends[end])),) * 2
    else:
        found = _mixed(other, rest, (profit, worth), end)
    return (found[0], found[1]) if last == 1 else (found[1], found[0])


def _beside(seller: _Seller, idle: _Seller, price: float, *, share: bool) -> PriceDistribution:
    """Return how the one who cannot sell keeps the other at its limit price.

    At its cost, where the other serves ties; otherwise above, by so much that nobody is tempted.
    """
    floor = idle.cost
    at = min(int(np.searchsorted(seller.steps, floor, side="right")), len(seller.steps) - 1)
    harmless = price < floor or seller.cost == floor or seller.scarce(at)
    if not share or harmless or floor >= seller.steps[at]:
        return PriceDistribution.certain(floor)
    profit = (floor - seller.cost) * float(seller.high[at])
    piece = Piece(floor, float(seller.steps[at]), *seller.bound(profit, at), seller.cost)
    return PriceDistribution.spread(piece, float(piece.raised(piece.high)))


def _mixed(
    one: _Seller, two: _Seller, profits: tuple[float, float], end: int
) -> tuple[PriceDistribution, PriceDistribution]:
    """Return both strategies, given profits and the step at which ``two`` charges the rest."""
    # What keeps one from more bounds two's probabilities, and the other way round.
    zones = _zones(two, profits[1], end, final=True), _zones(one, profits[0], end, final=False)
    return (
        _strategy(zones[0], zones[1], two, profits[1], end),
        _strategy(zones[1], zones[0], one, profits[0], end),
    )


#: Step of a zone, its beginning, and the probabilities of a higher price at its beginning and end.
_Zone = tuple[int, float, float, float]


def _zones(rival: _Seller, profit: float, end: int, *, final: bool) -> list[_Zone]:
    """Return where the bound that keeps ``rival`` at its profit falls below all it was before."""
    level, zones = 1.0, []
    for at in range(end + 1):
        step = float(rival.steps[at])
        low, high = float(rival.low[at]), float(rival.high[at])
        begins = rival.cost + profit / (low + (high - low) * level)
        if begins > step * (1 + _NOTHING):
            continue
        after = level
        if not rival.scarce(at) and begins < step:
            constant, slope = rival.bound(profit, at)
            after = min(max(constant + slope / (step - rival.cost), 0.0), level)
        if final and at == end:
            after = 0.0
        zones.append((at, min(begins, step), level, after))
        level = after
    return zones


def _strategy(
    own: list[_Zone], others: list[_Zone], rival: _Seller, profit: float, end: int
) -> PriceDistribution:
    """Return a strategy from where its own bound falls, and where the other's does."""
    atoms: dict[float, float] = {}
    pieces = []
    touched = {at: begins for at, begins, _, _ in others}

    def charge(price: float, mass: float) -> None:
        if mass > 0:
            atoms[price] = atoms.get(price, 0.0) + mass

    for at, begins, before, after in own:
        step = float(rival.steps[at])
        joins = max(touched.get(at, np.inf), begins)
        left = after
        if joins < step * (1 - _NOTHING):
            level, slope = rival.bound(profit, at)
            piece = Piece(joins, step, level, slope, rival.cost)
            left = min(before, float(piece.raised(joins))) if joins > begins else before
            pieces.append(piece)
        earlier = [k for k in touched if k < at]
        charge(float(rival.steps[max(earlier)]) if earlier else step, before - left)
    remains = own[-1][3] if own else 1.0
    charge(float(rival.steps[end]), remains)
    prices = np.array(sorted(price for price, mass in atoms.items() if mass > _NOTHING))
    masses = np.array([atoms[price] for price in prices.tolist()])
    total = float(masses.sum()) + sum(float(p.raised(p.low) - p.raised(p.high)) for p in pieces)
    if len(masses):  # what was left out as rounding
        masses[int(np.argmax(masses))] += 1.0 - total
    return PriceDistribution(prices, masses, tuple(pieces))


_TIES = {
    "low_cost": "ties go to the lowest cost, equal costs share in proportion to capacity",
    "share": "ties share in proportion to capacity, whatever the costs",
}


@dataclass(frozen=True, eq=False, repr=False)
class CapacityGame(PostedPrices):
    """Sellers of one good post prices; the cheapest fill their capacity first.

    Consumers with the highest willingness to pay are served first (efficient rationing). A
    capacity is how much of the consumers' mass a seller can serve: a rate limit over the demand.

    Parameters
    ----------
    capacities : float array [P]
        Above 0, in the unit of ``mass``.
    costs : float or float array [P]
        Per unit served.
    willingness_to_pay : float or float array [C]
        Of C kinds of consumers.
    mass : float or float array [C]
        How many of each kind; 1 in all by default.
    players : sequence of str, length P, optional
    tie_rule : {"low_cost", "share"}
    unit : str

    Raises
    ------
    InputError
        If a capacity or mass is not above 0, or a number is negative or not finite.

    References
    ----------
    Kreps, Scheinkman, *Quantity precommitment and Bertrand competition yield Cournot outcomes*,
    Bell Journal of Economics 14 (1983).

    Levitan, Shubik, *Price duopoly and capacity constraints*, International Economic Review 13
    (1972).

    Deneckere, Kovenock, *Bertrand-Edgeworth duopoly with unit cost asymmetry*, Economic Theory 8
    (1996).

    Examples
    --------
    >>> game = CapacityGame([0.8, 0.6])
    >>> answer = game.solve()
    >>> answer.profits.round(6).tolist(), answer.strategies[0].masses.round(6).tolist()
    ([0.4, 0.3], [0.25])
    """

    capacities: FloatArray
    costs: FloatArray | float = 0.0
    willingness_to_pay: FloatArray | float = 1.0
    mass: FloatArray | float | None = None
    players: tuple[str, ...] = ()
    tie_rule: TieRule = "low_cost"
    unit: str = "USD"

    def __post_init__(self) -> None:
        capacities = positive("capacities", self.capacities)
        players = names_of(self.players, len(capacities))
        costs = numbers_of("costs", self.costs, len(capacities))
        worth = positive("willingness_to_pay", self.willingness_to_pay)
        mass = positive("mass", 1.0 / len(worth) if self.mass is None else self.mass)
        if len(mass) not in (1, len(worth)):
            raise InputError(
                f"mass has {len(mass)} numbers for {len(worth)} kinds of consumers; give one for"
                " each, or one for all."
            )
        mass = np.broadcast_to(mass, worth.shape).copy()
        chosen(self.tie_rule, "tie rule", _TIES)
        text("unit", self.unit)
        order = np.argsort(worth, kind="stable")
        for name, value in (
            ("capacities", capacities),
            ("costs", costs),
            ("willingness_to_pay", worth[order]),
            ("mass", mass[order]),
        ):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "players", players)

    @property
    def name(self) -> str:
        """What is played, for titles."""
        return f"Bertrand-Edgeworth competition of {len(self.players)} sellers"

    @property
    def demand_steps(self) -> FloatArray:
        """Different amounts that consumers pay at most, increasing."""
        return np.unique(self.willingness_to_pay)

    @property
    def lowest_takes_all(self) -> bool:
        """Whether sales depend only on whether any rival is cheaper: not under capacities."""
        return False

    @property
    def ties(self) -> str:
        """Who serves at equal prices."""
        return _TIES[self.tie_rule]

    def demand(self, price: npt.ArrayLike) -> FloatArray:
        """Return the mass of consumers who pay ``price`` [...]."""
        worth, mass = np.asarray(self.willingness_to_pay), np.asarray(self.mass)
        left = np.concatenate([np.cumsum(mass[::-1])[::-1], [0.0]])
        return np.asarray(left[np.searchsorted(worth, numbers(price, "price"), side="left")])

    def sales(self, player: int, price: FloatArray, rivals: Sequence[int]) -> FloatArray:
        """Return what a player sells at prices [K], given where each rival's price lies."""
        cost, size = np.asarray(self.costs), np.asarray(self.capacities)
        others = [k for k in range(len(size)) if k != player]
        cheaper, tied = 0.0, float(size[player])
        for k, state in zip(others, rivals, strict=True):
            where = state
            if state == TIED and self.tie_rule == "low_cost" and cost[k] != cost[player]:
                where = BELOW if cost[k] < cost[player] else ABOVE
            cheaper += float(size[k]) if where == BELOW else 0.0
            tied += float(size[k]) if where == TIED else 0.0
        rest = np.maximum(self.demand(price) - cheaper, 0.0)
        sold: FloatArray = np.minimum(size[player], rest * size[player] / tied)
        return sold

    def profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return every seller's profit at price profiles, [K, P] from [K, P]."""
        price = profiles_of(prices, len(self.players))
        cost, size = np.asarray(self.costs), np.asarray(self.capacities)
        demand = self.demand(price)
        profit = np.empty(price.shape)
        for k in range(price.shape[1]):
            below = price < price[:, [k]]
            level = price == price[:, [k]]
            if self.tie_rule == "low_cost":
                below = below | (level & (cost < cost[k]))
                level = level & (cost == cost[k])
            rest = np.maximum(demand[:, k] - below @ size, 0.0)
            sold = np.minimum(size[k], rest * size[k] / (level @ size))
            profit[:, k] = (price[:, k] - cost[k]) * sold
        return profit

    @property
    def _sold(self) -> tuple[str, FloatArray, str]:
        worth, mass = np.asarray(self.willingness_to_pay), np.asarray(self.mass)
        return (
            "capacity",
            self.capacities,
            f"Consumers: {shown_number(float(mass.sum()))} in all, who pay at most"
            f" {summary(worth)} {self.unit}.",
        )

    @property
    def _known(self) -> str:
        return (
            "at most two sellers whose cost is below the highest willingness to pay, or one"
            " willingness to pay and capacities that do not add up to more than the demand"
        )

    def _closed_form(self) -> tuple[PriceDistribution, ...] | None:
        cost, steps = np.asarray(self.costs), self.demand_steps
        top, demand = float(steps[-1]), self.demand(steps)
        size = np.asarray(self.capacities)
        active = np.flatnonzero(cost < top)
        # Who cannot earn asks its cost; where that is the most anybody pays, more, not to share.
        asked = np.where((cost < top) | (cost > top), np.maximum(cost, top), 2.0 * top)
        idle = [PriceDistribution.certain(float(price)) for price in asked]
        if len(active) == 1:
            (k,) = active.tolist()
            earned = (steps - cost[k]) * np.minimum(size[k], demand)
            idle[k] = PriceDistribution.certain(float(steps[int(np.argmax(earned))]))
        elif len(active) == 2:
            high = np.minimum(size[active, None], demand)
            low = np.minimum(high, demand - high[::-1])
            pair = two_sellers(high, low, cost[active], steps, share=self.tie_rule == "share")
            for k, strategy in zip(active.tolist(), pair, strict=True):
                idle[k] = strategy
        elif len(active) and (len(steps) > 1 or size[active].sum() > demand[0]):
            return None
        return tuple(idle)


_CAPTIVE_TIES = {
    "low_cost": "ties for the informed go to the lowest cost, equal costs share equally",
    "share": "ties for the informed share equally, whatever the costs",
}


@dataclass(frozen=True, eq=False, repr=False)
class CaptiveGame(PostedPrices):
    """Sellers post prices; everybody pays at most ``willingness_to_pay``.

    Parameters
    ----------
    captive : float array [P]
        Mass of consumers who buy from this seller or not at all.
    informed : float
        Mass of consumers who buy at the lowest price; above 0.
    costs : float or float array [P]
    willingness_to_pay : float
    players : sequence of str, length P, optional
    tie_rule : {"low_cost", "share"}
    unit : str

    Raises
    ------
    InputError
        If a number is negative or not finite, or nobody is informed.

    References
    ----------
    Varian, *A model of sales*, American Economic Review 70 (1980).

    Narasimhan, *Competitive promotional strategies*, Journal of Business 61 (1988).

    Examples
    --------
    Varian's (1980) model of sales, half of the buyers informed:

    >>> answer = CaptiveGame([0.25, 0.25], informed=0.5).solve()
    >>> answer.profits.round(9).tolist(), round(answer.strategies[0].lowest, 6)
    ([0.25, 0.25], 0.333333)
    """

    captive: FloatArray
    informed: float
    costs: FloatArray | float = 0.0
    willingness_to_pay: float = 1.0
    players: tuple[str, ...] = ()
    tie_rule: TieRule = "low_cost"
    unit: str = "USD"

    def __post_init__(self) -> None:
        captive = numbers_of("captive", self.captive)
        informed = positive("informed", self.informed)
        worth = positive("willingness_to_pay", self.willingness_to_pay)
        if len(informed) != 1 or len(worth) != 1:
            raise InputError("informed and willingness_to_pay are one number each.")
        chosen(self.tie_rule, "tie rule", _CAPTIVE_TIES)
        text("unit", self.unit)
        costs = numbers_of("costs", self.costs, len(captive))
        for name, value in (("captive", captive), ("costs", costs)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "informed", float(informed[0]))
        object.__setattr__(self, "willingness_to_pay", float(worth[0]))
        object.__setattr__(self, "players", names_of(self.players, len(captive)))

    @property
    def name(self) -> str:
        """What is played, for titles."""
        return f"Captive and informed buyers, {len(self.players)} sellers"

    @property
    def demand_steps(self) -> FloatArray:
        """The willingness to pay."""
        return np.array([self.willingness_to_pay])

    @property
    def lowest_takes_all(self) -> bool:
        """Whether sales depend only on whether any rival is cheaper: they do."""
        return True

    @property
    def ties(self) -> str:
        """Who serves at equal prices."""
        return _CAPTIVE_TIES[self.tie_rule]

    def sales(self, player: int, price: FloatArray, rivals: Sequence[int]) -> FloatArray:
        """Return what a player sells at prices [K], given where each rival's price lies."""
        cost = np.asarray(self.costs)
        others = [k for k in range(len(cost)) if k != player]
        served, sharing = True, 1
        for k, state in zip(others, rivals, strict=True):
            where = state
            if state == TIED and self.tie_rule == "low_cost" and cost[k] != cost[player]:
                where = BELOW if cost[k] < cost[player] else ABOVE
            served = served and where != BELOW
            sharing += where == TIED
        won = self.informed / sharing if served else 0.0
        mine = float(np.asarray(self.captive)[player]) + won
        return np.where(np.asarray(price) <= self.willingness_to_pay, mine, 0.0)

    def profits(self, prices: npt.ArrayLike) -> FloatArray:
        """Return every seller's profit at price profiles, [K, P] from [K, P]."""
        price = profiles_of(prices, len(self.players))
        cost = np.asarray(self.costs)
        lowest = price == price.min(axis=1, keepdims=True)
        if self.tie_rule == "low_cost":
            dearest = np.where(lowest, cost, np.inf).min(axis=1, keepdims=True)
            lowest = lowest & (cost == dearest)
        won = self.informed * lowest / lowest.sum(axis=1, keepdims=True)
        sold = np.where(price <= self.willingness_to_pay, np.asarray(self.captive) + won, 0.0)
        return np.asarray((price - cost) * sold)

    @property
    def _sold(self) -> tuple[str, FloatArray, str]:
        return (
            "captive consumers",
            self.captive,
            f"Informed consumers: {shown_number(self.informed)}. All pay at most"
            f" {shown_number(self.willingness_to_pay)} {self.unit}.",
        )

    @property
    def _known(self) -> str:
        return (
            "two sellers and for any number of sellers alike, with costs below the"
            " willingness to pay"
        )

    def _closed_form(self) -> tuple[PriceDistribution, ...] | None:
        cost, captive = np.asarray(self.costs), np.asarray(self.captive)
        cap, count = self.willingness_to_pay, len(cost)
        if count == 1:
            return (PriceDistribution.certain(max(cap, float(cost[0]))),)
        if (cost >= cap).any():
            return None
        if count == 2:
            high = captive + self.informed
            return two_sellers(
                high[:, None], captive[:, None], cost, [cap], share=self.tie_rule == "share"
            )
        if np.ptp(cost) > 0 or np.ptp(captive) > 0:
            return None
        mine, own = float(captive[0]), float(cost[0])
        if mine == 0:
            return tuple(PriceDistribution.certain(own) for _ in range(count))
        floor = own + (cap - own) * mine / (mine + self.informed)
        level, slope = -mine / self.informed, (cap - own) * mine / self.informed
        piece = Piece(floor, cap, level, slope, own, count - 1)
        return tuple(PriceDistribution.spread(piece) for _ in range(count))
