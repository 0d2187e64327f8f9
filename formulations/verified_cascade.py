r"""Verified cascade: which model to try next while a fallible verifier rejects every attempt.

Attempts are bought one by one until the verifier accepts one. It may accept a wrong attempt and
reject a right one, and every check costs money. Deliver right answers at a given rate as cheaply as
possible, with no more than a given rate of wrong ones. Until an attempt is accepted all that is
known is how many were rejected, so a policy is a (random) path through the lattice of attempts per
model, and its expected cost is linear in how often each step is taken.

**Sets**

- $M$: models
- $S$: states $a = (a_1, \dots, a_M)$ with $0 \le a_m \le K_m$ attempts of each model, all rejected
- $E$: steps $e = (m, a)$, from $a$ to the state with one more attempt of model $m$
- $\mathrm{out}(a)$, $\mathrm{in}(a)$: steps out of state $a$ and into it
- $I$: instances

**Parameters**

- $w_i$: weight of the instance; weights sum to one [weight]
- $F_{i,m,k}$: that $k$ attempts of model $m$ are all rejected [probability]
- $R_{i,m,k}$: that attempt $k + 1$ is the first accepted, and right [probability]
- $W_{i,m,k}$: that attempt $k + 1$ is the first accepted, and wrong [probability]
- $Q_{i,m,k}$: expected spend on attempt $k + 1$ and its check [currency units]
- $r_e$: what step $e = (m, a)$ adds to the rate of right answers,
  $\sum_{i} w_i R_{i,m,a_m} \prod_{m' \ne m} F_{i,m',a_{m'}}$ [rate]
- $g_e$: what it adds to the rate of wrong answers, likewise from $W$ [rate]
- $c_e$: what it adds to the spend, likewise from $Q$ [currency units]
- $\rho$: rate of right answers wanted [rate]
- $\gamma$: most wrong answers, optional [rate]
- $\pi$: penalty per wrong answer, optional [currency units]

**Variables**

- $x_e \ge 0$: probability that the policy, if everything is rejected, takes step $e$

**Objective**

$$\min \sum_{e \in E} (c_e + \pi g_e) x_e$$

**Constraints**

- flow: $\sum_{e \in \mathrm{out}(a)} x_e \le \sum_{e \in \mathrm{in}(a)} x_e + b_a$ for all
  $a \in S$, where $b_a$ is 1 in the state without attempts and else 0
- right: $\sum_{e \in E} r_e x_e \ge \rho$
- wrong: $\sum_{e \in E} g_e x_e \le \gamma$

**Size**

$|S| = \prod_{m} (K_m + 1)$ states; fewer than $|M| |S|$ continuous variables, $|S| + 2$ rows. Two
models of 100 attempts: 20,200 variables.

**In the library**

``arb.verification.verified_frontier``. The polytope of flows is integral: without the cap the
vertices are single paths and the optimum mixes two of them, as the library finds them by dynamic
programming; with the cap it mixes up to three. The arrays $F$, $R$, $W$ are ``rejected``,
``right``, ``wrong`` of the models of ``arb.verification.verdict_curves(market, verifier)``, and $Q$
is ``bought`` times the price of an attempt and a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo

import arbmodels as arb
from arbmodels.formulations.cascade_flow import Steps as FlowSteps
from arbmodels.formulations.cascade_flow import build_cvxpy as flow_cvxpy
from arbmodels.formulations.cascade_flow import build_pyomo as flow_pyomo
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
    right: FloatArray
    wrong: FloatArray
    spend: FloatArray


def steps_of(
    weight: FloatArray,
    rejected: Sequence[FloatArray],
    right: Sequence[FloatArray],
    wrong: Sequence[FloatArray],
    spend: Sequence[FloatArray],
) -> Steps:
    """Tabulate the parameters r, g and c of every step.

    Parameters
    ----------
    weight : float array [N]
    rejected : sequence of M float arrays [N, K_m + 1]
    right, wrong, spend : sequences of M float arrays [N, K_m]

    Raises
    ------
    arb.InputError
        If the arrays do not fit together.
    """
    for m, table in enumerate(rejected):
        shape = (len(weight), table.shape[1] - 1)
        if any(tables[m].shape != shape for tables in (right, wrong, spend)):
            raise arb.InputError(
                f"Model {m}: right, wrong and spend must have shape {shape}, one column less than"
                " rejected and a row per weight."
            )
    start, end = ends_of_steps([table.shape[1] - 1 for table in rejected])
    return Steps(
        start, end, *(added_by_steps(weight, rejected, tables) for tables in (right, wrong, spend))
    )


def build_pyomo(
    steps: Steps, solve_rate: float, *, most_wrong: float = np.inf, penalty: float = 0.0
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model: the flow of ``cascade_flow`` with one more row.

    Raises
    ------
    arb.InputError
        If a rate is no probability or a limit is negative.
    """
    model = flow_pyomo(_flow(steps, most_wrong, penalty), solve_rate)
    if np.isfinite(most_wrong):
        wrong = sum(steps.wrong[e] * model.x[e] for e in model.E)
        model.wrong = pyo.Constraint(expr=(None, wrong, most_wrong))
    return model


def build_cvxpy(
    steps: Steps, solve_rate: float, *, most_wrong: float = np.inf, penalty: float = 0.0
) -> cp.Problem:
    """Return the program as a CVXPY problem with variable ``x`` [E]; see :func:`build_pyomo`."""
    program = flow_cvxpy(_flow(steps, most_wrong, penalty), solve_rate)
    if not np.isfinite(most_wrong):
        return program
    wrong = steps.wrong @ program.var_dict["x"] <= most_wrong
    return cp.Problem(program.objective, [*program.constraints, wrong])


def _flow(steps: Steps, most_wrong: float, penalty: float) -> FlowSteps:
    """Return the steps with the penalty in their spend."""
    if not (most_wrong >= 0 and 0 <= penalty < np.inf):
        raise arb.InputError(
            f"most_wrong is {most_wrong:g}, penalty {penalty:g}; give numbers that are at least 0."
        )
    spend = steps.spend + penalty * steps.wrong
    return FlowSteps(steps.start, steps.end, steps.right, spend)


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and over all paths; see ``arb.registry.check``."""
    weight = rng.dirichlet(np.ones(3))
    rejected, right, wrong, spend = [], [], [], []
    for attempts in (2, 2):
        solves = rng.uniform(0.2, 0.9, (3, 1))
        accepted_right, accepted_wrong = 0.9 * solves, 0.1 * (1 - solves)
        passes = (1 - accepted_right - accepted_wrong) ** np.arange(attempts + 1)
        rejected.append(passes)
        right.append(passes[:, :-1] * accepted_right)
        wrong.append(passes[:, :-1] * accepted_wrong)
        spend.append(passes[:, :-1] * rng.uniform(0.5, 2.0))
    steps = steps_of(weight, rejected, right, wrong, spend)
    penalty = float(rng.uniform(0.0, 1.0))
    totals = np.array(
        [
            [steps.right[path].sum(), (steps.spend + penalty * steps.wrong)[path].sum()]
            for path in paths(steps.start, steps.end)
        ]
    )
    solve_rate = float(rng.uniform(0.3, 0.95) * totals[:, 0].max())
    return {
        "pyomo": solve(build_pyomo(steps, solve_rate, penalty=penalty)),
        "cvxpy": solve(build_cvxpy(steps, solve_rate, penalty=penalty)),
        "all paths": cheapest_mixture(totals[:, 0], totals[:, 1], solve_rate),
    }
