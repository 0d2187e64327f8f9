"""Which solver is asked, in which order, and what all of them found.

Two players whose payoffs add up to a constant: one linear program, both strategies.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse

from arbmodels import _solver
from arbmodels._clock import clock
from arbmodels.errors import InputError, SolverError
from arbmodels.games.finite import (
    learning,
    lemke_howson,
    polymatrix,
    vertex_enumeration,
)
from arbmodels.games.finite import (
    strategies as pure,
)
from arbmodels.games.finite.strategies import exploitability, on_support
from arbmodels.passk import FloatArray

#: The sum may vary by this share of the payoffs' range.
ROUNDING = 1e-12


def is_zero_sum(payoffs: FloatArray) -> bool:
    """Return whether two players' payoffs add up to the same, each on its scale."""
    if len(payoffs) != 2:
        return False
    total = payoffs.sum(axis=0)
    return bool(np.ptp(total) <= ROUNDING * max(np.ptp(payoffs[0]), np.finfo(float).tiny))


def solve_zero_sum(payoffs: FloatArray, time_limit: float) -> tuple[FloatArray, FloatArray] | None:
    r"""Return optimal strategies of both players; None if the time is up.

    .. math:: \max v \quad \text{s.t.} \quad A^\top x \ge v, \; \sum_i x_i = 1, \; x \ge 0,

    whose shadow prices are the column player's strategy.
    """
    payoff = payoffs[0]
    low, high = float(payoff.min()), float(payoff.max())
    scaled = (payoff - low) / (high - low if high > low else 1.0)
    rows, columns = scaled.shape
    matrix = sparse.csr_array(
        np.block([[scaled.T, -np.ones((columns, 1))], [np.ones((1, rows)), np.zeros((1, 1))]])
    )
    program = _solver.Program(
        np.append(np.zeros(rows), 1.0),
        matrix,
        np.append(np.zeros(columns), 1.0),
        np.append(np.full(columns, np.inf), 1.0),
        np.append(np.zeros(rows), 0.0),
        np.append(np.ones(rows), 1.0),
        maximize=True,
    )
    try:
        answer = _solver.solve(program, time_limit=time_limit)
    except SolverError:  # out of time without a feasible point
        return None
    if answer.status != "optimal" or answer.row_dual is None:
        return None
    first = np.maximum(answer.x[:rows], 0.0)
    second = np.abs(answer.row_dual[:columns])
    if first.sum() <= 0 or second.sum() <= 0:
        return None
    return first / first.sum(), second / second.sum()


Method = Literal[
    "auto",
    "pure",
    "enumeration",
    "lemke_howson",
    "zero_sum",
    "polymatrix",
    "smoothed",
    "regret",
]

#: Epsilon, every player's payoffs ranging over one, below which an answer is exact up to rounding.
EXACT = 1e-9
#: Epsilon, on the same scale, that is not worth solving the indifference conditions for.
ROUNDED = 1e-12
#: Random starts.
_STARTS = 24
#: Two equilibria that differ less in every probability are one.
_SAME = 1e-7


class Found(NamedTuple):
    """Strategies, and where they come from; certified by the game."""

    strategies: tuple[FloatArray, ...]
    epsilon: float
    found_by: str
    iterations: int
    trace: FloatArray
    complete: bool = False


def own_scale(payoffs: FloatArray) -> FloatArray:
    """Return payoffs of which every player's range over one; zeros where all are the same.

    A player's gain means something beside its own payoffs only, and equilibria do not change.
    """
    axes = tuple(range(1, payoffs.ndim))
    low = payoffs.min(axis=axes, keepdims=True)
    # Halves, so that the range of the largest floats is one.
    span = payoffs.max(axis=axes, keepdims=True) / 2 - low / 2
    scaled: FloatArray = (payoffs / 2 - low / 2) / np.where(span > 0, span, 1.0)
    return scaled


def find(payoffs: FloatArray, method: Method, deadline: float, paths: int | None) -> list[Found]:
    """Return what a method finds: one answer at least, the best first.

    Epsilon and traces are on every player's own scale (:func:`own_scale`).

    Raises
    ------
    InputError
        If the method is unknown or does not suit the number of players.
    """
    payoffs = own_scale(payoffs)
    _check_method(payoffs, method)
    two = len(payoffs) == 2
    if method == "enumeration" or (
        method == "auto" and paths is None and vertex_enumeration.is_small(payoffs.shape[1:])
    ):
        found = _enumeration(payoffs)
        if found:
            return found
        method = "lemke_howson" if method == "enumeration" else method
    if method in ("auto", "pure"):
        found = _pure(payoffs)
        if found or method == "pure":
            return found or [_least(payoffs)]
    if method == "zero_sum" or (method == "auto" and is_zero_sum(payoffs)):
        answer = solve_zero_sum(payoffs, max(deadline - clock(), 1e-3))
        if answer is not None:
            exact, epsilon = _polished(payoffs, answer)
            how = "linear program in HiGHS (zero-sum)"
            return [Found(exact, epsilon, how, 0, np.array([[0.0, epsilon]]))]
    found = []
    if method == "lemke_howson" or (method == "auto" and two):
        found = _lemke_howson(payoffs, _part(deadline, 0.4, method), paths)
        if method == "lemke_howson" or found[0].epsilon <= EXACT:
            return found
    for name in _in_order(method, two=two):
        solver, share = _FINDERS[name]
        found.append(solver(payoffs, _part(deadline, share, method), EXACT))
        if found[-1].epsilon <= EXACT:
            return found[-1:]
    return [min(found, key=lambda one: one.epsilon)]


def _check_method(payoffs: FloatArray, method: Method) -> None:
    """Refuse a method that is unknown or does not suit the game."""
    if method not in get_args(Method):
        raise InputError(f"No method {method!r}; choose one of {', '.join(get_args(Method))}.")
    if method == "enumeration" and not vertex_enumeration.is_small(payoffs.shape[1:]):
        raise InputError(
            "Enumeration is for two players with about 8 actions each; this game has"
            f" {' x '.join(map(str, payoffs.shape[1:]))}. Use 'auto' or 'lemke_howson'."
        )
    if method == "lemke_howson" and len(payoffs) != 2:
        raise InputError(
            f"Lemke-Howson is for two players, this game has {len(payoffs)}. Use 'auto',"
            " 'polymatrix', 'smoothed' or 'regret'."
        )
    if method == "zero_sum" and not is_zero_sum(payoffs):
        raise InputError(
            "The payoffs of the two players do not add up to a constant, each on its own scale, so"
            " 'zero_sum' does not apply. Use 'auto'."
        )


def _in_order(method: Method, *, two: bool) -> tuple[str, ...]:
    """Return what is tried after the methods that end exactly."""
    if method == "auto":
        return _FALLBACKS if two else ("polymatrix", "smoothed", "restarts", "regret")
    # The program of a zero-sum game may run out of time.
    return ("regret",) if method == "zero_sum" else (method,)


def _polymatrix(payoffs: FloatArray, deadline: float, target: float) -> Found:
    even = [np.full(size, 1.0 / size) for size in payoffs.shape[1:]]
    steps = polymatrix.follow(payoffs, even, deadline, target)
    strategies, epsilon = _polished(payoffs, steps.strategies)
    how = "iterated polymatrix approximation"
    return Found(strategies, epsilon, how, steps.steps, steps.trace)


def _restarts(payoffs: FloatArray, deadline: float, target: float) -> Found:
    """Approximate by polymatrix games from random play, where even play led nowhere."""
    random = np.random.default_rng(0)
    found: list[Found] = []
    for start in range(1, _STARTS + 1):
        mixed = [random.dirichlet(np.ones(size)) for size in payoffs.shape[1:]]
        steps = polymatrix.follow(payoffs, mixed, deadline, target)
        strategies, epsilon = _polished(payoffs, steps.strategies)
        how = f"iterated polymatrix approximation from random start {start}"
        found.append(Found(strategies, epsilon, how, steps.steps, steps.trace))
        if epsilon <= target or clock() > deadline:
            break
    return min(found, key=lambda one: one.epsilon)


def _smoothed(payoffs: FloatArray, deadline: float, target: float) -> Found:
    path = learning.follow(payoffs, deadline, target)
    how = "continuation from the logit-smoothed game"
    epsilon = exploitability(payoffs, path.strategies)
    return Found(path.strategies, epsilon, how, path.steps, path.trace)


def _regret(payoffs: FloatArray, deadline: float, target: float) -> Found:
    average = learning.play(payoffs, deadline, target=target)
    epsilon = exploitability(payoffs, average.strategies)
    return Found(average.strategies, epsilon, "regret matching+", average.rounds, average.trace)


#: What finds equilibria of any number of players, and its share of the time where others follow.
_FINDERS: dict[str, tuple[Callable[[FloatArray, float, float], Found], float]] = {
    "polymatrix": (_polymatrix, 0.4),
    "smoothed": (_smoothed, 0.5),
    "restarts": (_restarts, 0.6),
    "regret": (_regret, 1.0),
}
_FALLBACKS = ("smoothed", "regret")


def _part(deadline: float, share: float, method: Method) -> float:
    """Leave time to what comes next, if anything does."""
    now = clock()
    return now + share * (deadline - now) if method == "auto" else deadline


def _pure(payoffs: FloatArray) -> list[Found]:
    profiles = pure.pure_profiles(payoffs)
    tried = payoffs[0].size
    how = f"enumeration of {tried:,} profiles"
    trace = np.array([[float(tried), 0.0]])
    return [Found(_unit(profile, payoffs), 0.0, how, tried, trace) for profile in profiles]


def _enumeration(payoffs: FloatArray) -> list[Found]:
    """All extreme equilibria: pure ones first, then those with fewer actions."""
    every = vertex_enumeration.every_equilibrium(payoffs)
    how = f"enumeration of {every.bases:,} bases of best responses"
    if every.components < len(every.strategies):
        how += (
            f": {len(every.strategies)} extreme equilibria in {every.components}"
            f" component{'s' * (every.components > 1)}, whose other equilibria are mixtures of them"
        )
    found = []
    for strategies in every.strategies:
        exact, epsilon = _polished(payoffs, strategies)
        trace = np.array([[float(every.bases), epsilon]])
        if epsilon <= EXACT:
            found.append(Found(exact, epsilon, how, every.bases, trace, every.complete))
    if len(found) < len(every.strategies):  # lost to rounding
        found = [one._replace(complete=False) for one in found]
    # Pure ones in the order of their actions.
    place = [[int(own.argmax()) for own in one.strategies] for one in found]
    played = [sum(int((own > 0).sum()) for own in one.strategies) for one in found]
    order = sorted(range(len(found)), key=lambda k: (played[k], place[k]))
    return [found[k] for k in order]


def _least(payoffs: FloatArray) -> Found:
    profile, tried = pure.least_profile(payoffs), payoffs[0].size
    how = f"enumeration of {tried:,} profiles: no pure equilibrium, this one has the least epsilon"
    strategies = _unit(profile, payoffs)
    epsilon = exploitability(payoffs, strategies)
    return Found(strategies, epsilon, how, tried, np.array([[float(tried), epsilon]]))


def _unit(profile: npt.NDArray[np.intp], payoffs: FloatArray) -> tuple[FloatArray, ...]:
    return tuple(np.eye(size)[k] for k, size in zip(profile, payoffs.shape[1:], strict=True))


def _lemke_howson(payoffs: FloatArray, deadline: float, paths: int | None) -> list[Found]:
    """All different ends of paths; the best first if rounding or the time spoilt some."""
    found: list[Found] = []
    trace: list[tuple[float, float]] = []
    least, pivots = np.inf, 0
    followed = lemke_howson.ends((payoffs[0], payoffs[1]), deadline)
    for end in itertools.islice(followed, paths):
        pivots += end.pivots
        strategies, epsilon = _polished(payoffs, end.strategies)
        least = min(least, epsilon)
        trace.append((float(pivots), least))
        if not any(_same(strategies, other.strategies) for other in found):
            how = "Lemke-Howson" if end.finished else "Lemke-Howson, unfinished in the time given"
            found.append(Found(strategies, epsilon, how, pivots, np.array(trace)))
    if not found:
        uniform = tuple(np.full(size, 1.0 / size) for size in payoffs.shape[1:])
        epsilon = exploitability(payoffs, uniform)
        trace = [(float(pivots), epsilon)]
        found = [Found(uniform, epsilon, "Lemke-Howson, no path ended", pivots, np.array(trace))]
    exact = [one for one in found if one.epsilon <= EXACT]
    return exact or [min(found, key=lambda one: one.epsilon)]


def _polished(
    payoffs: FloatArray, strategies: tuple[FloatArray, ...]
) -> tuple[tuple[FloatArray, ...], float]:
    """Solve the indifference conditions anew on the support where rounding has added up.

    Returns the better strategies, and their epsilon.
    """
    before = exploitability(payoffs, strategies)
    if before > ROUNDED:
        exact = on_support(payoffs, strategies, 1e-12)
        after = np.inf if exact is None else exploitability(payoffs, exact)
        if exact is not None and after < before:
            return exact, after
    return strategies, before


def _same(one: Sequence[FloatArray], other: Sequence[FloatArray]) -> bool:
    return all(np.abs(a - b).max() < _SAME for a, b in zip(one, other, strict=True))
