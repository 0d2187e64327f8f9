r"""Fair routing: serve the worst-off segment as well as possible.

Problem. A broker serves groups g with plans j within a budget, as in budget routing. The groups are
of segments k (customers, languages, fields). The largest mean solve rate neglects the segments that
are hard or expensive; here the segment that is served worst is served as well as the budget allows.

Sets:
    G          groups
    K          segments, a partition of G
    J          plans
    O          pairs (g, j) on offer

Parameters (with units):
    p[g, j]    solve rate of plan j on group g, a probability
    s[g, j]    what it adds to the total spend, currency units
    w[g]       weight of group g
    k(g)       segment of group g, an index
    B          budget, currency units

Variables:
    x[g, j]    1 if plan j serves group g, else 0, for (g, j) in O
    t          solve rate of the worst segment

Objective:
    max  t

Constraints:
    one plan each:  sum_j x[g, j] = 1                                         for all g in G
    worst segment:  sum_(g: k(g) = k) w[g] sum_j p[g, j] x[g, j]
                        >= t sum_(g: k(g) = k) w[g]                           for all k in K
    budget:         sum_(g,j) s[g, j] x[g, j] <= B

Size:
    |O| binary variables and a continuous one; |G| + |K| + 1 rows.

This is the egalitarian (Rawlsian) end of a scale whose other end is budget routing; what it costs
in mean solve rate is the price of fairness (Bertsimas, Farias, Trichakis 2011, "The price of
fairness"). Among assignments that are equally good for the worst segment it prefers none; to go on
with the second worst, fix t and repeat without that segment. In the library:
``problem.maximize_worst_segment()``.
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import numpy.typing as npt

import arbmodels as arb
from formulations import small
from formulations.budget_routing import Choice, FloatArray, solve_cvxpy
from formulations.pairs import at_least_zero, offered_pairs

IntArray = npt.NDArray[np.int64]


def build(
    solve_rate: FloatArray,
    spend: FloatArray,
    weight: FloatArray,
    segment: IntArray,
    *,
    budget: float,
) -> cp.Problem:
    """Return the program as a CVXPY problem with variables ``x`` [G, J] and ``t``.

    Parameters
    ----------
    solve_rate, spend : float array [G, J]
        NaN in ``solve_rate`` where a plan is not offered.
    weight : float array [G]
    segment : int array [G]
        Number of each group's segment.
    budget : float, currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite where it counts.
    """
    # Sets and parameters: pairs that are not on offer stay in the array, at zero.
    offered = offered_pairs(solve_rate, spend=spend)
    at_least_zero(weight=weight, budget=budget)
    p, s = np.where(offered, solve_rate, 0.0), np.where(offered, spend, 0.0)
    if weight.shape != (len(p),) or segment.shape != (len(p),):
        raise arb.InputError(
            f"weight has shape {weight.shape} and segment {segment.shape}; there are {len(p)}"
            " groups."
        )
    inside = segment == np.unique(segment)[:, None]
    total = inside @ weight
    if not total.all():
        raise arb.InputError("A segment has only groups of weight zero; leave it out.")
    share = inside * weight / total[:, None]
    # Variables
    x = cp.Variable(p.shape, boolean=True, name="x")
    t = cp.Variable(name="t")
    # Objective
    objective = cp.Maximize(t)
    # Constraints
    constraints = [
        cp.sum(x, axis=1) == 1,
        x <= offered.astype(float),
        share @ cp.sum(cp.multiply(p, x), axis=1) >= t,
        cp.sum(cp.multiply(s, x)) <= budget,
    ]
    return cp.Problem(objective, constraints)


def solve(
    solve_rate: FloatArray,
    spend: FloatArray,
    weight: FloatArray,
    segment: IntArray,
    *,
    budget: float,
    gap: float = 1e-6,
) -> Choice:
    """Return the plan of each group, int [G]; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.InfeasibleError
        If no assignment keeps the budget.
    arb.SolverError
        If HiGHS stops for any other reason before the gap is proven.
    """
    return solve_cvxpy(build(solve_rate, spend, weight, segment, budget=budget), gap)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by CVXPY and by enumeration; see ``arb.registry.check``."""
    value, spend, weight = small.draw(rng)
    solve_rate = value / weight[:, None]
    segment = np.arange(len(weight)) % 2
    budget = float(rng.uniform(0.3, 0.9) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        rates = solve_rate[np.arange(len(choice)), choice]
        worst = min(np.average(rates[segment == k], weights=weight[segment == k]) for k in (0, 1))
        return float(worst) if small.within(small.total(spend, choice), budget) else np.nan

    return small.compare(
        value.shape,
        score,
        cvxpy=lambda: solve(solve_rate, spend, weight, segment, budget=budget),
    )
