"""Equilibrium markups of a logit game: a damped zeta iteration with a Newton finish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.checks import FloatArray
from arbmodels.games.smooth.pairs import Pairs

#: Newton solves a dense system of so many markups at most (32 MB).
_DENSE = 2_000
#: Newton takes over when an iteration shrinks the change by less than this.
_SLOW = 0.7
#: Changes this small are partly rounding, and tell nothing about how fast they shrink.
_BLURRED = 1e-11
#: Iterations after which zeta gives way to its implicit form.
_PATIENCE = 40
_HALVINGS = 60


@dataclass(frozen=True, eq=False)
class Path:
    """Where an iteration ended.

    Parameters
    ----------
    markups : float array [P]
    trace : list of float
        Largest change of a markup, relative, per iteration.
    converged : bool
    newton : int
        How many of the iterations were Newton's.
    """

    markups: FloatArray
    trace: list[float]
    converged: bool
    newton: int


def zeta(pairs: Pairs, markups: FloatArray) -> FloatArray:
    r"""Return :math:`(1 - \sigma)/\alpha + \sigma A + (1 - \sigma) X`, [P], from markups [P].

    The zeta map of Morrow and Skerlos (2011, Operations Research 59, eq. 14), which is the
    first-order condition solved for the markup; an iteration of the plain markup formula cycles
    under nested logit.
    """
    _, inside, _, margin = pairs.state(markups)
    sigma, firm = pairs.sigma, pairs.firm
    base = (1.0 - sigma) * (1.0 / pairs.demand.price_coefficient + margin[firm])
    mapped: FloatArray = base + sigma * inside
    return mapped


def implicit(pairs: Pairs, markups: FloatArray) -> FloatArray:
    r"""Return :math:`\mu` with :math:`\mu = (1-\sigma)/\alpha + \sigma A(\mu) + (1-\sigma) X`, [P].

    As :func:`zeta`, but for the effect of a firm's markup on its own share of the nest, which is
    solved for: with sigma near 1 it is so steep that zeta alone crawls. Rivals' weights and X are
    those at ``markups``.
    """
    share, inside, _, margin = pairs.state(markups)
    sigma = pairs.sigma
    slope = pairs.demand.price_coefficient / (1.0 - sigma)
    base = (1.0 - sigma) * (1.0 / pairs.demand.price_coefficient + margin[pairs.firm])
    whole = base / (1.0 - sigma)
    low = np.minimum(whole, base + sigma * np.minimum(pairs.held_margin, 0.0))
    high = np.maximum(whole, base + sigma * np.maximum(pairs.held_margin, 0.0))
    fixed_part, others = inside - share * markups, 1.0 - share
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        # The pair's weight beside what it was, the others' weights being what they were.
        with np.errstate(over="ignore"):
            scale = np.minimum(np.exp(slope * (markups - middle)), 1e200)
        mean = (middle * share * scale + fixed_part) / (share * scale + others)
        up = middle - sigma * mean < base
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    solved: FloatArray = 0.5 * (low + high)
    return solved


def _newton_step(pairs: Pairs, markups: FloatArray) -> FloatArray | None:
    """Return the Newton step for markups - zeta(markups) = 0; None if the system is singular."""
    alpha, sigma, nest, firm = pairs.demand.price_coefficient, pairs.sigma, pairs.nest, pairs.firm
    share, inside, nests, margin = pairs.state(markups)
    slope = alpha / (1.0 - sigma)
    bend = share * (1.0 - slope * markups)
    sold = nests[nest] * share
    same_nest = nest[:, None] == nest[None, :]
    # d A_p / d mu_q
    d_inside = np.where(same_nest, slope * inside[:, None] * share[None, :], 0.0)
    d_inside[np.diag_indices(len(markups))] += bend
    # d X_f / d mu_q: own nest's terms, and everybody's gain of total weight.
    table = np.zeros((len(margin), len(nests)))
    table[firm, nest] = inside
    d_margin = table[:, nest] * sold * (slope - alpha) + alpha * margin[:, None] * sold
    d_margin[firm, np.arange(len(markups))] += nests[nest] * bend
    matrix = (
        np.eye(len(markups)) - sigma[:, None] * d_inside - (1.0 - sigma)[:, None] * d_margin[firm]
    )
    try:
        step = np.linalg.solve(matrix, zeta(pairs, markups) - markups).astype(float)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None


def iterate(pairs: Pairs, start: FloatArray, tolerance: float, limit: int) -> Path:
    """Iterate from markups ``start`` [P] until nothing changes.

    A step whose change is not smaller than the one before halves the steps from then on; where
    they shrink the change slowly, Newton takes over wherever it does better. If zeta does not
    settle soon, its implicit form goes on.
    """
    markups, damping = start.copy(), 1.0
    trace: list[float] = []
    newton = 0
    step_map = zeta
    mapped = zeta(pairs, markups)
    for count in range(limit):
        change = _change(mapped, markups)
        trace.append(change)
        if change <= tolerance:
            return Path(mapped, trace, True, newton)
        before = trace[-2] if len(trace) > 1 else np.inf
        slow = change > max(_SLOW * before, _BLURRED)
        if slow and len(markups) <= _DENSE:
            step = _newton_step(pairs, markups)
            if step is not None:
                tried = markups + step
                answer = step_map(pairs, tried) if np.all(tried > 0) else None
                if answer is not None and _change(answer, tried) < 0.5 * min(trace):
                    markups, mapped, newton = tried, answer, newton + 1
                    continue
        if count == _PATIENCE and pairs.sigma.any():
            step_map, damping = implicit, 1.0
        elif change > 0.9 * before:
            damping = max(0.5 * damping, 1.0 / 64)
        markups = markups + damping * (mapped - markups)
        mapped = step_map(pairs, markups)
    return Path(markups, trace, False, newton)


def _change(mapped: FloatArray, markups: FloatArray) -> float:
    return float(np.max(np.abs(mapped - markups) / np.maximum(np.abs(mapped), 1e-300), initial=0.0))
