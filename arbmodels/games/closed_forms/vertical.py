"""Two products that differ in solve rate, tastes uniform."""

from __future__ import annotations

from arbmodels.games.closed_forms.algebra import algebra, first_order, only_solution, positive
from arbmodels.games.closed_forms.result import ClosedForm


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
