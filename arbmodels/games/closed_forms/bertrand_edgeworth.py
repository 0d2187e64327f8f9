"""Mixed prices of two sellers, and of n alike, from indifference between all prices played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arbmodels.games.closed_forms.base import ClosedForm, algebra, only_solution, positive

if TYPE_CHECKING:
    import sympy as sp


def two_sellers() -> ClosedForm:
    """Return the mixed prices of two sellers who sell h below the rival's price and l above it.

    Seller i is indifferent between every price and v, where the rival is almost surely cheaper:
    (p - c_i) [h_i - (h_i - l_i) F_j(p)] = (v - c_i) l_i. The lowest price p_0 solves it at
    F_j = 0; F_i follows from the rival's indifference down to that price.

    Returns
    -------
    ClosedForm
        ``p_0``, ``F_i`` and ``F_j`` (cumulative, below v), ``atom_i`` at v, ``profit_i``; i is
        the seller with the higher p_0 of the two.
    """
    return _two_sellers("Two sellers in mixed prices", {})


def two_capacities() -> ClosedForm:
    """Return the Bertrand-Edgeworth duopoly, demand 1: sales k below the rival, 1 - k_j above it.

    Returns
    -------
    ClosedForm
        As :func:`two_sellers`; k_i and k_j at most 1, together above it.
    """
    ki, kj = positive("k_i k_j")
    return _two_sellers(
        "Bertrand-Edgeworth duopoly", {"h_i": ki, "h_j": kj, "l_i": 1 - kj, "l_j": 1 - ki}
    )


def two_captive() -> ClosedForm:
    """Return two sellers with captive buyers m_i, m_j and lambda informed ones.

    Returns
    -------
    ClosedForm
        As :func:`two_sellers`: sales m + lambda below the rival's price, m above it.
    """
    mi, mj, informed = positive("m_i m_j lambda")
    values = {"h_i": mi + informed, "h_j": mj + informed, "l_i": mi, "l_j": mj}
    return _two_sellers("Captive and informed buyers, two sellers", values)


def captive_symmetric() -> ClosedForm:
    """Return the price distribution of n sellers alike: m captive buyers each, lambda informed.

    Returns
    -------
    ClosedForm
        ``F``, from (p - c) [m + lambda (1 - F)^(n-1)] = (v - c) m.
    """
    sp = algebra()
    p, v, c, m, informed, n, wins = positive("p v c m lambda n W")  # W = (1 - F)^(n - 1)
    indifferent = sp.Eq((p - c) * (m + informed * wins), (v - c) * m)
    (found,) = only_solution([indifferent], [wins])
    return ClosedForm(
        "Captive and informed buyers, n sellers alike",
        {"F": 1 - found ** (1 / (n - 1))},
        (indifferent, sp.Gt(v, c)),
        "at least two sellers, m > 0",
    )


def _two_sellers(name: str, values: dict[str, sp.Expr]) -> ClosedForm:
    sp = algebra()
    p, v, low = positive("p v p_0")
    costs = dict(zip("ij", positive("c_i c_j"), strict=True))
    level = dict(zip(("h_i", "h_j", "l_i", "l_j"), positive("h_i h_j l_i l_j"), strict=True))
    cdf = {who: sp.Symbol(f"F_{who}", positive=True) for who in "ij"}

    def indifferent(me: str, price: Any, rival: Any, worth: Any) -> Any:
        sales = level[f"h_{me}"] - (level[f"h_{me}"] - level[f"l_{me}"]) * rival
        return sp.Eq((price - costs[me]) * sales, worth)

    at_top = (v - costs["i"]) * level["l_i"]
    (lowest,) = only_solution([indifferent("i", low, 0, at_top)], [low])
    conditions = (
        indifferent("i", p, cdf["j"], at_top),
        indifferent("j", p, cdf["i"], (lowest - costs["j"]) * level["h_j"]),
    )
    rival, own = (
        only_solution([condition], [unknown])[0]
        for condition, unknown in zip(conditions, (cdf["j"], cdf["i"]), strict=True)
    )
    given = {level[key]: value for key, value in values.items()}
    formulas = {
        "p_0": lowest,
        "F_i": own,
        "F_j": rival,
        "atom_i": 1 - own.subs(p, v),
        "profit_i": at_top,
    }
    return ClosedForm(
        name,
        {key: sp.factor(formula.subs(given)) for key, formula in formulas.items()},
        (*(condition.subs(given) for condition in conditions), sp.Gt(v, lowest.subs(given))),
        "i has the higher lowest price, and it is at least both costs",
    )
