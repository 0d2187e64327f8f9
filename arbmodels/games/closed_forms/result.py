"""A formula derived by computer algebra, with what it was derived from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sympy as sp


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
