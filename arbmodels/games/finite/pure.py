"""Pure equilibria by enumeration: what every profile leaves each player to gain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arbmodels.passk import FloatArray

#: A gain up to this share of a player's range of payoffs is rounding.
ROUNDING = 1e-12


def gains(payoffs: FloatArray) -> FloatArray:
    """Return the largest gain of each player at every profile, [P, A_1, ..., A_P]."""
    return np.stack(
        [own.max(axis=player, keepdims=True) - own for player, own in enumerate(payoffs)]
    )


def least_gain(payoffs: FloatArray) -> FloatArray:
    """Return epsilon of every profile, [A_1, ..., A_P]: the largest gain of any player."""
    most: FloatArray = gains(payoffs).max(axis=0)
    return most


def pure_profiles(payoffs: FloatArray) -> npt.NDArray[np.intp]:
    """Return every pure equilibrium, [K, P], the actions' positions in lexicographic order.

    Gains up to 1e-12 of a player's range of payoffs are rounding.
    """
    axes = tuple(range(1, payoffs.ndim))
    scale = payoffs.max(axis=axes) - payoffs.min(axis=axes)
    slack = ROUNDING * scale.reshape(-1, *(1 for _ in axes))
    return np.argwhere((gains(payoffs) <= slack).all(axis=0))


def least_profile(payoffs: FloatArray) -> npt.NDArray[np.intp]:
    """Return the profile of least epsilon, [P]; the first of several."""
    epsilon = least_gain(payoffs)
    return np.array(np.unravel_index(np.argmin(epsilon), epsilon.shape))
