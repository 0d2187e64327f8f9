"""Distributions of prices: atoms, and the continuous pieces of the closed forms.

The answer of a game in mixed prices: distributions with their atoms, epsilon first.

The exact best price against mixed strategies, and the certificate made of it.

Nothing here is shared with the solvers but the sales of the game at given prices.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, model_color, new_axes, percent
from arbmodels.display import number as shown_number
from arbmodels.errors import InputError
from arbmodels.games.certificate import BestResponse, Deviations
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.games.inputs import a, listed, number, numbers, whole
from arbmodels.passk import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Atoms, and pieces, that a table shows.
_PARTS = 5
#: Probabilities up to this are rounding.
_NOTHING = 1e-12


class Piece(NamedTuple):
    """Where a price is random without atoms: low <= p < high.

    The probability of a higher price is (level + slope / (p - pole)) ** (1 / power).
    """

    low: float
    high: float
    level: float
    slope: float
    pole: float
    power: int = 1

    def raised(self, price: npt.ArrayLike) -> FloatArray:
        """Return the probability of a higher price to the power ``power``, inside the piece."""
        value: FloatArray = self.level + self.slope / (np.asarray(price, float) - self.pole)
        return np.clip(value, 0.0, 1.0)

    def higher(self, price: npt.ArrayLike) -> FloatArray:
        """Return the probability of a higher price, inside the piece."""
        raised = self.raised(price)
        # A root of rounding is large.
        higher: FloatArray = np.where(raised > _NOTHING, raised, 0.0) ** (1.0 / self.power)
        return higher

    @property
    def end(self) -> float:
        """Probability of a higher price at the upper end."""
        return float(self.higher(self.high))

    @property
    def mass(self) -> float:
        """Probability of a price inside the piece."""
        return float(self.higher(self.low)) - self.end

    def price_after(self, mass: npt.ArrayLike) -> FloatArray:
        """Return the price below which a part ``mass`` of the piece's probability lies."""
        raised = (float(self.higher(self.low)) - np.asarray(mass, float)) ** self.power
        price: FloatArray = np.clip(
            self.pole + self.slope / (raised - self.level), self.low, self.high
        )
        return price


@dataclass(frozen=True, eq=False, repr=False)
class PriceDistribution(Displayed):
    """A mixed strategy over prices.

    Parameters
    ----------
    prices, masses : float array [K]
        Atoms, in increasing order of price.
    pieces : tuple of Piece
        In increasing order, each with the probability by which the chance of a higher price falls
        along it; no atom lies inside one.

    Raises
    ------
    InputError
        If masses are negative or do not add up to one, or prices are not finite and increasing.

    Examples
    --------
    >>> PriceDistribution([1.0, 2.0], [0.25, 0.75]).cdf([0.5, 1.0, 3.0]).tolist()
    [0.0, 0.25, 1.0]
    """

    prices: FloatArray
    masses: FloatArray
    pieces: tuple[Piece, ...] = ()

    def __post_init__(self) -> None:
        prices, masses = numbers(self.prices, "prices"), numbers(self.masses, "masses")
        if prices.ndim != 1 or prices.shape != masses.shape:
            raise InputError("A distribution has one mass per price.")
        if not np.isfinite(prices).all() or (np.diff(prices) <= 0).any():
            raise InputError("Prices of atoms must be finite and increase.")
        for piece in listed(self.pieces, "pieces"):
            a(Piece, piece, "A piece")
        total = float(masses.sum()) + sum(piece.mass for piece in self.pieces)
        if not (masses >= 0).all() or not abs(total - 1.0) <= 1e-9:
            raise InputError(
                f"The masses add up to {total:g}; probabilities are >= 0 and add up to 1."
            )
        below = -np.inf
        for piece in self.pieces:
            inside = (prices > piece.low) & (prices < piece.high)
            if inside.any() or piece.low < below:
                raise InputError("Pieces must increase, and atoms lie at their ends or outside.")
            below = piece.high
        for name, value in (("prices", prices), ("masses", masses)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def table(self) -> TextTable:
        """Return the largest atoms and the continuous pieces."""
        order = np.sort(np.argsort(-self.masses, kind="stable")[:_PARTS])
        parts = [(shown_number(self.prices[k]), percent(float(self.masses[k]))) for k in order]
        parts += [
            (f"{shown_number(p.low)} to {shown_number(p.high)}", percent(p.mass))
            for p in self.pieces[:_PARTS]
        ]
        more = len(self.prices) + len(self.pieces) - len(parts)
        return TextTable(
            f"Prices from {shown_number(self.lowest)} to {shown_number(self.highest)}, mean"
            f" {shown_number(self.mean)}",
            ("price", "probability"),
            parts,
            f"{more:,} more." * bool(more),
        )

    @classmethod
    def certain(cls, price: float) -> PriceDistribution:
        """Return the distribution of one price."""
        return cls(np.array([number(price, "price")]), np.array([1.0]))

    @classmethod
    def spread(cls, piece: Piece, atom: float = 0.0) -> PriceDistribution:
        """Return a continuous piece with an atom at its upper end."""
        count = int(atom > 0)
        return cls(np.full(count, piece.high), np.full(count, atom), (piece,))

    @classmethod
    def on_grid(cls, prices: npt.ArrayLike, masses: npt.ArrayLike) -> PriceDistribution:
        """Return the atoms of a mixed strategy over a grid, without the prices never played."""
        price, mass = numbers(prices, "prices"), numbers(masses, "masses")
        if price.ndim != 1 or price.shape != mass.shape or not (mass >= 0).all():
            raise InputError("A grid has one mass >= 0 per price.")
        played = mass > 0
        if not played.any():
            raise InputError("No price of the grid is played: all masses are 0.")
        order = np.argsort(price[played])
        return cls(price[played][order], mass[played][order] / mass[played].sum())

    def above(self, price: npt.ArrayLike, *, including: bool = False) -> FloatArray:
        """Return the probability of a price above ``price`` [...], or of at least it."""
        at = numbers(price, "price")
        left = np.concatenate([np.cumsum(self.masses[::-1])[::-1], [0.0]])
        side: Literal["left", "right"] = "left" if including else "right"
        value: FloatArray = left[np.searchsorted(self.prices, at, side=side)]
        for piece in self.pieces:
            value = value + piece.higher(np.clip(at, piece.low, piece.high)) - piece.end
        return np.minimum(value, 1.0)

    def cdf(self, price: npt.ArrayLike) -> FloatArray:
        """Return the probability of a price of at most ``price`` [...]."""
        return 1.0 - self.above(price)

    @property
    def lowest(self) -> float:
        """Lowest price of the support."""
        return float(min([*self.prices[:1], *(piece.low for piece in self.pieces[:1])]))

    @property
    def highest(self) -> float:
        """Highest price of the support."""
        return float(max([*self.prices[-1:], *(piece.high for piece in self.pieces[-1:])]))

    @property
    def mean(self) -> float:
        """Expected price."""
        total = float(self.prices @ self.masses)
        if self.pieces:
            from scipy.integrate import quad

            for piece in self.pieces:
                area = quad(lambda p, own=piece: float(own.higher(p)), piece.low, piece.high)[0]
                total += piece.low * piece.mass + float(area)
                total -= (piece.high - piece.low) * piece.end
        return total

    def quantile(self, share: npt.ArrayLike) -> FloatArray:
        """Return the price that a ``share`` (0 <= share < 1) of the draws lies below, [...]."""
        at = numbers(share, "share")
        if not np.all((at >= 0) & (at <= 1)):
            raise InputError("A share of the draws lies between 0 and 1.")
        # Atoms and pieces from the lowest price to the highest.
        parts: list[tuple[float, float, Piece | None]] = [
            *((price, mass, None) for price, mass in zip(self.prices, self.masses, strict=True)),
            *((piece.low, piece.mass, piece) for piece in self.pieces),
        ]
        parts.sort(key=lambda part: (part[0], part[2] is not None))
        upto = np.cumsum([mass for _, mass, _ in parts])
        where = np.minimum(np.searchsorted(upto, at, side="right"), len(parts) - 1)
        price = np.empty(at.shape)
        for k, (low, mass, piece) in enumerate(parts):
            here = where == k
            into = np.minimum(at[here] - (upto[k] - mass), mass)
            price[here] = low if piece is None else piece.price_after(into)
        return price

    def sample(self, count: int, seed: int = 0) -> FloatArray:
        """Return random prices, [count]."""
        random = np.random.default_rng(whole(seed, "seed"))
        return self.quantile(random.random(whole(count, "count")))


#: Atoms smaller than this are not drawn as such.
_VISIBLE = 0.05


class NamedGame(Protocol):
    """A game of prices with a name."""

    @property
    def name(self) -> str:
        """What is played, for titles."""

    @property
    def players(self) -> tuple[str, ...]:
        """Names of the sellers."""


@dataclass(frozen=True, eq=False, repr=False)
class PriceEquilibrium(Equilibrium):
    """Price distributions from which nobody gains more than ``epsilon`` by any other price.

    Parameters
    ----------
    kind : {"pure", "mixed"}
    game : PostedPrices or PriceGame
    strategies : tuple of PriceDistribution, length P
    profits : float array [P]
    deviations : Deviations
        On the continuous game, not on a solver's grid.
    found_by : str
    iterations : int
        0 for a closed form.
    trace : float array [K, 2]
        Prices on the grid, epsilon on the continuous game.
    converged : bool
        Whether relative epsilon is within the tolerance asked for; a closed form is.
    others : tuple of PriceEquilibrium
    """

    kind: Literal["pure", "mixed"]
    game: NamedGame
    strategies: tuple[PriceDistribution, ...]
    profits: FloatArray
    deviations: Deviations
    found_by: str
    iterations: int
    trace: FloatArray
    converged: bool
    others: tuple[PriceEquilibrium, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a row per player: gain, profit, lowest, mean and highest price, largest atom."""
        atoms = [_largest_atom(strategy) for strategy in self.strategies]
        return pd.DataFrame(
            {
                "player": list(self.players),
                "gain": self.deviations.gain,
                "profit": self.profits,
                "lowest_price": [strategy.lowest for strategy in self.strategies],
                "mean_price": [strategy.mean for strategy in self.strategies],
                "highest_price": [strategy.highest for strategy in self.strategies],
                "largest_atom": [mass for _, mass in atoms],
                "atom_price": [price for price, _ in atoms],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        rows = self.to_frame().to_dict("records")
        for row, strategy in zip(rows, self.strategies, strict=True):
            row["atoms"] = [
                {"price": float(price), "mass": float(mass)}
                for price, mass in zip(strategy.prices, strategy.masses, strict=True)
            ]
            row["pieces"] = [piece._asdict() for piece in strategy.pieces]
            if np.isnan(row["atom_price"]):
                row["atom_price"] = None
        return {
            "kind": self.kind,
            "game": self.game.name,
            "epsilon": self.epsilon,
            "unit": self.deviations.unit,
            "players": rows,
            "certificate": self.deviations.to_dict(),
            "found_by": self.found_by,
            "iterations": self.iterations,
            "trace": self.trace.tolist(),
        }

    def table(self) -> TextTable:
        """Return epsilon, then each player's gain, profit and prices."""
        unit = self.deviations.unit
        rows = [
            (
                str(row["player"]),
                shown_number(row["gain"]),
                shown_number(row["profit"]),
                shown_number(row["lowest_price"]),
                shown_number(row["mean_price"]),
                shown_number(row["highest_price"]),
                f"{percent(row['largest_atom'])} at {shown_number(row['atom_price'])}"
                if row["largest_atom"] > 0
                else "none",
            )
            for row in self.to_frame().to_dict("records")
        ]
        return TextTable(
            f"epsilon = {shown_number(self.epsilon)} {unit}: {self.kind} equilibrium of"
            f" {self.game.name}",
            (
                "player",
                f"gain [{unit}]",
                f"profit [{unit}]",
                "lowest price",
                "mean price",
                "highest price",
                "largest atom",
            ),
            rows,
            f"{self.deviations.words}\nFound by {self.found_by}; {self.iterations:,} iterations.",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each player's distribution of prices; atoms are jumps with a mark on top."""
        ax = new_axes() if ax is None else ax
        low = min(strategy.lowest for strategy in self.strategies)
        high = max(strategy.highest for strategy in self.strategies)
        pad = 0.06 * max(high - low, 0.05 * abs(high), 1e-9)
        for player, strategy in zip(self.players, self.strategies, strict=True):
            near = strategy.prices[:, None] + np.array([-1e-9, 0.0]) * max(1.0, abs(high))
            grid = np.union1d(np.linspace(low - pad, high + pad, 801), near)
            colour = model_color(player, self.players)
            ax.plot(grid, strategy.cdf(grid), color=colour, lw=1.6, label=player)
            large = strategy.masses >= _VISIBLE
            price = strategy.prices[large]
            ax.plot(price, strategy.cdf(price), "o", color=colour, ms=5, ls="none")
        ax.set_xlabel("Price")
        ax.set_ylabel("Probability of at most this price")
        ax.set_title(f"{self.game.name}\nepsilon = {shown_number(self.epsilon, 2)}")
        ax.legend(frameon=False)
        return ax

    def _progress(self) -> tuple[FloatArray, FloatArray, str, str]:
        steps = np.arange(1.0, 1.0 + len(self.trace))
        measure = self.trace[:, 1] if self.iterations else np.full(len(self.trace), np.nan)
        return steps, measure, "Price grids solved", f"epsilon ({self.deviations.unit})"


def _largest_atom(strategy: PriceDistribution) -> tuple[float, float]:
    if not len(strategy.prices) or strategy.masses.max() == 0:
        return float("nan"), 0.0
    at = int(np.argmax(strategy.masses))
    return float(strategy.prices[at]), float(strategy.masses[at])


BELOW, TIED, ABOVE = 0, 1, 2
#: Prices tried besides the candidates that suffice, so that a fault in those would show.
_TRIED = 1001
#: Nodes of the quadrature over a continuous piece.
_NODES = 64


class SalesGame(Protocol):
    """Sellers whose sales depend on demand at their price and on who is cheaper."""

    @property
    def players(self) -> tuple[str, ...]:
        """Names."""

    @property
    def demand_steps(self) -> FloatArray:
        """Prices above which some consumers do not buy, increasing."""

    @property
    def lowest_takes_all(self) -> bool:
        """Whether sales depend only on whether any rival is cheaper."""

    @property
    def ties(self) -> str:
        """Who serves at equal prices, in words."""

    @property
    def unit(self) -> str:
        """Of profits."""

    def cost(self, player: int) -> float:
        """Return a seller's cost per unit."""

    def sales(self, player: int, price: FloatArray, rivals: Sequence[int]) -> FloatArray:
        """Return sales at prices [K] when each rival is BELOW, TIED or ABOVE."""


def expected_profit(
    game: SalesGame,
    player: int,
    price: FloatArray,
    rivals: Sequence[PriceDistribution],
    *,
    below: bool = False,
) -> FloatArray:
    """Return expected profit at prices [K]; with ``below``, its limit from below."""
    chances = []
    for rival in rivals:
        above, from_here = rival.above(price), rival.above(price, including=True)
        tied = np.zeros_like(price) if below else from_here - above
        chances.append((1.0 - from_here, tied, from_here if below else above))
    sold = np.zeros_like(price)
    for state in itertools.product((BELOW, TIED, ABOVE), repeat=len(rivals)):
        weight = np.ones_like(price)
        for chance, one in zip(chances, state, strict=True):
            weight = weight * chance[one]
        if weight.any():
            sold += weight * game.sales(player, price, state)
    profit: FloatArray = (price - game.cost(player)) * sold
    return profit


def best_price(game: SalesGame, player: int, rivals: Sequence[PriceDistribution]) -> BestResponse:
    """Return the exact best price against independent mixed strategies.

    Between two breakpoints (rivals' atoms, steps of demand, ends of continuous pieces) sales are
    constant, so profit rises to its limit from below at the next breakpoint; inside a piece it is
    (p - c)(A + B / (p - pole)), whose one stationary point is known.

    Raises
    ------
    InputError
        If several rivals have continuous pieces of another form than the closed forms.
    """
    cost = game.cost(player)
    top = float(game.demand_steps[-1])
    exact = {cost, *game.demand_steps.tolist()}
    for rival in rivals:
        exact.update(rival.prices.tolist())
    for piece, more in _pieces(game, rivals):
        exact.update((piece.low, piece.high, *_stationary(game, player, piece, more, len(rivals))))
    points = np.array(sorted(price for price in exact if price >= min(cost, top)))
    tried = np.linspace(min(cost, top), top, _TRIED)
    at = np.concatenate([points, tried])
    attained = expected_profit(game, player, at, rivals)
    limits = expected_profit(game, player, points, rivals, below=True)
    values, prices = np.concatenate([attained, limits]), np.concatenate([at, points])
    best = int(np.argmax(values))
    return BestResponse(values[best], prices[best], np.asarray(best < len(at)))


def certify_prices(game: SalesGame, strategies: Sequence[PriceDistribution]) -> Deviations:
    """Return every player's largest gain from any price, limits from below included.

    Parameters
    ----------
    game : SalesGame
    strategies : sequence of PriceDistribution, length P

    Raises
    ------
    InputError
        If there is not one strategy per player.
    """
    for own in listed(strategies, "strategies"):
        a(PriceDistribution, own, "A strategy")
    if len(strategies) != len(game.players):
        raise InputError(f"{len(strategies)} strategies for {len(game.players)} players.")
    profit, gain, price, attained = [], [], [], []
    for player, own in enumerate(strategies):
        rivals = [other for k, other in enumerate(strategies) if k != player]
        profit.append(_own_profit(game, player, own, rivals))
        best = best_price(game, player, rivals)
        more = max(0.0, float(best.profit) - profit[-1])
        gain.append(more)
        price.append(float(best.price) if more > 0 else None)
        attained.append(bool(best.attained) or more == 0)
    candidates = _TRIED + len(game.demand_steps) + sum(2 * len(s.prices) for s in strategies)
    return Deviations(
        game.players,
        np.array(profit),
        np.array(gain),
        tuple(price),
        np.array(attained),
        True,
        "all prices, limits from below included",
        game.ties,
        candidates,
        game.unit,
    )


def _own_profit(
    game: SalesGame, player: int, own: PriceDistribution, rivals: Sequence[PriceDistribution]
) -> float:
    total = float(own.masses @ expected_profit(game, player, own.prices, rivals))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    for piece in own.pieces:
        prices = piece.price_after(0.5 * piece.mass * (nodes + 1.0))
        earned = expected_profit(game, player, prices, rivals)
        total += 0.5 * piece.mass * float(weights @ earned)
    return total


def _pieces(game: SalesGame, rivals: Sequence[PriceDistribution]) -> list[tuple[Piece, float]]:
    """Return pieces, and what the rival's chance of a higher price exceeds that of each by.

    Sales are linear in the probability that all rivals are above: known of one rival, and of
    several who are alike and of whom only the lowest matters.
    """
    if not any(rival.pieces for rival in rivals):
        return []
    first = rivals[0].pieces
    steps = game.demand_steps
    cut = any(np.any((steps > piece.low) & (steps < piece.high)) for piece in first)
    if len(rivals) == 1 and not cut and all(piece.power == 1 for piece in first):
        return [
            (piece, float(rivals[0].above(piece.high, including=True)) - piece.end)
            for piece in first
        ]
    alike = len(first) == 1 and all(rival.pieces == first for rival in rivals)
    if not alike or cut or first[0].power != len(rivals) or not game.lowest_takes_all:
        raise InputError(
            "Only the closed forms' continuous distributions can be certified exactly; put these"
            " on a grid (PriceDistribution.on_grid)."
        )
    return [(first[0], 0.0)]


def _stationary(
    game: SalesGame, player: int, piece: Piece, above: float, rivals: int
) -> list[float]:
    """Where (p - c)(A + B (above + level + slope / (p - pole))) is stationary inside the piece."""
    cost = game.cost(player)
    here = np.array([piece.high])  # the lower end may be the step before
    low = float(game.sales(player, here, [BELOW] * rivals)[0])
    more = float(game.sales(player, here, [ABOVE] * rivals)[0]) - low
    slope = low + more * (above + piece.level)
    square = -more * piece.slope * (cost - piece.pole) / slope if slope else -1.0
    if square <= 0:
        return []
    price = piece.pole + float(np.sqrt(square))
    return [price] if piece.low < price < piece.high else []
