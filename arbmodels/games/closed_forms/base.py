"""A formula derived by computer algebra, with what it was derived from.

The steps that every derivation shares.
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
