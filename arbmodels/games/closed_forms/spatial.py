"""Consumers on a line or a circle: Hotelling and Salop."""

from __future__ import annotations

from arbmodels.games.closed_forms.algebra import algebra, first_order, only_solution, positive
from arbmodels.games.closed_forms.result import ClosedForm


def hotelling() -> ClosedForm:
    """Return the prices at the ends of a line of length 1, transport cost t per distance.

    The consumer at x is indifferent where p_1 + t x = p_2 + t (1 - x); all buy.
    """
    t, c1, c2, p1, p2, x = positive("t c_1 c_2 p_1 p_2 x")
    sp = algebra()
    indifferent = sp.Eq(p1 + t * x, p2 + t * (1 - x))
    (border,) = only_solution([indifferent], [x])
    conditions = first_order(((p1 - c1) * border, (p2 - c2) * (1 - border)), (p1, p2))
    one, two = only_solution(conditions, (p1, p2))
    return ClosedForm(
        "Hotelling line",
        {"p_1": one, "p_2": two},
        (indifferent, *conditions, sp.Lt(abs(c1 - c2), 3 * t)),
        "all buy, both sell",
    )


def circular_city() -> ClosedForm:
    """Return price and number of firms on a circle of length 1 with entry cost f (Salop).

    Returns
    -------
    ClosedForm
        ``p`` given n, and the ``n`` at which profit pays for entry.
    """
    t, c, f, n, p, own, x = positive("t c f n p p_i x")
    sp = algebra()
    indifferent = sp.Eq(own + t * x, p + t * (1 / n - x))
    (border,) = only_solution([indifferent], [x])
    (condition,) = first_order([(own - c) * 2 * border], [own])
    alike = condition.subs(own, p)
    (price,) = only_solution([alike], [p])
    profit = sp.simplify(((own - c) * 2 * border).subs(own, p).subs(p, price))
    entry = sp.Eq(profit, f)
    (count,) = sp.solve(entry, n)
    return ClosedForm(
        "Circular city",
        {"p": sp.expand(price), "n": count},
        (indifferent, alike, entry),
        "all buy, neighbours compete",
    )
