r"""Small convex quadratic programs by an interior-point method, dense.

HiGHS' own (an active-set method) did not end on one of 200 random programs of this size, and a
step of Newton's method must come back in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbmodels.assignment.source import BoolArray, FloatArray

_ROUNDS = 60
_DONE = 1e-9


def minimise(
    quadratic: FloatArray,
    linear: FloatArray,
    matrix: FloatArray,
    right: FloatArray,
    upper: FloatArray,
) -> FloatArray:
    r"""Return an approximate solution of a convex quadratic program.

    .. math:: \min \tfrac12 x^\top Q x + c^\top x \quad \text{s.t.} \quad
              A x = f, \quad 0 \le x \le u

    Mehrotra's steps, *On the implementation of a primal-dual interior point method*, SIAM J. Optim.
    2 (1992). What comes back is as good as the rounds made it; callers check what they need.

    Parameters
    ----------
    quadratic : float array [n, n]
        Q, positive semidefinite.
    linear : float array [n]
    matrix : float array [m, n]
        A; m may be zero.
    right : float array [m]
    upper : float array [n]
        Positive; infinite where there is none.
    """
    bounded = np.isfinite(upper)
    x = np.where(bounded, 0.5 * upper, 1.0)
    size = 1.0 + float(np.abs(linear).max(initial=0.0))
    low = np.full(len(x), size)
    state = _State(x, np.where(bounded, upper - x, 1.0), low, np.where(bounded, low, 0.0), bounded)
    dual = np.zeros(len(right))
    count = len(x) + int(bounded.sum())
    for _ in range(_ROUNDS):
        x, low, high = state.x, state.low, state.high
        stationary = -(quadratic @ x + linear - matrix.T @ dual - low + high)
        primal = right - matrix @ x
        mean = state.product() / count
        worst = np.abs(np.concatenate([stationary, primal])).max(initial=0.0)
        if mean < _DONE * size and worst < _DONE * size:
            break
        system = quadratic + np.diag(low / x + high / state.gap + 1e-14 * size)
        inverse: FloatArray = np.asarray(np.linalg.inv(system), np.float64)
        newton = _Newton(state, inverse, matrix, stationary, primal)
        move, _ = newton.step(-x * low, -state.gap * high)
        after = state.moved(move, state.longest(move)).product() / count
        target = mean * (after / mean) ** 3
        move, more = newton.step(
            target - x * low - move.x * move.low,
            np.where(bounded, target, 0.0) - state.gap * high + move.x * move.high,
        )
        along = min(1.0, 0.995 * state.longest(move))
        state, dual = state.moved(move, along), dual + along * more
    return state.x


@dataclass(frozen=True, eq=False)
class _Move:
    x: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class _State:
    """A point, its distance from the upper ends, and the multipliers of both ends; positive."""

    x: FloatArray
    gap: FloatArray
    low: FloatArray
    high: FloatArray
    bounded: BoolArray

    def product(self) -> float:
        """Return the sum of all complementarity products."""
        return float(self.x @ self.low + self.gap @ self.high)

    def moved(self, move: _Move, along: float) -> _State:
        gap = np.where(self.bounded, self.gap - along * move.x, 1.0)
        low, high = self.low + along * move.low, self.high + along * move.high
        return _State(self.x + along * move.x, gap, low, high, self.bounded)

    def longest(self, move: _Move) -> float:
        """Return the longest step, at most one, that keeps everything positive."""
        at = self.bounded
        value = np.concatenate([self.x, self.low, self.gap[at], self.high[at]])
        change = np.concatenate([move.x, move.low, -move.x[at], move.high[at]])
        falling = change < 0
        return min(1.0, float((-value[falling] / change[falling]).min(initial=1.0)))


@dataclass(frozen=True, eq=False)
class _Newton:
    """The linear system of one round."""

    state: _State
    inverse: FloatArray
    matrix: FloatArray
    stationary: FloatArray
    primal: FloatArray

    def step(self, first: FloatArray, second: FloatArray) -> tuple[_Move, FloatArray]:
        """Return the move, and that of the multipliers of the equations.

        ``first`` and ``second`` are what both kinds of complementarity products still lack.
        """
        state, matrix = self.state, self.matrix
        rest = self.stationary + first / state.x - np.where(state.bounded, second / state.gap, 0.0)
        through = matrix @ self.inverse
        normal = through @ matrix.T
        normal += 1e-14 * (1.0 + np.trace(normal)) * np.eye(len(matrix))
        more: FloatArray = np.asarray(
            np.linalg.solve(normal, self.primal - through @ rest), dtype=np.float64
        )
        x = self.inverse @ (rest + matrix.T @ more)
        low = (first - state.low * x) / state.x
        high = np.where(state.bounded, (second + state.high * x) / state.gap, 0.0)
        return _Move(x, low, high), more
