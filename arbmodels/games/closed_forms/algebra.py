"""The steps that every derivation shares."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

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
