"""Cross-validated costs from scratch: mixtures chosen on some instances, scored on others.

On a training set the cheapest mixtures of two plans lie on the lower hull of (solve rate, spend)
of all plans; the policy that aims at a rate is the mixture of the two neighbouring vertices. Its
plans are scored on the fold that is held out, and the folds are added up at equal aims. The
market's policy at an aim is that of the model which is cheapest in training.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from tests.judges.cascades import Tables, plan

Order = tuple[int, ...]


class Tied(Exception):  # noqa: N818 - not an error of the package
    """Two plans are equally good in training, or too dear: what is chosen is anybody's choice."""


def cheapest_orders(tables: Tables) -> dict[Order, tuple[Fraction, Fraction, Order]]:
    """Solve rate, least spend and the order of steps that has it, of every state."""
    sizes = [len(each) for each in tables.amounts]
    rows = [i for i, w in enumerate(tables.weight) if w]
    found: dict[Order, tuple[Fraction, Fraction, Order]] = {}
    for state in itertools.product(*(range(size) for size in sizes)):
        options = []
        for m, at in enumerate(state):
            if not at:
                continue
            before = (*state[:m], at - 1, *state[m + 1 :])
            step = Fraction(0)
            for i in rows:
                rise = tables.spend[i][m][at] - tables.spend[i][m][at - 1]
                for k, other in enumerate(state):
                    if k != m:
                        rise *= tables.failure[i][k][other]
                step += tables.weight[i] * rise
            _, spend, order = found[before]
            options.append((spend + step, (*order, m)))
        spend, order = min(options, default=(Fraction(0), ()))
        if sum(abs(float(each - spend)) <= 1e-11 * float(spend) for each, _ in options) > 1:
            raise Tied
        left = Fraction(0)
        for i in rows:
            product = tables.weight[i]
            for m, at in enumerate(state):
                product *= tables.failure[i][m][at]
            left += product
        found[state] = (1 - left, spend, order)
    return found


class Policies:
    """Vertices of a training set's hull: aims and costs there, rates and spends elsewhere."""

    def __init__(self, tables: Tables, train: list[int], test: list[int]) -> None:
        states = cheapest_orders(tables.on(train))
        points = sorted((rate, spend, order) for rate, spend, order in states.values())
        hull: list[tuple[Fraction, Fraction, Order]] = []
        for point in points:
            if hull and point[0] == hull[-1][0]:
                continue
            while len(hull) > 1:
                (x0, y0, _), (x1, y1, _) = hull[-2:]
                if (y1 - y0) * (point[0] - x0) < (point[1] - y0) * (x1 - x0):
                    break
                hull.pop()
            hull.append(point)
        for vertex in hull:
            same = [
                p
                for p in points
                if abs(float(p[0] - vertex[0])) <= 1e-11
                and abs(float(p[1] - vertex[1])) <= 1e-11 * float(vertex[1])
            ]
            if len(same) > 1:
                raise Tied
        # Nobody pays more for the lightest instance than every attempt on all of them costs.
        lightest = min(w for w in tables.on(train).weight if w)
        for (x0, y0, _), (x1, y1, _) in itertools.pairwise(hull):
            if (y1 - y0) / (x1 - x0) > Fraction(9, 10) * hull[-1][1] / lightest:
                raise Tied
        self.aimed = np.array([float(rate) for rate, _, _ in hull])
        self.cost = np.array([float(spend) for _, spend, _ in hull])
        solved, spent = [], []
        for _, _, order in hull:
            chance, money = plan(tables, [(m, 1) for m in order])
            solved.append(float(sum(tables.weight[i] * chance[i] for i in test)))
            spent.append(float(sum(tables.weight[i] * sum(money[i]) for i in test)))
        self.solved, self.spent = np.array(solved), np.array(spent)

    def at(self, aim: float) -> tuple[float, float]:
        """What the policy that aims at a rate solves and spends where it is scored."""
        return (
            float(np.interp(aim, self.aimed, self.solved)),
            float(np.interp(aim, self.aimed, self.spent)),
        )

    def cost_at(self, aim: float) -> float:
        """What it spends in training; nothing reaches beyond the last vertex."""
        return float(np.interp(aim, self.aimed, self.cost)) if aim <= self.aimed[-1] else np.inf


class Market:
    """The model that is cheapest in training at every aim."""

    def __init__(self, alone: list[Policies]) -> None:
        self.alone = alone
        corners = sorted({float(x) for each in alone for x in each.aimed})
        turns = []
        for one, other in itertools.combinations(alone, 2):
            for a, b in itertools.pairwise(corners):
                if b > min(one.aimed[-1], other.aimed[-1]):
                    break
                x, y = one.cost_at(a) - other.cost_at(a), one.cost_at(b) - other.cost_at(b)
                if x * y < 0:
                    turns.append(a + x / (x - y) * (b - a))
        # Just beyond the reach of one model another sells.
        beyond = [float(np.nextafter(each.aimed[-1], np.inf)) for each in alone]
        most = max(float(each.aimed[-1]) for each in alone)
        self.aimed = np.array(sorted({*corners, *turns, *(x for x in beyond if x <= most)}))

    def at(self, aim: float) -> tuple[float, float]:
        """What the chosen model solves and spends."""
        cost = [each.cost_at(aim) for each in self.alone]
        if np.isfinite(min(cost)):
            return self.alone[int(np.argmin(cost))].at(aim)
        return max(self.alone, key=lambda each: each.aimed[-1]).at(aim)


def pooled(parts: list[Policies] | list[Market], rates: list[float]) -> list[float]:
    """Spend at solve rates of the policies of all folds, added up at equal aims."""
    aims = sorted({float(x) for part in parts for x in part.aimed})
    points = [tuple(map(sum, zip(*(part.at(aim) for part in parts), strict=True))) for aim in aims]
    rate, spend = [], []
    for solved, spent in points:  # neither ever falls
        rate.append(max(solved, rate[-1] if rate else 0.0))
        spend.append(max(spent, spend[-1] if spend else 0.0))
    kept = [0] + [k for k in range(1, len(rate)) if rate[k] > rate[k - 1]]
    x, y = [rate[k] for k in kept], [spend[k] for k in kept]
    return [float(np.interp(u, x, y)) if u <= x[-1] else float("nan") for u in rates]
