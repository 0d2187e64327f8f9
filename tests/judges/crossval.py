"""Cross-validated prices and costs from scratch: chosen on some instances, scored on others.

On a training set the cheapest mixtures of two plans lie on the lower hull of (solve rate, spend)
of all plans; the policy that aims at a rate is the mixture of the two neighbouring vertices. The
market's policy at u is that of the model which is cheapest at u in training; on the folds held out
it solves r(u) and costs s(u), the price. The cost is that of the cascades that solve r(u) there.
Only training sets that reach u with a model alone count.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from tests.judges.cascades import Tables, plan

Order = tuple[int, ...]


class Tied(Exception):  # noqa: N818 - not an error of the package
    """Two plans are equally good in training: what they do elsewhere is anybody's choice."""


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
        # Other points on the hull, up to rounding: other mixtures cost as little.
        x, y = (np.array([float(p[k]) for p in hull]) for k in (0, 1))
        on_hull = sum(
            abs(float(spend) - np.interp(float(rate), x, y)) <= 1e-9 * float(spend)
            for rate, spend, _ in points
        )
        if on_hull > len(hull):
            raise Tied
        self.aimed = np.array([float(rate) for rate, _, _ in hull])
        self.cost = np.array([float(spend) for _, spend, _ in hull])
        solved, spent = [], []
        for _, _, order in hull:
            chance, money = plan(tables, [(m, 1) for m in order])
            solved.append(float(sum(tables.weight[i] * chance[i] for i in test)))
            spent.append(float(sum(tables.weight[i] * sum(money[i]) for i in test)))
        self.solved, self.spent = np.array(solved), np.array(spent)
        self.weight = float(sum(tables.weight[i] for i in test))

    def at(self, aim: float) -> tuple[float, float]:
        """What the policy that aims at a rate solves and spends where it is scored."""
        return (
            float(np.interp(aim, self.aimed, self.solved)),
            float(np.interp(aim, self.aimed, self.spent)),
        )

    def cost_at(self, aim: float) -> float:
        """What it spends in training; nothing reaches beyond the last vertex."""
        return float(np.interp(aim, self.aimed, self.cost)) if aim <= self.aimed[-1] else np.inf


def compared(
    alone: list[list[Policies]], cascades: list[Policies], rates: list[float]
) -> tuple[list[float], list[float]]:
    """Price and cost at every rate; NaN where a quarter of the weight is not reached."""
    total = sum(each.weight for each in cascades)
    aims = sorted({float(x) for each in cascades for x in each.aimed})
    prices, costs = [], []
    for u in rates:
        reach = [max(float(one.aimed[-1]) for one in fold) for fold in alone]
        if any(abs(x - u) < 1e-9 for x in reach):
            raise Tied
        folds = [k for k, x in enumerate(reach) if x > u]
        weight = sum(cascades[k].weight for k in folds)
        if weight < 0.25 * total:
            prices.append(float("nan"))
            costs.append(float("nan"))
            continue
        solved = spent = 0.0
        for k in folds:
            training = sorted((one.cost_at(u), m) for m, one in enumerate(alone[k]))
            if len(training) > 1 and training[1][0] - training[0][0] <= 1e-9 * training[0][0]:
                raise Tied
            a, b = alone[k][training[0][1]].at(u)
            solved, spent = solved + a, spent + b
        prices.append(spent / weight)
        x, y = [], []
        for aim in aims:
            points = [cascades[k].at(aim) for k in folds]
            rate = sum(p[0] for p in points) / weight
            cost = sum(p[1] for p in points) / weight
            x.append(max(rate, x[-1]) if x else rate)  # neither ever falls
            y.append(max(cost, y[-1]) if y else cost)
        kept = [0] + [k for k in range(1, len(x)) if x[k] > x[k - 1]]
        here = solved / weight
        known = here <= x[-1] + 1e-12
        costs.append(
            float(np.interp(here, [x[k] for k in kept], [y[k] for k in kept]))
            if known
            else float("nan")
        )
    return prices, costs
