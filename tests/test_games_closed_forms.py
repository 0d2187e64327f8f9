"""Closed forms: against the textbook formulas, typed here, and against every numeric solver."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import sympy as sp

import arbmodels.games.closed_forms as forms
from arbmodels.errors import ArbModelsError
from arbmodels.games import BertrandGame, Seller
from arbmodels.games.closed_forms import ClosedForm
from arbmodels.games.differentiated import (
    DifferentiatedGame,
    LinearDemand,
    LogitDemand,
    VerticalDemand,
)

#: What the literature says, as typed by a reader of it.
TEXTBOOK = {
    "linear_duopoly": {
        "p_1": "((2*b + d)*a + 2*b**2*c_1 + b*d*c_2)/(4*b**2 - d**2)",
        "p_2": "((2*b + d)*a + 2*b**2*c_2 + b*d*c_1)/(4*b**2 - d**2)",
    },
    "linear_oligopoly": {"p": "(a + b*c)/(2*b - (n - 1)*d)"},
    "linear_stackelberg": {
        "p_1": "((2*b + d)*a + (2*b**2 + b*d - d**2)*c)/(2*(2*b**2 - d**2))",
    },
    "homogeneous_bertrand": {"p": "Min(c_2, (A/b + c_1)/2)"},
    "complements": {"w_1": "A/(3*y_1)", "w_2": "A/(3*y_2)", "p": "2*A/3"},
    "logit_markup": {"markup": "1/(alpha*(1 - s))"},
    "logit_lambert": {"markup": "(1 + LambertW(T*exp(-1)/D))/alpha"},
    "logit_symmetric": {"markup": "n/(alpha*(n - 1))"},
    "nested_logit_markup": {
        "markup": "(1 - sigma)/(alpha*(1 - sigma*s_jg - (1 - sigma)*s_j))",
    },
    "hotelling": {"p_1": "t + (2*c_1 + c_2)/3", "p_2": "t + (2*c_2 + c_1)/3"},
    "circular_city": {"p": "c + t/n", "n": "sqrt(t/f)"},
    "vertical_uncovered": {
        "p_H": "s_H*(2*(s_H - s_L) + 2*c_H + c_L)/(4*s_H - s_L)",
        "p_L": "(s_L*(s_H - s_L) + s_L*c_H + 2*s_H*c_L)/(4*s_H - s_L)",
    },
    "vertical_covered": {
        "p_H": "((t_0 + 2)*D + 2*c_H + c_L)/3",
        "p_L": "((1 - t_0)*D + c_H + 2*c_L)/3",
    },
}


@pytest.fixture(scope="module")
def derived() -> dict[str, ClosedForm]:
    return {name: getattr(forms, name)() for name in TEXTBOOK}


@pytest.mark.parametrize("name", TEXTBOOK)
def test_derivations_are_the_formulas_of_the_literature(name, derived):
    form = derived[name]
    names = {str(symbol): symbol for symbol in form.symbols}
    for what, text in TEXTBOOK[name].items():
        expected = sp.sympify(text, locals=names)
        assert sp.simplify(form.formulas[what] - expected) == 0
    assert form.conditions
    assert "aligned" in form.latex
    assert form._repr_latex_().startswith("$")


def test_all_forms_are_tested():
    capacity = {"captive_symmetric", "two_capacities", "two_captive", "two_sellers"}
    assert set(forms.__all__) - {"ClosedForm"} - capacity == set(TEXTBOOK)


def test_linear_solvers(derived):
    duopoly = DifferentiatedGame(LinearDemand.symmetric(["x", "y"], 10, 2, 1), [1, 2]).solve()
    expected = derived["linear_duopoly"].lambdify()(a=10, b=2, d=1, c_1=1, c_2=2)
    np.testing.assert_allclose(duopoly.prices, expected, rtol=1e-12)
    alike = DifferentiatedGame(LinearDemand.symmetric([*"abcde"], 10, 8, 1), 1).solve()
    expected = derived["linear_oligopoly"].lambdify()(a=10, b=8, d=1, c=1, n=5)
    np.testing.assert_allclose(alike.prices, expected, rtol=1e-12)
    led = DifferentiatedGame(
        LinearDemand.symmetric(["x", "y"], 10, 2, 1), [1, 1], leader="x"
    ).solve()
    expected = derived["linear_stackelberg"].lambdify()(a=10, b=2, d=1, c=1)
    np.testing.assert_allclose(led.prices, expected, rtol=1e-7)
    assert led.relative_epsilon < 1e-12


def test_complements_raise_the_price_above_a_monopolists(derived):
    y = np.array([2.0, 3.0])
    demand = LinearDemand(["u", "v"], 12 * y, np.outer(y, y))
    apart = DifferentiatedGame(demand, 0.0).solve()
    one, two, price = derived["complements"].lambdify()(A=12.0, y_1=2.0, y_2=3.0)
    np.testing.assert_allclose(apart.prices, [one, two], rtol=1e-12)
    assert y @ apart.prices == pytest.approx(price)
    assert price > 12 / 2  # one firm that owned both would charge


def test_logit_solvers(derived):
    demand = LogitDemand([*"abc"], [1.0, 2.0, 3.0], 1.5)
    found = DifferentiatedGame(demand, [0.5, 1.0, 1.0]).solve()
    by_share = derived["logit_markup"].lambdify()(alpha=1.5, s=found.shares)
    np.testing.assert_allclose(found.markups, by_share, rtol=1e-12)
    weight = np.exp(demand.quality - 1.5 * found.game.costs)
    total = 1 / demand.outside_share(found.prices)
    rivals = total * (1 - found.shares)
    by_rivals = derived["logit_lambert"].lambdify()(alpha=1.5, T=weight, D=rivals)
    np.testing.assert_allclose(found.markups, by_rivals, rtol=1e-10)
    alike = DifferentiatedGame(LogitDemand([*"abcd"], 1.0, 1.5, outside=False), 1.0).solve()
    expected = derived["logit_symmetric"].lambdify()(alpha=1.5, n=4)
    np.testing.assert_allclose(alike.markups, expected, rtol=1e-12)
    nested = LogitDemand([*"abcd"], [1.0, 2.0, 3.0, 1.0], 1.5, [*"xxyy"], 0.7)
    found = DifferentiatedGame(nested, [0.5, 1.0, 1.0, 0.1]).solve()
    expected = derived["nested_logit_markup"].lambdify()(
        alpha=1.5, sigma=0.7, s_j=found.shares, s_jg=nested.within_shares(found.prices)
    )
    np.testing.assert_allclose(found.markups, expected, rtol=1e-10)


def test_homogeneous_solver(derived):
    price = derived["homogeneous_bertrand"].lambdify()
    # Inelastic up to 5: the monopoly price is the cap.
    game = BertrandGame([0.5], [Seller("a", [1.0]), Seller("b", [3.0])], 5.0)
    assert game.solve().market_price[0] == price(A=1e9, b=1.0, c_1=1.0, c_2=3.0)
    assert price(A=3.0, b=1.0, c_1=1.0, c_2=3.0) == 2.0


def test_spatial_solvers(derived):
    line = DifferentiatedGame(LinearDemand.hotelling(["l", "r"], 2.0), [1.0, 2.0]).solve()
    expected = derived["hotelling"].lambdify()(t=2.0, c_1=1.0, c_2=2.0)
    np.testing.assert_allclose(line.prices, expected, rtol=1e-12)
    # A circle of five: neighbours at distance 1/5.
    n, t = 5, 2.0
    ring = np.eye(n) - 0.5 * (np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0))
    circle = DifferentiatedGame(LinearDemand([*"abcde"], 1 / n, ring / t), 1.0).solve()
    price, firms = derived["circular_city"].lambdify()(c=1.0, t=t, n=n, f=t / n**2)
    np.testing.assert_allclose(circle.prices, price, rtol=1e-12)
    assert firms == pytest.approx(n)
    np.testing.assert_allclose(circle.profits, t / n**2)  # pays exactly for entry


def test_vertical_solvers(derived):
    partly = DifferentiatedGame(VerticalDemand(["l", "h"], [0.5, 1.0]), [0.05, 0.2]).solve()
    high, low = derived["vertical_uncovered"].lambdify()(s_H=1.0, s_L=0.5, c_H=0.2, c_L=0.05)
    np.testing.assert_allclose(partly.prices, [low, high], rtol=1e-12)
    for outside in (True, False):
        demand = VerticalDemand(["l", "h"], [0.5, 1.0], 0.6, 1.6, outside)
        fully = DifferentiatedGame(demand, [0.05, 0.2]).solve()
        high, low = derived["vertical_covered"].lambdify()(D=0.5, c_H=0.2, c_L=0.05, t_0=0.6)
        np.testing.assert_allclose(fully.prices, [low, high], rtol=1e-12)


def test_derivatives_of_a_form(derived):
    slope = derived["hotelling"].derivative("p_1", "c_2")
    assert slope == sp.Rational(1, 3)


def test_without_sympy_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ArbModelsError, match=r"arbmodels\[symbolic\]"):
        forms.hotelling()
