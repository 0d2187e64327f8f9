"""Linear demand: duopoly, n firms, a leader, a monopolist facing a rival's cost, complements."""

from __future__ import annotations

from arbmodels.games.closed_forms.algebra import algebra, first_order, only_solution, positive
from arbmodels.games.closed_forms.result import ClosedForm


def linear_duopoly() -> ClosedForm:
    """Return the prices of two firms that face q_i = a - b p_i + d p_j at costs c_1, c_2.

    Returns
    -------
    ClosedForm
        ``p_1``, ``p_2``, interior: both sell.
    """
    a, b, d, c1, c2, p1, p2 = positive("a b d c_1 c_2 p_1 p_2")
    profits = ((p1 - c1) * (a - b * p1 + d * p2), (p2 - c2) * (a - b * p2 + d * p1))
    conditions = first_order(profits, (p1, p2))
    one, two = only_solution(conditions, (p1, p2))
    return ClosedForm(
        "Linear duopoly",
        {"p_1": one, "p_2": two},
        (*conditions, algebra().Gt(2 * b, d)),
        "both sell",
    )


def linear_oligopoly() -> ClosedForm:
    """Return the price of n alike firms that face q_i = a - b p_i + d (sum of the others' p)."""
    a, b, d, c, n, p, own = positive("a b d c n p p_i")
    sp = algebra()
    (condition,) = first_order([(own - c) * (a - b * own + d * (n - 1) * p)], [own])
    alike = condition.subs(own, p)
    (price,) = only_solution([alike], [p])
    return ClosedForm(
        "Symmetric linear oligopoly", {"p": price}, (alike, sp.Gt(2 * b, (n - 1) * d)), "all sell"
    )


def linear_stackelberg() -> ClosedForm:
    """Return the prices of a leader and a follower under linear demand, equal costs c.

    Returns
    -------
    ClosedForm
        ``p_1`` (leader), ``p_2`` (follower).
    """
    a, b, d, c, p1, p2 = positive("a b d c p_1 p_2")
    sp = algebra()
    (follows,) = first_order([(p2 - c) * (a - b * p2 + d * p1)], [p2])
    (response,) = only_solution([follows], [p2])
    (leads,) = first_order([(p1 - c) * (a - b * p1 + d * response)], [p1])
    (leader,) = only_solution([leads], [p1])
    return ClosedForm(
        "Linear Stackelberg duopoly",
        {"p_1": leader, "p_2": sp.factor(response.subs(p1, leader))},
        (follows, leads, sp.Gt(2 * b**2, d**2)),
        "both sell",
    )


def homogeneous_bertrand() -> ClosedForm:
    """Return the price of a homogeneous good, costs c_1 < c_2, demand A - b p.

    Firm 1 serves all at its monopoly price, or at firm 2's cost if that is lower: above it firm 2
    undercuts, and below it firm 1 earns less, its profit rising up to the monopoly price.

    Returns
    -------
    ClosedForm
        ``p``; the tie at c_2 is served by firm 1.
    """
    a, b, c1, c2, p = positive("A b c_1 c_2 p")
    sp = algebra()
    (condition,) = first_order([(p - c1) * (a - b * p)], [p])
    (monopoly,) = only_solution([condition], [p])
    return ClosedForm(
        "Homogeneous Bertrand",
        {"p": sp.Min(c2, monopoly)},
        (condition, sp.Le(p, c2), sp.Lt(c1, c2), sp.Gt(a, b * c1)),
        "ties served by the firm of lower cost",
    )


def complements() -> ClosedForm:
    """Return prices of two providers bought together: y_i of provider i, demand A - sum y_i w_i.

    A cascade that buys from both makes them complements; costs are zero.

    Returns
    -------
    ClosedForm
        ``w_1``, ``w_2``, and ``p``, what the buyer pays for both.
    """
    a, y1, y2, w1, w2 = positive("A y_1 y_2 w_1 w_2")
    sp = algebra()
    sold = a - y1 * w1 - y2 * w2
    conditions = first_order((y1 * w1 * sold, y2 * w2 * sold), (w1, w2))
    one, two = only_solution(conditions, (w1, w2))
    return ClosedForm(
        "Providers as complements",
        {"w_1": one, "w_2": two, "p": sp.factor(y1 * one + y2 * two)},
        conditions,
        "zero cost; the arbitrageur passes its cost on",
    )
