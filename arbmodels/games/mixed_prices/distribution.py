"""Distributions of prices: atoms, and the continuous pieces of the closed forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
from arbmodels.games.inputs import a, listed, number, numbers, whole
from arbmodels.passk import FloatArray

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


@dataclass(frozen=True, eq=False)
class PriceDistribution:
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
