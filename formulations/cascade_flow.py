r"""Cascade as a flow: the cheapest order of attempts that reaches a solve rate.

Attempts at models are bought one by one until one succeeds, which a perfect verifier tells. A state
is how many attempts of each model have failed; a plan is a path through the lattice of states, and
a mixture of plans (a coin tossed beforehand) is a unit flow. Reach a solve rate at least expected
spend.

**Sets**

- $M$: models
- $S$: states $a = (a_1, \dots, a_M)$ with $0 \le a_m \le K_m$ attempts of each model
- $E$: steps $e = (m, a)$, from $a$ to the state with one more attempt of model $m$
- $\mathrm{out}(a)$, $\mathrm{in}(a)$: steps out of state $a$ and into it
- $I$: instances

**Parameters**

- $w_i$: weight of the instance; weights sum to one [weight]
- $F_{i,m,k}$: that $k$ attempts of model $m$ all fail [probability]
- $c_{i,m}$: price of an attempt [currency units]
- $r_e$: what step $e = (m, a)$ adds to the solve rate,
  $\sum_{i} w_i (F_{i,m,a_m} - F_{i,m,a_m+1}) \prod_{m' \ne m} F_{i,m',a_{m'}}$ [rate]
- $q_e$: what it adds to the spend, $\sum_{i} w_i c_{i,m} \prod_{m'} F_{i,m',a_{m'}}$ [currency
  units]
- $\rho$: solve rate wanted [rate]

**Variables**

- $x_e \ge 0$: probability that the plan, if nothing succeeds, takes step $e$

**Objective**

$$\min \sum_{e \in E} q_e x_e$$

**Constraints**

- flow: $\sum_{e \in \mathrm{out}(a)} x_e \le \sum_{e \in \mathrm{in}(a)} x_e + b_a$ for all
  $a \in S$, where $b_a$ is 1 in the state without attempts and else 0
- rate: $\sum_{e \in E} r_e x_e \ge \rho$

**Size**

$|S| = \prod_{m} (K_m + 1)$ states; fewer than $|M| |S|$ continuous variables, $|S| + 1$ rows.

**In the library**

``arb.cascade_frontier``. Without the rate the polytope is that of flows in an acyclic graph, whose
vertices are paths; the row adds one dimension, so an optimum mixes two paths. At a price $\lambda$
per solved instance the program is a shortest path with lengths $q_e - \lambda r_e$, by which the
library solves it for every $\rho$ at once; this file solves one $\rho$ with a general solver, and
is the place to add rows (a latency, a quota).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
from scipy import sparse

import arbmodels as arb
from arbmodels.formulations.lattice import (
    FloatArray,
    IntArray,
    added_by_steps,
    cheapest_mixture,
    ends_of_steps,
    paths,
)
from arbmodels.formulations.solving import solve


class Steps(NamedTuple):
    """The steps E of the lattice: where each starts and ends, and what it adds."""

    start: IntArray
    end: IntArray
    rate: FloatArray
    spend: FloatArray


def steps_of(weight: FloatArray, fails: Sequence[FloatArray], price: FloatArray) -> Steps:
    """Tabulate the parameters r and q of every step.

    Parameters
    ----------
    weight : float array [N]
    fails : sequence of M float arrays [N, K_m + 1]
        F, beginning with 1.
    price : float array [N, M], currency units

    Raises
    ------
    arb.InputError
        If the arrays do not fit together.
    """
    if price.shape != (len(weight), len(fails)) or any(len(f) != len(weight) for f in fails):
        raise arb.InputError(
            f"price has shape {price.shape}, fails {[f.shape for f in fails]}; give"
            f" [{len(weight)}, {len(fails)}] and one array of {len(weight)} rows per model."
        )
    start, end = ends_of_steps([table.shape[1] - 1 for table in fails])
    solves = [table[:, :-1] - table[:, 1:] for table in fails]
    costs = [price[:, m, None] * table[:, :-1] for m, table in enumerate(fails)]
    return Steps(
        start, end, added_by_steps(weight, fails, solves), added_by_steps(weight, fails, costs)
    )


def build_pyomo(steps: Steps, solve_rate: float) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model with variable ``x`` [E].

    Raises
    ------
    arb.InputError
        If the solve rate is no probability.
    """
    _check(solve_rate)
    model = pyo.ConcreteModel("cascade as a flow")
    # Sets
    model.E = pyo.RangeSet(0, len(steps.start) - 1)
    model.S = pyo.RangeSet(0, int(steps.end.max()))
    leaving: list[list[int]] = [[] for _ in model.S]
    entering: list[list[int]] = [[] for _ in model.S]
    for e in model.E:
        leaving[steps.start[e]].append(e)
        entering[steps.end[e]].append(e)
    # Variables
    model.x = pyo.Var(model.E, domain=pyo.NonNegativeReals)
    # Objective
    model.objective = pyo.Objective(expr=sum(steps.spend[e] * model.x[e] for e in model.E))
    # Constraints
    model.flow = pyo.Constraint(
        model.S,
        rule=lambda m, a: (
            sum(m.x[e] for e in leaving[a]) - sum(m.x[e] for e in entering[a]) <= float(a == 0)
        ),
    )
    model.rate = pyo.Constraint(
        expr=(solve_rate, sum(steps.rate[e] * model.x[e] for e in model.E), None)
    )
    return model


def build_cvxpy(steps: Steps, solve_rate: float) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [E]; see :func:`build_pyomo`."""
    _check(solve_rate)
    # Sets and parameters
    count, states = len(steps.start), int(steps.end.max()) + 1
    ones, edges = np.ones(count), np.arange(count)
    leaving = sparse.csr_matrix((ones, (steps.start, edges)), (states, count))
    entering = sparse.csr_matrix((ones, (steps.end, edges)), (states, count))
    origin = np.zeros(states)
    origin[0] = 1.0
    # Variables
    x = cp.Variable(count, nonneg=True, name="x")
    # Objective
    objective = cp.Minimize(steps.spend @ x)
    # Constraints
    return cp.Problem(objective, [(leaving - entering) @ x <= origin, steps.rate @ x >= solve_rate])


def _check(solve_rate: float) -> None:
    if not 0 <= solve_rate <= 1:
        raise arb.InputError(f"solve_rate is {solve_rate:g}; give one between 0 and 1.")


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and over all paths; see ``arb.registry.check``."""
    weight = rng.dirichlet(np.ones(4))
    fails = [(1 - rng.beta(0.7, 0.7, (4, 1))) ** np.arange(3) for _ in range(2)]
    steps = steps_of(weight, fails, rng.exponential(1.0, (4, 2)))
    every = list(paths(steps.start, steps.end))
    rate = np.array([steps.rate[path].sum() for path in every])
    spend = np.array([steps.spend[path].sum() for path in every])
    solve_rate = float(rng.uniform(0.2, 0.98) * rate.max())
    return {
        "pyomo": solve(build_pyomo(steps, solve_rate)),
        "cvxpy": solve(build_cvxpy(steps, solve_rate)),
        "all paths": cheapest_mixture(rate, spend, solve_rate),
    }
