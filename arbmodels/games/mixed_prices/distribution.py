"""Distributions of prices: atoms, and the one continuous piece of the closed forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arbmodels.errors import InputError
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


@dataclass(frozen=True, eq=False)
class PriceDistribution:
    """A mixed strategy over prices.

    Parameters
    ----------
    prices, masses : float array [K]
        Atoms, in increasing order of price.
    piece : Piece, optional
        Carries the mass that the atoms do not; all of them lie at its upper end or above.

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
    piece: Piece | None = None

    def __post_init__(self) -> None:
        prices, masses = (np.array(x, dtype=float) for x in (self.prices, self.masses))
        if prices.ndim != 1 or prices.shape != masses.shape:
            raise InputError("A distribution has one mass per price.")
        if not np.isfinite(prices).all() or (np.diff(prices) <= 0).any():
            raise InputError("Prices of atoms must be finite and increase.")
        continuous = 0.0 if self.piece is None else 1.0 - float(self._piece_end())
        if (masses < 0).any() or abs(masses.sum() + continuous - 1.0) > 1e-9:
            raise InputError(
                f"The masses add up to {masses.sum() + continuous:g}; probabilities are >= 0 and"
                " add up to 1."
            )
        if self.piece is not None and len(prices) and prices[0] < self.piece.high:
            raise InputError("Atoms lie at the upper end of the continuous piece or above.")
        for name, value in (("prices", prices), ("masses", masses)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @classmethod
    def certain(cls, price: float) -> PriceDistribution:
        """Return the distribution of one price."""
        return cls(np.array([price]), np.array([1.0]))

    @classmethod
    def spread(cls, piece: Piece, atom: float = 0.0) -> PriceDistribution:
        """Return a continuous piece with an atom at its upper end."""
        count = int(atom > 0)
        return cls(np.full(count, piece.high), np.full(count, atom), piece)

    @classmethod
    def on_grid(cls, prices: npt.ArrayLike, masses: npt.ArrayLike) -> PriceDistribution:
        """Return the atoms of a mixed strategy over a grid, without the prices never played."""
        price, mass = np.asarray(prices, dtype=float), np.asarray(masses, dtype=float)
        played = mass > 0
        order = np.argsort(price[played])
        return cls(price[played][order], mass[played][order] / mass[played].sum())

    def _piece_end(self) -> float:
        piece = self.piece
        if piece is None:
            return 1.0
        left = float(piece.raised(piece.high))
        return (
            left ** (1.0 / piece.power) if left > _NOTHING else 0.0
        )  # a root of rounding is large

    def above(self, price: npt.ArrayLike, *, including: bool = False) -> FloatArray:
        """Return the probability of a price above ``price`` [...], or of at least it."""
        at = np.asarray(price, dtype=float)
        left = np.concatenate([np.cumsum(self.masses[::-1])[::-1], [0.0]])
        value = left[np.searchsorted(self.prices, at, side="left" if including else "right")]
        if self.piece is not None:
            inside = (at >= self.piece.low) & (at < self.piece.high)
            safe = np.where(inside, at, self.piece.low)
            value = np.where(inside, self.piece.raised(safe) ** (1.0 / self.piece.power), value)
            value = np.where(at < self.piece.low, 1.0, value)
            if including:  # from below the end, the piece's limit is all that is left
                value = np.where(at == self.piece.high, self._piece_end(), value)
        return np.asarray(value)

    def cdf(self, price: npt.ArrayLike) -> FloatArray:
        """Return the probability of a price of at most ``price`` [...]."""
        return 1.0 - self.above(price)

    @property
    def lowest(self) -> float:
        """Lowest price of the support."""
        return float(self.prices[0]) if self.piece is None else self.piece.low

    @property
    def highest(self) -> float:
        """Highest price of the support."""
        ends = [float(self.prices[-1])] if len(self.prices) else []
        return max([*ends, *([] if self.piece is None else [self.piece.high])])

    @property
    def mean(self) -> float:
        """Expected price."""
        total = float(self.prices @ self.masses)
        if self.piece is None:
            return total
        from scipy.integrate import quad

        piece, end = self.piece, self._piece_end()
        area = quad(lambda p: float(self.above(p)) - end, piece.low, piece.high)[0]
        return total + piece.low * (1.0 - end) + float(area)

    def quantile(self, share: npt.ArrayLike) -> FloatArray:
        """Return the price that a ``share`` (0 <= share < 1) of the draws lies below, [...]."""
        at = np.asarray(share, dtype=float)
        inner = 1.0 - float(self.masses.sum())
        where = np.searchsorted(np.cumsum(self.masses), at - inner, side="right")
        price = np.zeros(at.shape)
        if len(self.prices):
            price = self.prices[np.clip(where, 0, len(self.prices) - 1)]
        if self.piece is not None:
            raised = (1.0 - np.minimum(at, inner)) ** self.piece.power
            drawn = self.piece.pole + self.piece.slope / (raised - self.piece.level)
            price = np.where(at < inner, np.clip(drawn, self.piece.low, self.piece.high), price)
        return np.asarray(price)

    def sample(self, count: int, seed: int = 0) -> FloatArray:
        """Return random prices, [count]."""
        return self.quantile(np.random.default_rng(seed).random(count))
