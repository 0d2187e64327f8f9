"""Cascades by dynamic programming in rational numbers.

Instance i has weight w[i]; F[i][m](x) is the probability that model m has failed by the amount x,
G[i][m](x) the spend up to x. From the amounts a, going on with model m to x spends
sum_i w_i (G[i][m](x) - G[i][m](a_m)) prod_{m' != m} F[i][m'](a_m'): a shortest path.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

from tests.judges import passk

Rational = Fraction


def exact(value: float) -> Fraction:
    """A float, exactly."""
    return Fraction(float(value))


def shares(weight: list[float] | None, count: int) -> list[Fraction]:
    """Weights that add up to one."""
    raw = [Fraction(1)] * count if weight is None else [exact(each) for each in weight]
    total = sum(raw)
    return [each / total for each in raw]


@dataclass
class Tables:
    """F and G [instance][model][position of the amount], and the amounts of each model."""

    weight: list[Fraction]
    failure: list[list[list[Fraction]]]
    spend: list[list[list[Fraction]]]
    amounts: list[list[Fraction]]

    def only(self, models: list[int]) -> Tables:
        """The tables of some models."""
        return Tables(
            self.weight,
            [[row[m] for m in models] for row in self.failure],
            [[row[m] for m in models] for row in self.spend],
            [self.amounts[m] for m in models],
        )

    def on(self, rows: list[int]) -> Tables:
        """The tables of some instances, their weights scaled to one."""
        total = sum(self.weight[i] for i in rows)
        return Tables(
            [self.weight[i] / total for i in rows],
            [self.failure[i] for i in rows],
            [self.spend[i] for i in rows],
            self.amounts,
        )


def in_attempts(
    attempts: list[list[int]],
    successes: list[list[int]],
    cost: list[list[float]],
    weight: list[float] | None,
    *,
    stop: bool,
    most: list[int] | None = None,
) -> Tables:
    """Amounts 0, 1, .., the largest record of each model (or ``most``), unbiased pass@k."""
    count, width = len(attempts), len(attempts[0])
    last = most or [max(row[m] for row in attempts) for m in range(width)]
    failure, spend = [], []
    for n, c, q in zip(attempts, successes, cost, strict=True):
        rows = [
            [passk.unbiased(n[m], c[m], k) if n[m] else Fraction(1) for k in range(last[m] + 1)]
            for m in range(width)
        ]
        failure.append(rows)
        spend.append(
            [
                passk.spend(n[m], exact(q[m]) if n[m] else Fraction(0), rows[m], stop=stop)
                for m in range(width)
            ]
        )
    amounts = [[Fraction(k) for k in range(each + 1)] for each in last]
    return Tables(shares(weight, count), failure, spend, amounts)


def in_dollars(
    attempts: list[list[int]],
    successes: list[list[int]],
    cost: list[list[float]],
    weight: list[float] | None,
    grid: list[float],
    *,
    stop: bool,
) -> Tables:
    """Budgets from zero on a grid: a step at every attempt that is paid for."""
    amounts = [Fraction(0), *(exact(x) for x in grid)]
    failure, spend = [], []
    for n, c, q in zip(attempts, successes, cost, strict=True):
        pairs = [_steps(n[m], c[m], q[m], amounts, stop=stop) for m in range(len(n))]
        failure.append([pair[0] for pair in pairs])
        spend.append([pair[1] for pair in pairs])
    return Tables(shares(weight, len(attempts)), failure, spend, [amounts] * len(attempts[0]))


def _steps(
    n: int, c: int, price: float, amounts: list[Fraction], *, stop: bool
) -> tuple[list[Fraction], list[Fraction]]:
    """F and G = integral of F at budgets; nothing is bought where nothing is recorded."""
    if n == 0:
        return [Fraction(1)] * len(amounts), [Fraction(0)] * len(amounts)
    q = exact(price)
    failure, spend = [], []
    for x in amounts:
        paid = min(int(x / q), n)
        failure.append(passk.unbiased(n, c, paid))
        total = sum((q * passk.unbiased(n, c, j) for j in range(paid)), Fraction(0))
        if not (stop and paid == n):
            total += (x - paid * q) * failure[-1]
        spend.append(total)
    return failure, spend


@dataclass
class Frontier:
    """Solve rate and least spend of every state, and the undominated ones in order."""

    states: dict[tuple[int, ...], tuple[Fraction, Fraction]]

    def __post_init__(self) -> None:
        kept: list[tuple[Fraction, Fraction]] = []
        best = None
        for rate, spend in sorted(self.states.values(), key=lambda p: (-p[0], p[1])):
            if best is None or spend < best:
                kept.append((rate, spend))
                best = spend
        self.points = kept[::-1]

    @property
    def max_solve_rate(self) -> Fraction:
        """Largest solve rate."""
        return self.points[-1][0]

    def spend_at(self, target: Fraction) -> Fraction | None:
        """Least spend of a state that reaches ``target``."""
        return next((spend for rate, spend in self.points if rate >= target), None)

    @property
    def hull(self) -> list[tuple[Fraction, Fraction]]:
        """Vertices of the lower convex hull: two plans mixed at random."""
        out: list[tuple[Fraction, Fraction]] = []
        for x, y in self.points:
            while len(out) > 1:
                (x0, y0), (x1, y1) = out[-2], out[-1]
                if (y1 - y0) * (x - x0) < (y - y0) * (x1 - x0):
                    break
                out.pop()
            out.append((x, y))
        return out

    def mixture_at(self, target: Fraction) -> Fraction | None:
        """Least spend of two states mixed; none above the reach."""
        hull = self.hull
        if target > hull[-1][0]:
            return None
        if target <= hull[0][0]:
            return hull[0][1]
        for (x0, y0), (x1, y1) in itertools.pairwise(hull):
            if target <= x1:
                return y0 + (y1 - y0) * (target - x0) / (x1 - x0)
        return None


def frontier(tables: Tables) -> Frontier:
    """Shortest paths to every state of the lattice of amounts."""
    sizes = [len(each) for each in tables.amounts]
    count = len(tables.weight)
    width = len(sizes)
    spend: dict[tuple[int, ...], Fraction] = {}
    states: dict[tuple[int, ...], tuple[Fraction, Fraction]] = {}
    for state in itertools.product(*(range(size) for size in sizes)):
        failed = [[tables.failure[i][m][state[m]] for m in range(width)] for i in range(count)]
        best = Fraction(0) if not any(state) else None
        for m in range(width):
            if state[m] == 0:
                continue
            before = (*state[:m], state[m] - 1, *state[m + 1 :])
            step = Fraction(0)
            for i in range(count):
                if not tables.weight[i]:
                    continue
                rise = tables.spend[i][m][state[m]] - tables.spend[i][m][state[m] - 1]
                if rise:
                    for other in range(width):
                        if other != m:
                            rise *= failed[i][other]
                    step += tables.weight[i] * rise
            total = spend[before] + step
            best = total if best is None else min(best, total)
        assert best is not None
        spend[state] = best
        left = Fraction(0)
        for i in range(count):
            product = tables.weight[i]
            for each in failed[i]:
                product *= each
            left += product
        states[state] = (1 - left, best)
    return Frontier(states)


def plan(
    tables: Tables, stages: list[tuple[int, int]]
) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Solve probability [i] and spend [i][m] of stages (model, positions further)."""
    count, width = len(tables.weight), len(tables.amounts)
    solved, spends = [], []
    for i in range(count):
        at, spent = [0] * width, [Fraction(0)] * width
        for m, more in stages:
            rise = tables.spend[i][m][at[m] + more] - tables.spend[i][m][at[m]]
            for other in range(width):
                if other != m:
                    rise *= tables.failure[i][other][at[other]]
            spent[m] += rise
            at[m] += more
        left = Fraction(1)
        for m in range(width):
            left *= tables.failure[i][m][at[m]]
        solved.append(1 - left)
        spends.append(spent)
    return solved, spends
