"""Equilibrium markups of a logit game: a damped zeta iteration with a Newton finish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import wrightomega

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
#: Others' share of the market as rounding leaves it, where one firm has nearly all.
_LEAST = 1e-17


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
    method : str
    """

    markups: FloatArray
    trace: list[float]
    converged: bool
    newton: int
    method: str


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


def lambert(pairs: Pairs, markups: FloatArray) -> FloatArray:
    r"""Return best responses under plain logit, one nest, [P], the others' markups as given.

    :math:`\alpha \mu = 1 + k + W(T e^{-1-k} / D)`, T the weight of the firm's products at cost, D
    everybody else's and of its own fixed products, k what these earn, times :math:`\alpha / D`.
    """
    alpha = pairs.demand.price_coefficient
    share, inside, nests, _ = pairs.state(markups)
    share, inside = share * nests[0], inside * nests[0]
    rest = np.maximum(1.0 - share, _LEAST)
    held = alpha * (inside - share * markups) / rest
    weight = alpha * markups + np.log(np.maximum(share, 1e-300) / rest)
    # W(e^z) is Wright's omega function, which does not overflow.
    solved: FloatArray = (1.0 + held + wrightomega(weight - 1.0 - held)) / alpha
    return solved


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
        total = share * scale + others
        # Where rounding leaves nobody else in the nest and nothing of the pair, it has all of it.
        mean = np.where(
            total > 0,
            (middle * share * scale + fixed_part) / np.where(total > 0, total, 1.0),
            middle,
        )
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

    Plain logit iterates best responses, nested logit zeta. A step that goes back on the one before
    and is not smaller halves the steps from then on; where they shrink the change slowly, Newton
    takes over wherever it does better. If zeta does not settle soon, its implicit form goes on.
    """
    markups, damping = start.copy(), 1.0
    trace: list[float] = []
    newton = 0
    plain = len(pairs.demand.nest_names) == 1 and not pairs.sigma.any()
    step_map = lambert if plain else zeta
    method = "best responses (Lambert's W)" if plain else "zeta iteration"
    mapped = step_map(pairs, markups)
    last = np.zeros(len(markups))
    for count in range(limit):
        change = _change(mapped, markups)
        trace.append(change)
        if change <= tolerance:
            return Path(mapped, trace, True, newton, method)
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
        move = mapped - markups
        if count == _PATIENCE and not plain:
            step_map, damping = implicit, 1.0
        elif change > 0.9 * before and move @ last < 0:
            damping = max(0.5 * damping, 1.0 / 64)
        markups, last = markups + damping * move, move
        mapped = step_map(pairs, markups)
    return Path(markups, trace, False, newton, method)


def _change(mapped: FloatArray, markups: FloatArray) -> float:
    return float(np.max(np.abs(mapped - markups) / np.maximum(np.abs(mapped), 1e-300), initial=0.0))
