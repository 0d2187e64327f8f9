r"""Fair routing: serve the worst-off segment as well as possible.

A broker serves groups with plans within a budget, as in budget routing. The groups are of segments
(customers, languages, fields). The largest mean solve rate neglects the segments that are hard or
expensive; here the segment that is served worst is served as well as the budget allows.

**Sets**

- $G$, $J$, $O$: groups, plans, and pairs of them on offer
- $K$: segments
- $G_k$: groups of segment $k$; every group is in one segment

**Parameters**

- $p_{g,j}$: solve rate of plan $j$ on group $g$ [probability]
- $s_{g,j}$: what it adds to the total spend [currency units]
- $w_g$: weight of group $g$ [weight]
- $B$: budget [currency units]

**Variables**

- $x_{g,j} \in \{0, 1\}$: whether plan $j$ serves group $g$, for $(g, j) \in O$
- $t$: solve rate of the worst segment

**Objective**

$$\max t$$

**Constraints**

- one plan each: $\sum_{j} x_{g,j} = 1$ for all $g \in G$
- worst segment: $\sum_{g \in G_k} w_g \sum_{j} p_{g,j} x_{g,j} \ge t \sum_{g \in G_k} w_g$ for all
  $k \in K$
- budget: $\sum_{(g,j) \in O} s_{g,j} x_{g,j} \le B$

**Size**

$|O|$ binary variables and a continuous one; $|G| + |K| + 1$ rows.

**In the library**

``problem.maximize_worst_segment()``. Among assignments that are equally good for the worst segment
it prefers none; to go on with the second worst, fix $t$ and repeat without that segment.

**References**

This is the egalitarian (Rawlsian) end of a scale whose other end is budget routing; what it costs
in mean solve rate is the price of fairness (Bertsimas, Farias, Trichakis 2011, "The price of
fairness", Operations Research).
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb
from arbmodels.formulations.budget_routing import build_cvxpy as budget_cvxpy
from arbmodels.formulations.budget_routing import build_pyomo as budget_pyomo
from arbmodels.formulations.pairs import at_least_zero
from arbmodels.formulations.small import compare, draw, total, within
from arbmodels.formulations.solving import Choice, FloatArray

IntArray = npt.NDArray[np.int64]


def build_pyomo(
    solve_rate: FloatArray,
    spend: FloatArray,
    weight: FloatArray,
    segment: IntArray,
    *,
    budget: float,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model: budget routing with another objective.

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
    share = _shares(weight, segment, len(solve_rate))
    model = budget_pyomo(solve_rate, spend, budget)
    model.t = pyo.Var()
    model.del_component(model.objective)
    model.objective = pyo.Objective(expr=model.t, sense=pyo.maximize)
    model.worst_segment = pyo.Constraint(
        pyo.RangeSet(0, len(share) - 1),
        rule=lambda m, k: (
            sum(share[k, g] * solve_rate[g, j] * m.x[g, j] for g, j in m.O if share[k, g]) >= m.t
        ),
    )
    return model


def build_cvxpy(
    solve_rate: FloatArray,
    spend: FloatArray,
    weight: FloatArray,
    segment: IntArray,
    *,
    budget: float,
) -> cp.Problem:
    """Return the program as a CVXPY problem with ``x`` [G, J] and ``t``; see the Pyomo form."""
    share = _shares(weight, segment, len(solve_rate))
    program = budget_cvxpy(solve_rate, spend, budget)
    t = cp.Variable(name="t")
    rate = cp.sum(cp.multiply(np.nan_to_num(solve_rate), program.var_dict["x"]), axis=1)
    return cp.Problem(cp.Maximize(t), [*program.constraints, share @ rate >= t])


def _shares(weight: FloatArray, segment: IntArray, groups: int) -> FloatArray:
    """Return the share of every group in its segment, [K, G]."""
    at_least_zero(weight=weight)
    if weight.shape != (groups,) or segment.shape != (groups,):
        raise arb.InputError(
            f"weight has shape {weight.shape} and segment {segment.shape}; there are {groups}"
            " groups."
        )
    inside = segment == np.unique(segment)[:, None]
    if not (inside @ weight).all():
        raise arb.InputError("A segment has only groups of weight zero; leave it out.")
    share: FloatArray = inside * weight / (inside @ weight)[:, None]
    return share


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and by enumeration; see ``arb.registry.check``."""
    value, spend, weight = draw(rng)
    solve_rate = value / weight[:, None]
    segment = np.arange(len(weight)) % 2
    budget = float(rng.uniform(0.3, 0.9) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        rates = solve_rate[np.arange(len(choice)), choice]
        means = [np.average(rates[segment == k], weights=weight[segment == k]) for k in (0, 1)]
        worst = float(np.min(means))  # NaN if a pair is not on offer
        return worst if within(total(spend, choice), budget) else np.nan

    return compare(
        value.shape,
        score,
        pyomo=build_pyomo(solve_rate, spend, weight, segment, budget=budget),
        cvxpy=build_cvxpy(solve_rate, spend, weight, segment, budget=budget),
    )
