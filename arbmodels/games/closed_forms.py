"""Equilibria in closed form, derived by computer algebra (``pip install 'arbmodels[symbolic]'``).

Every function derives its formula from first-order and indifference conditions when called. Linear
demand, Hotelling and Salop, two products that differ in solve rate, logit and nested logit, and
the mixed prices of two sellers (Bertrand-Edgeworth, captive buyers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from arbmodels.errors import ArbModelsError

if TYPE_CHECKING:
    import sympy as sp


__all__ = [
    "ClosedForm",
    "captive_symmetric",
    "circular_city",
    "complements",
    "homogeneous_bertrand",
    "hotelling",
    "linear_duopoly",
    "linear_oligopoly",
    "linear_stackelberg",
    "logit_lambert",
    "logit_markup",
    "logit_symmetric",
    "nested_logit_markup",
    "two_capacities",
    "two_captive",
    "two_sellers",
    "vertical_covered",
    "vertical_uncovered",
]


def algebra() -> ModuleType:
    """Return sympy.

    Raises
    ------
    ArbModelsError
        If it is not installed, saying what to install.
    """
    try:
        return import_module("sympy")
    except ModuleNotFoundError:
        raise ArbModelsError(
            "Closed forms need sympy: pip install 'arbmodels[symbolic]'."
        ) from None


def positive(names: str) -> tuple[sp.Symbol, ...]:
    """Return positive symbols, by names separated by blanks."""
    sp = algebra()
    return tuple(sp.Symbol(name, positive=True) for name in names.split())


def first_order(profits: Sequence[sp.Expr], prices: Sequence[sp.Symbol]) -> tuple[sp.Eq, ...]:
    """Return the first-order condition of every profit by its price."""
    sp = algebra()
    return tuple(
        sp.Eq(sp.expand(sp.diff(profit, price)), 0)
        for profit, price in zip(profits, prices, strict=True)
    )


def only_solution(conditions: Sequence[sp.Basic], unknowns: Sequence[sp.Symbol]) -> list[sp.Expr]:
    """Return the solution of conditions that have one, factored."""
    sp = algebra()
    (solution,) = sp.solve(list(conditions), list(unknowns), dict=True)
    return [sp.factor(solution[unknown]) for unknown in unknowns]


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """Equilibrium quantities in closed form.

    Parameters
    ----------
    name : str
    formulas : mapping of str to sympy expression
        What is solved for, such as ``"p_1"``.
    conditions : tuple of sympy relations
        First-order or indifference conditions the formulas solve, and where they hold.
    assumes : str
        The case in words.

    Examples
    --------
    >>> from arbmodels.games.closed_forms import logit_symmetric
    >>> form = logit_symmetric()
    >>> print(form)
    Symmetric logit: markup = n/(alpha*(n - 1))
    >>> form.lambdify()(alpha=2.0, n=3)
    0.75
    """

    name: str
    formulas: Mapping[str, sp.Expr]
    conditions: tuple[sp.Basic, ...]
    assumes: str

    @property
    def expression(self) -> sp.Expr:
        """The formula; a tuple if there are several."""
        import sympy as sp

        values = tuple(self.formulas.values())
        return values[0] if len(values) == 1 else sp.Tuple(*values)

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Everything the formulas depend on, by name."""
        return tuple(sorted(self.expression.free_symbols, key=str))

    def lambdify(self) -> Callable[..., Any]:
        """Return a function of the symbols, by keyword, on numbers or arrays (NumPy, SciPy)."""
        import sympy as sp

        function = sp.lambdify(self.symbols, self.expression, modules=["scipy", "numpy"])
        names = [str(symbol) for symbol in self.symbols]

        def evaluate(**values: Any) -> Any:
            return function(*(values[name] for name in names))

        evaluate.__doc__ = f"{self.name}, of {', '.join(names)}."
        return evaluate

    def derivative(self, name: str, by: str) -> sp.Expr:
        """Return the derivative of formula ``name`` by symbol ``by``, simplified."""
        import sympy as sp

        symbol = next(s for s in self.symbols if str(s) == by)
        return sp.simplify(sp.diff(self.formulas[name], symbol))

    @property
    def latex(self) -> str:
        """The formulas, for a paper."""
        import sympy as sp

        lines = [
            rf"{sp.latex(sp.Symbol(name))} &= {sp.latex(value)}"
            for name, value in self.formulas.items()
        ]
        return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"${self.latex}$"

    def __str__(self) -> str:
        formulas = ", ".join(f"{name} = {value}" for name, value in self.formulas.items())
        return f"{self.name}: {formulas}"

    def __repr__(self) -> str:
        return str(self)


def hotelling() -> ClosedForm:
    """Return the prices at the ends of a line of length 1, transport cost t per distance.

    The consumer at x is indifferent where p_1 + t x = p_2 + t (1 - x); all buy.

    References
    ----------
    Hotelling, *Stability in competition*, Economic Journal 39 (1929).
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

    References
    ----------
    Salop, *Monopolistic competition with outside goods*, Bell Journal of Economics 10 (1979).
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

    References
    ----------
    Shaked, Sutton, *Relaxing price competition through product differentiation*, Review of Economic
    Studies 49 (1982).

    Tirole, *The theory of industrial organization*, MIT Press (1988), section 7.5.
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

    References
    ----------
    Shaked, Sutton, *Relaxing price competition through product differentiation*, Review of Economic
    Studies 49 (1982).

    Tirole, *The theory of industrial organization*, MIT Press (1988), section 7.5.
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
    """Return the markup of a one-product firm as a function of its share s.

    References
    ----------
    Anderson, de Palma, Thisse, *Discrete choice theory of product differentiation*, MIT Press
    (1992).
    """
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

    References
    ----------
    Aravindakshan, Ratchford, *Solving share equations in logit models using the LambertW function*,
    Review of Marketing Science 9 (2011).
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
    """Return the markup of n alike one-product firms without an outside option.

    References
    ----------
    Anderson, de Palma, Thisse, *Discrete choice theory of product differentiation*, MIT Press
    (1992).
    """
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

    References
    ----------
    Berry, *Estimating discrete-choice models of product differentiation*, RAND Journal of Economics
    25 (1994), equations 25 to 28.
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

    References
    ----------
    Singh, Vives, *Price and quantity competition in a differentiated duopoly*, RAND Journal of
    Economics 15 (1984).
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
    """Return the price of n alike firms that face q_i = a - b p_i + d (sum of the others' p).

    References
    ----------
    Singh, Vives, *Price and quantity competition in a differentiated duopoly*, RAND Journal of
    Economics 15 (1984).
    """
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

    References
    ----------
    von Stackelberg, *Marktform und Gleichgewicht*, Springer (1934).
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

    References
    ----------
    Bertrand, *Théorie mathématique de la richesse sociale*, Journal des Savants (1883).
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

    References
    ----------
    Cournot, *Recherches sur les principes mathématiques de la théorie des richesses*, Hachette
    (1838).
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

    References
    ----------
    Levitan, Shubik, *Price duopoly and capacity constraints*, International Economic Review 13
    (1972).

    Kreps, Scheinkman, *Quantity precommitment and Bertrand competition yield Cournot outcomes*,
    Bell Journal of Economics 14 (1983).
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

    References
    ----------
    Narasimhan, *Competitive promotional strategies*, Journal of Business 61 (1988).
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

    References
    ----------
    Varian, *A model of sales*, American Economic Review 70 (1980).
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
