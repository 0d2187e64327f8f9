"""What every player of a game could gain by deviating: the certificate beside an equilibrium."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.errors import InputError
from arbmodels.games import inputs
from arbmodels.passk import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class Deviations(Displayed):
    """Largest gain of every player from any deviation, found apart from the solver.

    Parameters
    ----------
    players : sequence of str, length P
    profit : float array [P], in ``unit``
        At the proposed strategies.
    gain : float array [P], in ``unit``
        Largest profit from any deviation (its supremum) less ``profit``; never negative.
    deviation : sequence of float, str or None, length P
        The price (or the name of the strategy) that gains the most; None where none gains.
    attained : bool array [P]
        Whether the deviation gains so much itself, or prices near it come as near as one likes.
    exact : bool
        Whether the gains are proven to be the largest, or the largest that a search of
        ``resolution`` deviations per player found.
    domain, tie_rule : str
        Which deviations were looked at, and who serves at equal prices, in words.
    resolution : int
        Deviations tried per player; for exact certificates, candidates that suffice.
    unit : str
        Of profits and gains.

    Raises
    ------
    InputError
        If the lengths differ or a number is not finite.

    Examples
    --------
    >>> found = Deviations(("a", "b"), [2.0, 1.0], [0.0, 0.1], [None, 3.5], [True, True], True,
    ...                    "all prices >= 0", "share", 4, "USD")
    >>> found.epsilon, found.relative_epsilon
    (0.1, 0.1)
    """

    players: tuple[str, ...]
    profit: FloatArray
    gain: FloatArray
    deviation: tuple[float | str | None, ...]
    attained: npt.NDArray[np.bool_]
    exact: bool
    domain: str
    tie_rule: str
    resolution: int
    unit: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "players", inputs.names(self.players, "players"))
        inputs.listed(self.deviation, "deviation")
        profit, gain = inputs.numbers(self.profit, "profit"), inputs.numbers(self.gain, "gain")
        attained = np.asarray(self.attained)
        if attained.dtype != bool:
            raise InputError("attained is a list of True and False, one per player.")
        inputs.truth(self.exact, "exact")
        inputs.whole(self.resolution, "resolution")
        for what in ("domain", "tie_rule", "unit"):
            inputs.text(what, getattr(self, what))
        shape = (len(self.players),)
        if any(x.shape != shape for x in (profit, gain, attained)) or shape != (
            len(self.deviation),
        ):
            raise InputError(f"A certificate of {shape[0]} players needs {shape[0]} of everything.")
        if not (np.isfinite(profit).all() and np.isfinite(gain).all() and np.all(gain >= 0)):
            raise InputError("Profits must be finite and gains finite and >= 0.")
        for name, value in (("profit", profit), ("gain", gain), ("attained", attained)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "players", tuple(self.players))
        object.__setattr__(self, "deviation", tuple(self.deviation))

    @property
    def epsilon(self) -> float:
        """Largest gain of any player, in ``unit``."""
        return float(self.gain.max())

    @property
    def relative_gain(self) -> FloatArray:
        """Gain over profit, [P]; infinite where something is gained from no profit."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.gain / np.abs(self.profit)
        return np.where(self.gain == 0, 0.0, ratio)

    @property
    def relative_epsilon(self) -> float:
        """Largest gain over profit of any player."""
        return float(self.relative_gain.max())

    def to_frame(self) -> pd.DataFrame:
        """Return a row per player: profit, gain, relative_gain, deviation, attained."""
        return pd.DataFrame(
            {
                "player": list(self.players),
                "profit": self.profit,
                "gain": self.gain,
                "relative_gain": self.relative_gain,
                "deviation": list(self.deviation),
                "attained": self.attained,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        rows = self.to_frame().to_dict("records")
        for row in rows:
            if not np.isfinite(row["relative_gain"]):
                row["relative_gain"] = None
        return {
            "epsilon": self.epsilon,
            "unit": self.unit,
            "players": rows,
            "exact": self.exact,
            "domain": self.domain,
            "tie_rule": self.tie_rule,
            "resolution": self.resolution,
        }

    @property
    def words(self) -> str:
        """How the gains were found, domain and tie rule."""
        how = "exact" if self.exact else "largest found"
        return (
            f"Gains {how}, from {self.resolution:,} deviations per player. Domain:"
            f" {self.domain}. Ties: {self.tie_rule}."
        )

    def table(self) -> TextTable:
        """Return each player's largest gain."""
        rows = [
            (
                player,
                number(profit),
                number(gain),
                _share(float(relative)),
                _deviation(deviation, bool(attained)),
            )
            for player, profit, gain, relative, deviation, attained in zip(
                self.players,
                self.profit,
                self.gain,
                self.relative_gain,
                self.deviation,
                self.attained,
                strict=True,
            )
        ]
        return TextTable(
            f"Certificate: epsilon = {number(self.epsilon)} {self.unit}",
            ("player", f"profit [{self.unit}]", f"gain [{self.unit}]", "of profit", "by"),
            rows,
            self.words,
        )


def _share(relative: float) -> str:
    if np.isinf(relative):
        return "from nothing"
    return percent(relative, 3) if relative < 10 else f"{number(relative)} times"


def _deviation(deviation: float | str | None, attained: bool) -> str:
    if deviation is None:
        return "-"
    named = deviation if isinstance(deviation, str) else number(deviation)
    return named if attained else f"{named} (in the limit)"
