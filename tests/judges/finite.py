"""Finite games: payoffs by summing over profiles, equilibria by looking at every one.

``payoffs[k]`` is an array over profiles of actions.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import highspy
import numpy as np


def expected(payoffs: np.ndarray, strategies: list[np.ndarray], k: int) -> np.ndarray:
    """Player k's payoff from each of its actions against the others' strategies."""
    sizes = payoffs.shape[1:]
    value = np.zeros(sizes[k])
    for profile in itertools.product(*(range(n) for n in sizes)):
        chance = 1.0
        for j, action in enumerate(profile):
            if j != k:
                chance *= strategies[j][action]
        value[profile[k]] += chance * payoffs[(k, *profile)]
    return value


def gains(payoffs: np.ndarray, strategies: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Profit of every player, and the most it could gain by another action."""
    profits, more = [], []
    for k, own in enumerate(strategies):
        value = expected(payoffs, strategies, k)
        profits.append(float(own @ value))
        more.append(max(0.0, float(value.max()) - profits[-1]))
    return np.array(profits), np.array(more)


def pure(payoffs: np.ndarray, slack: float) -> set[tuple[int, ...]]:
    """All pure equilibria; gains up to a share of the player's range of payoffs are none."""
    sizes = payoffs.shape[1:]
    room = [slack * float(np.ptp(own)) for own in payoffs]
    found = set()
    for profile in itertools.product(*(range(n) for n in sizes)):
        if all(
            payoffs[(k, *profile[:k], other, *profile[k + 1 :])] <= payoffs[(k, *profile)] + room[k]
            for k, size in enumerate(sizes)
            for other in range(size)
        ):
            found.add(profile)
    return found


def joint_gains(payoffs: np.ndarray, joint: np.ndarray, *, coarse: bool) -> np.ndarray:
    """What every player could gain by not following advice, in all."""
    sizes = joint.shape
    out = []
    for k, size in enumerate(sizes):
        table = np.zeros((size, size))  # advice, action taken
        for profile in itertools.product(*(range(n) for n in sizes)):
            for other in range(size):
                instead = (k, *profile[:k], other, *profile[k + 1 :])
                table[profile[k], other] += joint[profile] * (
                    payoffs[instead] - payoffs[(k, *profile)]
                )
        out.append(
            max(0.0, float(table.sum(axis=0).max()))
            if coarse
            else float(np.maximum(table.max(axis=1), 0.0).sum())
        )
    return np.array(out)


def best_joint(payoffs: np.ndarray, weights: list[float], *, coarse: bool) -> float:
    """Largest weighted payoff of a (coarse) correlated equilibrium: one plain linear program."""
    sizes = payoffs.shape[1:]
    profiles = list(itertools.product(*(range(n) for n in sizes)))
    scale = max(float(np.abs(payoffs).max()), 1e-300)
    highs = highspy.Highs()
    highs.silent()
    highs.setOptionValue("primal_feasibility_tolerance", 1e-10)
    highs.setOptionValue("dual_feasibility_tolerance", 1e-10)
    goal = [sum(w * payoffs[(k, *p)] for k, w in enumerate(weights)) / scale for p in profiles]
    for column, value in enumerate(goal):
        highs.addVar(0.0, np.inf)
        highs.changeColCost(column, -value)
    every = np.arange(len(profiles), dtype=np.int32)
    highs.addRow(1.0, 1.0, len(profiles), every, np.ones(len(profiles)))
    for k, size in enumerate(sizes):
        room = float(np.ptp(payoffs[k])) or 1.0
        for other in range(size):
            row = np.array(
                [
                    (payoffs[(k, *p[:k], other, *p[k + 1 :])] - payoffs[(k, *p)]) / room
                    for p in profiles
                ]
            )
            for advice in [None] if coarse else range(size):
                kept = [c for c, p in enumerate(profiles) if advice is None or p[k] == advice]
                highs.addRow(-np.inf, 0.0, len(kept), np.array(kept, dtype=np.int32), row[kept])
    highs.run()
    return -scale * highs.getInfo().objective_function_value


def supports(
    row: list[list[int]], column: list[list[int]]
) -> list[tuple[list[Fraction], list[Fraction]]]:
    """Equilibria of a bimatrix game with equal supports of both, in rational numbers.

    Of a nondegenerate game these are all; of a degenerate one each of them is an equilibrium.
    """
    a = [[Fraction(x) for x in each] for each in row]
    b = [[Fraction(x) for x in each] for each in column]
    m, n = len(a), len(a[0])
    found = []
    for size in range(1, min(m, n) + 1):
        for rows in itertools.combinations(range(m), size):
            for columns in itertools.combinations(range(n), size):
                y = _indifferent([[a[i][j] for j in columns] for i in rows])
                x = _indifferent([[b[i][j] for i in rows] for j in columns])
                if x is None or y is None:
                    continue
                full_x = [Fraction(0)] * m
                full_y = [Fraction(0)] * n
                for i, value in zip(rows, x, strict=True):
                    full_x[i] = value
                for j, value in zip(columns, y, strict=True):
                    full_y[j] = value
                if min(full_x) < 0 or min(full_y) < 0:
                    continue
                by_row = [sum(a[i][j] * full_y[j] for j in range(n)) for i in range(m)]
                by_column = [sum(b[i][j] * full_x[i] for i in range(m)) for j in range(n)]
                if max(by_row) == by_row[rows[0]] and max(by_column) == by_column[columns[0]]:
                    found.append((full_x, full_y))
    return found


def _indifferent(matrix: list[list[Fraction]]) -> list[Fraction] | None:
    """Weights that add up to one and make all rows worth the same; None if singular."""
    size = len(matrix)
    system = [
        [matrix[i][j] - matrix[0][j] for j in range(size)] + [Fraction(0)] for i in range(1, size)
    ]
    system.append([Fraction(1)] * size + [Fraction(1)])
    for at in range(size):
        pivot = next((r for r in range(at, size) if system[r][at] != 0), None)
        if pivot is None:
            return None
        system[at], system[pivot] = system[pivot], system[at]
        lead = system[at][at]
        system[at] = [x / lead for x in system[at]]
        for r in range(size):
            if r != at and system[r][at] != 0:
                factor = system[r][at]
                system[r] = [x - factor * y for x, y in zip(system[r], system[at], strict=True)]
    return [row[-1] for row in system]
