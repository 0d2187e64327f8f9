"""Mixed prices of two sellers, and of n alike, derived from indifference with SymPy.

Each function returns expressions that print as formulas in a notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from arbmodels.errors import InputError

if TYPE_CHECKING:
    import sympy


class TwoSellers(NamedTuple):
    """Expressions for two sellers; i is the one whose profit at v sets the lowest price.

    ``lowest_price`` p0, ``own`` F_i and ``rival`` F_j (cumulative, below v), ``atom`` of i at v,
    ``profit`` of i.
    """

    lowest_price: sympy.Expr
    own: sympy.Expr
    rival: sympy.Expr
    atom: sympy.Expr
    profit: sympy.Expr


def symbols() -> dict[str, Any]:
    """Return the symbols of the expressions below, by name: p, v, c_i, h_i, l_i, k_i, m_i, ..."""
    sympy = _sympy()
    names = "p v c c_i c_j h_i h_j l_i l_j k_i k_j m m_i m_j lambda n"
    return {name: sympy.Symbol(name, positive=True) for name in names.split()}


def two_sellers() -> TwoSellers:
    """Derive the equilibrium of two sellers who sell h below the rival's price and l above it.

    Seller i is indifferent between every price and v, where the rival is almost surely cheaper:
    (p - c_i) [h_i - (h_i - l_i) F_j(p)] = (v - c_i) l_i. The lowest price solves it at F_j = 0;
    F_i follows from the rival's indifference down to that price. Valid where c_i, c_j <= p0 < v
    and i has the higher p0 of the two.
    """
    sympy = _sympy()
    s = symbols()
    low, cdf = sympy.Symbol("p_0", positive=True), sympy.Symbol("F")
    at_top = (s["v"] - s["c_i"]) * s["l_i"]
    (lowest,) = sympy.solve(sympy.Eq((low - s["c_i"]) * s["h_i"], at_top), low)

    def indifferent(me: str, worth: Any) -> Any:
        sales = s[f"h_{me}"] - (s[f"h_{me}"] - s[f"l_{me}"]) * cdf
        (found,) = sympy.solve(sympy.Eq((s["p"] - s[f"c_{me}"]) * sales, worth), cdf)
        return sympy.factor(found)

    rival = indifferent("i", at_top)
    own = indifferent("j", (lowest - s["c_j"]) * s["h_j"])
    atom = sympy.factor(1 - own.subs(s["p"], s["v"]))
    return TwoSellers(sympy.simplify(lowest), own, rival, atom, at_top)


def two_capacities() -> TwoSellers:
    """Substitute capacities below demand 1: sales k below the rival's price, 1 - k_j above it."""
    s = symbols()
    return _substituted(
        {
            s["h_i"]: s["k_i"],
            s["h_j"]: s["k_j"],
            s["l_i"]: 1 - s["k_j"],
            s["l_j"]: 1 - s["k_i"],
        }
    )


def two_captive() -> TwoSellers:
    """Substitute captive buyers m and informed buyers lambda: sales m + lambda, or m alone."""
    s = symbols()
    return _substituted(
        {
            s["h_i"]: s["m_i"] + s["lambda"],
            s["h_j"]: s["m_j"] + s["lambda"],
            s["l_i"]: s["m_i"],
            s["l_j"]: s["m_j"],
        }
    )


def captive_symmetric() -> sympy.Expr:
    """Derive F(p) of n sellers alike, each with m captive buyers, lambda informed in all.

    Indifference: (p - c) [m + lambda (1 - F)^(n-1)] = (v - c) m.
    """
    sympy = _sympy()
    s = symbols()
    wins = sympy.Symbol("W", positive=True)  # (1 - F)^(n - 1)
    pays = (s["p"] - s["c"]) * (s["m"] + s["lambda"] * wins)
    (found,) = sympy.solve(sympy.Eq(pays, (s["v"] - s["c"]) * s["m"]), wins)
    return 1 - sympy.factor(found) ** (1 / (s["n"] - 1))


def _substituted(values: dict[Any, Any]) -> TwoSellers:
    sympy = _sympy()
    return TwoSellers(*(sympy.factor(part.subs(values)) for part in two_sellers()))


def _sympy() -> Any:
    try:
        import sympy
    except ImportError as error:
        raise InputError("Closed forms need SymPy: pip install 'arbmodels[symbolic]'.") from error
    return sympy
