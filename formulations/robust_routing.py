r"""Robust routing: keep the budget even if some groups cost more than expected.

Problem. A broker serves groups g with plans j, as in budget routing, but spends are estimates:
group g under plan j may cost up to d[g, j] more. Not all groups will at once; the budget has to
hold whichever Gamma of them do.

Sets:
    G          groups
    J          plans
    O          pairs (g, j) on offer

Parameters (with units):
    v[g, j]    what plan j on group g adds to the mean solve rate
    s[g, j]    what it is expected to add to the total spend, currency units
    d[g, j]    how much more it may be, currency units
    Gamma      groups that may cost more at once, a number from 0 to |G|; of a fractional one, the
               last group costs that fraction of its d more
    B          budget, currency units

Variables:
    x[g, j]    1 if plan j serves group g, else 0, for (g, j) in O
    p          price of one more group that may cost more, p >= 0
    q[g]       what group g's excess is above that price, q[g] >= 0

Objective:
    max  sum_(g,j) v[g, j] x[g, j]

Constraints:
    one plan each:  sum_j x[g, j] = 1                                     for all g in G
    budget:         sum_(g,j) s[g, j] x[g, j] + Gamma p + sum_g q[g] <= B
    excess:         p + q[g] >= sum_j d[g, j] x[g, j]                     for all g in G

Size:
    |O| binary and |G| + 1 continuous variables; 2 |G| + 1 rows.

The worst case over the groups that cost more,

    max { sum_g e_g t_g : sum_g t_g <= Gamma, 0 <= t_g <= 1 },   e_g = sum_j d[g, j] x[g, j],

is a linear program; its dual is min { Gamma p + sum_g q_g : p + q_g >= e_g, p, q >= 0 }, and what
holds at some p and q holds at the best ones. So two rows of variables replace a constraint for
every subset of groups (Bertsimas and Sim 2004, "The price of robustness"). If the groups' spends
are independent and symmetric around s, the budget is exceeded with a probability of at most about
1 - Phi((Gamma - 1) / sqrt(|G|)). In the library: ``problem.add_robust_budget(total,
deviation=..., gamma=...)``.
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np

from formulations import small
from formulations.budget_routing import Choice, FloatArray, solve_cvxpy
from formulations.pairs import at_least_zero, offered_pairs


def build(
    value: FloatArray, spend: FloatArray, deviation: FloatArray, *, gamma: float, budget: float
) -> cp.Problem:
    """Return the program as a CVXPY problem with variables ``x`` [G, J], ``p`` and ``q`` [G].

    Parameters
    ----------
    value, spend, deviation : float array [G, J]
        NaN in ``value`` where a plan is not offered.
    gamma : float
        Groups that may cost more at once.
    budget : float, currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite where it counts.
    """
    # Sets and parameters: pairs that are not on offer stay in the array, at zero.
    offered = offered_pairs(value, spend=spend, deviation=deviation)
    v, s, d = (np.where(offered, array, 0.0) for array in (value, spend, deviation))
    at_least_zero(deviation=d, gamma=gamma, budget=budget)
    # Variables
    x = cp.Variable(value.shape, boolean=True, name="x")
    p = cp.Variable(nonneg=True, name="p")
    q = cp.Variable(len(value), nonneg=True, name="q")
    # Objective
    objective = cp.Maximize(cp.sum(cp.multiply(v, x)))
    # Constraints
    constraints = [
        cp.sum(x, axis=1) == 1,
        x <= offered.astype(float),
        cp.sum(cp.multiply(s, x)) + gamma * p + cp.sum(q) <= budget,
        p + q >= cp.sum(cp.multiply(d, x), axis=1),
    ]
    return cp.Problem(objective, constraints)


def solve(
    value: FloatArray,
    spend: FloatArray,
    deviation: FloatArray,
    *,
    gamma: float,
    budget: float,
    gap: float = 1e-6,
) -> Choice:
    """Return the plan of each group, int [G]; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.InfeasibleError
        If no assignment keeps the budget in the worst case.
    arb.SolverError
        If HiGHS stops for any other reason before the gap is proven.
    """
    return solve_cvxpy(build(value, spend, deviation, gamma=gamma, budget=budget), gap)


def worst_spend(spend: FloatArray, deviation: FloatArray, gamma: float, choice: Choice) -> float:
    """Return the spend of an assignment when the Gamma worst groups cost more, currency units."""
    every = np.arange(len(choice))
    largest = -np.sort(-deviation[every, choice])
    share = np.clip(gamma - np.arange(len(choice)), 0.0, 1.0)
    return float(spend[every, choice].sum() + share @ largest)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by CVXPY and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = small.draw(rng)
    deviation = spend * rng.uniform(0.0, 1.0, spend.shape)
    gamma = float(rng.uniform(0.0, len(value)))
    budget = float(rng.uniform(0.3, 1.2) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        worst = worst_spend(spend, deviation, gamma, choice)
        return small.total(value, choice) if small.within(worst, budget) else np.nan

    return small.compare(
        value.shape,
        score,
        cvxpy=lambda: solve(value, spend, deviation, gamma=gamma, budget=budget),
    )
