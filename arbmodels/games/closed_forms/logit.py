"""Logit and nested logit: markups."""

from __future__ import annotations

from arbmodels.games.closed_forms.algebra import algebra, only_solution, positive
from arbmodels.games.closed_forms.result import ClosedForm


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
