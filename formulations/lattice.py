"""The lattice of attempts on which cascades are flows: its steps, what they add, its paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def ends_of_steps(attempts: Sequence[int]) -> tuple[IntArray, IntArray]:
    """Return the states from which and to which every step leads, in order of the model, [E].

    Parameters
    ----------
    attempts : sequence of M int
        Most attempts of each model. State 0 is that of no attempt.
    """
    sizes = [most + 1 for most in attempts]
    number = np.arange(int(np.prod(sizes))).reshape(sizes)
    models = range(len(sizes))
    return (
        np.concatenate([np.delete(number, -1, m).ravel() for m in models]),
        np.concatenate([np.delete(number, 0, m).ravel() for m in models]),
    )


def added_by_steps(
    weight: FloatArray, goes_on: Sequence[FloatArray], brings: Sequence[FloatArray]
) -> FloatArray:
    r"""Return what every step adds, [E], in the order of :func:`ends_of_steps`.

    Step :math:`(m, a)` adds
    :math:`\sum_i w_i b_{i,m,a_m} \prod_{m' \ne m} F_{i,m',a_{m'}}`.

    Parameters
    ----------
    weight : float array [N]
        :math:`w`.
    goes_on : sequence of M float arrays [N, K_m + 1]
        :math:`F`, the probability that so many attempts of a model do not end the cascade.
    brings : sequence of M float arrays [N, K_m]
        :math:`b`, what the next attempt of a model brings.
    """
    letters = "abcdefgh"[: len(goes_on)]
    product = ",".join(["i", *(f"i{axis}" for axis in letters)]) + f"->{letters}"
    return np.concatenate(
        [
            np.einsum(
                product, weight, *goes_on[:m], brings[m], *goes_on[m + 1 :], optimize=True
            ).ravel()
            for m in range(len(goes_on))
        ]
    )


def paths(start: IntArray, end: IntArray) -> Iterator[IntArray]:
    """Yield every path from state 0, stopping anywhere, as the numbers of its steps."""
    waiting: list[tuple[int, list[int]]] = [(0, [])]
    while waiting:
        state, taken = waiting.pop()
        yield np.array(taken, dtype=np.int64)
        waiting += [(int(end[e]), [*taken, int(e)]) for e in np.flatnonzero(start == state)]


def cheapest_mixture(rate: FloatArray, cost: FloatArray, wanted: float) -> float:
    """Return the least cost of mixing two paths so that a rate is reached; NaN if none does.

    An optimum mixes at most two, since there are two rows: the shares sum to one, the rate.
    """
    best = np.nan
    for i in np.flatnonzero(rate >= wanted):
        best = np.fmin(best, cost[i])
        below = np.flatnonzero(rate < wanted)
        share = (wanted - rate[below]) / (rate[i] - rate[below])
        mixed = share * cost[i] + (1 - share) * cost[below]
        if len(mixed):
            best = np.fmin(best, mixed.min())
    return float(best)
