"""Linear demand: duopoly, n firms, a leader, a monopolist facing a rival's cost, complements.

Consumers on a line or a circle: Hotelling and Salop.

Two products that differ in solve rate, tastes uniform.

Logit and nested logit: markups.
"""

from __future__ import annotations

from arbmodels.games.closed_forms.base import (
    ClosedForm,
    algebra,
    first_order,
    only_solution,
    positive,
)


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


def vertical_uncovered() -> ClosedForm:
    """Return prices of solve rates s_L < s_H, tastes uniform on [0, 1], some buy nothing.

    Returns
    -------
    ClosedForm
        ``p_H``, ``p_L``, interior: both sell.
    """
    sh, sl, ch, cl, ph, pl, taste = positive("s_H s_L c_H c_L p_H p_L theta")
    sp = algebra()
    between = sp.Eq(taste * sh - ph, taste * sl - pl)
    lowest = sp.Eq(taste * sl - pl, 0)
    (upper,) = only_solution([between], [taste])
    (lower,) = only_solution([lowest], [taste])
    conditions = first_order(((ph - ch) * (1 - upper), (pl - cl) * (upper - lower)), (ph, pl))
    high, low = only_solution(conditions, (ph, pl))
    return ClosedForm(
        "Vertical differentiation, uncovered",
        {"p_H": high, "p_L": low},
        (between, lowest, *conditions, sp.Gt(sh, sl)),
        "both sell, the lowest tastes buy nothing",
    )


def vertical_covered() -> ClosedForm:
    """Return prices of solve rates s_L < s_H, tastes uniform on [t_0, t_0 + 1], all buy.

    Returns
    -------
    ClosedForm
        ``p_H``, ``p_L`` in D = s_H - s_L.
    """
    gap, ch, cl, ph, pl, taste, start = positive("D c_H c_L p_H p_L theta t_0")
    sp = algebra()
    between = sp.Eq(taste * gap, ph - pl)
    (upper,) = only_solution([between], [taste])
    conditions = first_order(
        ((ph - ch) * (start + 1 - upper), (pl - cl) * (upper - start)), (ph, pl)
    )
    high, low = only_solution(conditions, (ph, pl))
    return ClosedForm(
        "Vertical differentiation, covered",
        {"p_H": high, "p_L": low},
        (between, *conditions, sp.Gt(gap, 0)),
        "both sell, all buy",
    )


def logit_markup() -> ClosedForm:
    """Return the markup of a one-product firm as a function of its share s."""
    alpha, s, mu, weight, rest = positive("alpha s mu E D")
    sp = algebra()
    # E = exp(a - alpha p), so that dE/dp = -alpha E.
    share = weight / (weight + rest)
    condition = sp.Eq(share - alpha * mu * weight * sp.diff(share, weight), 0)
    (markup,) = only_solution([condition.subs(rest, weight * (1 - s) / s)], [mu])
    return ClosedForm("Logit", {"markup": markup}, (condition, sp.Lt(s, 1)), "one product per firm")


def logit_lambert() -> ClosedForm:
    r"""Return the best-response markup of a one-product firm, by Lambert's W.

    T = exp(a - alpha c) is the firm's weight at cost, D the rivals' and the outside option's.
    """
    alpha, weight, rest, x = positive("alpha T D x")
    sp = algebra()
    # x = alpha (p - c); the firm's share is T e^-x / (T e^-x + D).
    share = weight * sp.exp(-x) / (weight * sp.exp(-x) + rest)
    condition = sp.simplify(sp.diff(x * share, x))
    scaled = sp.numer(sp.together(sp.expand(condition * sp.exp(x))))
    factors = [f for f in sp.Mul.make_args(sp.factor(scaled)) if f.has(x) and f.has(rest)]
    (solution,) = sp.solve(sp.expand(factors[0]), x)
    return ClosedForm(
        "Logit best response",
        {"markup": solution / alpha},
        (sp.Eq(condition, 0),),
        "one product per firm, rivals' prices given",
    )


def logit_symmetric() -> ClosedForm:
    """Return the markup of n alike one-product firms without an outside option."""
    sp = algebra()
    n, s = positive("n s")
    single = logit_markup()
    return ClosedForm(
        "Symmetric logit",
        {"markup": sp.factor(single.formulas["markup"].subs(s, 1 / n))},
        (*single.conditions, sp.Eq(s, 1 / n)),
        "everybody buys, n > 1",
    )


def nested_logit_markup() -> ClosedForm:
    """Return the markup of a one-product firm from its share s_j and that within its nest, s_jg.

    Derived from the nested share itself, sigma the correlation within the nest.
    """
    alpha, s, inside, mu, weight, others, rest, sigma = positive("alpha s_j s_jg mu E R Z sigma")
    sp = algebra()
    # E = exp((a - alpha p)/(1 - sigma)), so that dE/dp = -alpha E / (1 - sigma). R is the rivals'
    # weight in the nest, Z the weight of the other nests and the outside option.
    nest = weight + others
    log_share = sp.log(weight / nest) + (1 - sigma) * sp.log(nest)
    log_share -= sp.log(rest + nest ** (1 - sigma))
    elastic = weight * sp.diff(log_share, weight)
    condition = sp.Eq(1 - mu * alpha / (1 - sigma) * elastic, 0)
    # Put the shares in: R = E (1/s_jg - 1), Z = N^(1 - sigma) (s_jg / s_j - 1).
    by_share = elastic.subs(rest, nest ** (1 - sigma) * (inside / s - 1))
    by_share = sp.simplify(sp.simplify(by_share).subs(others, weight * (1 / inside - 1)))
    (markup,) = only_solution([condition.subs(elastic, by_share)], [mu])
    return ClosedForm(
        "Nested logit",
        {"markup": markup},
        (condition, sp.Lt(sigma, 1)),
        "one product per firm",
    )


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
