"""Verification by enumeration: every attempt is right or wrong, every verdict yes or no.

An instance's record is n attempts of which c are right, drawn without replacement; past the record
an attempt is right with probability c / n, or none is made. A plan is a sequence of models.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

State = tuple[tuple[int, int], ...]


@dataclass
class Instance:
    """Records (n, c), prices, and the verifier's numbers, per model."""

    records: list[tuple[int, int]]
    price: list[Fraction]
    check: list[Fraction]
    accepts_wrong: list[Fraction]
    rejects_right: list[Fraction]
    stop: bool

    def start(self) -> dict[State, Fraction]:
        """Nothing tried: one state, what is left of each record."""
        return {tuple(self.records): Fraction(1)}

    def step(
        self, states: dict[State, Fraction], m: int
    ) -> tuple[dict[State, Fraction], Fraction, Fraction, Fraction]:
        """One more attempt: the states after a rejection, chances of right, wrong, made."""
        after: dict[State, Fraction] = {}
        right, wrong, made = Fraction(0), Fraction(0), Fraction(0)
        n, c = self.records[m]
        for state, chance in states.items():
            left, good = state[m]
            if n == 0 or (left == 0 and self.stop):
                after[state] = after.get(state, Fraction(0)) + chance
                continue
            made += chance
            p = Fraction(good, left) if left else Fraction(c, n)
            right += chance * p * (1 - self.rejects_right[m])
            wrong += chance * (1 - p) * self.accepts_wrong[m]
            for hidden, odds in (
                (1, p * self.rejects_right[m]),
                (0, (1 - p) * (1 - self.accepts_wrong[m])),
            ):
                if odds:
                    drawn = (left - 1, good - hidden) if left else (0, 0)
                    new = (*state[:m], drawn, *state[m + 1 :])
                    after[new] = after.get(new, Fraction(0)) + chance * odds
        return after, right, wrong, made


def follow(
    instance: Instance, order: list[int]
) -> tuple[list[Fraction], list[Fraction], list[Fraction], Fraction]:
    """Right, wrong and attempts made by model, and the chance that nothing is delivered."""
    width = len(instance.records)
    right, wrong, made = ([Fraction(0)] * width for _ in range(3))
    states = instance.start()
    for m in order:
        states, *more = instance.step(states, m)
        for total, extra in zip((right, wrong, made), more, strict=True):
            total[m] += extra
    return right, wrong, made, sum(states.values(), Fraction(0))


def all_plans(
    instances: list[Instance], weight: list[Fraction], most: list[int]
) -> dict[tuple[int, ...], tuple[Fraction, Fraction, Fraction]]:
    """Rates of right and wrong answers and the spend, of every order of attempts."""
    found: dict[tuple[int, ...], tuple[Fraction, Fraction, Fraction]] = {}
    zero = Fraction(0)
    going = [((), [one.start() for one in instances], zero, zero, zero)]
    while going:
        order, states, right, wrong, spend = going.pop()
        found[order] = (right, wrong, spend)
        for m, limit in enumerate(most):
            if order.count(m) == limit:
                continue
            new, r, w, s = [], right, wrong, spend
            for one, state, share in zip(instances, states, weight, strict=True):
                after, a, b, made = one.step(state, m)
                new.append(after)
                r += share * a
                w += share * b
                s += share * made * (one.price[m] + one.check[m])
            going.append(((*order, m), new, r, w, s))
    return found


def hull(points: list[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    """Lower convex hull of (rate, cost), from nothing at no cost to the largest rate."""
    out: list[tuple[Fraction, Fraction]] = []
    best: dict[Fraction, Fraction] = {}
    for x, y in points:
        best[x] = min(y, best.get(x, y))
    for x, y in sorted(best.items()):
        while len(out) > 1:
            (x0, y0), (x1, y1) = out[-2], out[-1]
            if (y1 - y0) * (x - x0) < (y - y0) * (x1 - x0):
                break
            out.pop()
        out.append((x, y))
    return out


def cost_at(vertices: list[tuple[Fraction, Fraction]], target: Fraction) -> Fraction | None:
    """Cost on the hull at a rate; none beyond its end."""
    if target > vertices[-1][0]:
        return None
    for (x0, y0), (x1, y1) in itertools.pairwise(vertices):
        if target <= x1:
            return y0 + (y1 - y0) * (target - x0) / (x1 - x0)
    return vertices[0][1]
