r"""Leader and follower: a provider prices first, arbitrageurs buy the cheapest cascade.

Problem. A provider sets the multiplier w of its list price; rivals keep theirs. At every solve rate
u at least two arbitrageurs buy whatever cascade is cheapest then and resell it at cost to consumers
who pay at most a price; otherwise nobody buys. Which w earns most?

Sets:
    U          solve rates
    K[u]       cascades that reach u (a menu), 0 for "nobody buys"

Parameters (with units):
    n[u]       consumers
    v[u]       what they pay at most, currency units per instance
    a[u, k]    paid to rivals for cascade k, currency units (0 for k = 0 is replaced by v[u])
    b[u, k]    bought of the leader at its list price, currency units
    c          marginal cost of the leader, share of its list price
    W          largest multiplier

Variables:
    w          multiplier
    m[u]       arbitrage cost, the lower level's dual variable
    x[u, k]    1 if cascade k serves, else 0

Lower level, one linear program per solve rate:
    min  sum_k (a[u, k] + w b[u, k]) x[u, k]   s.t.  sum_k x[u, k] = 1,  x >= 0

Its optimality conditions (KKT):
    one cascade:    sum_k x[u, k] = 1
    dual feasible:  m[u] <= a[u, k] + w b[u, k]                       for all k
    complementary:  x[u, k] > 0  only if  m[u] = a[u, k] + w b[u, k]

Objective: the leader's profit sum_u n[u] sum_k (w - c) b[u, k] x[u, k] is bilinear, but by strong
duality w sum_k b x = m - sum_k a x, so it is linear:
    max  sum_u n[u] (m[u] - sum_k (a[u, k] + c b[u, k]) x[u, k])

Constraints: the conditions above, complementarity with a big M per cascade, where
M[u, k] = a[u, k] + W b[u, k] suffices because m >= 0:
    a[u, k] + w b[u, k] - m[u] <= M[u, k] (1 - x[u, k])

Where cascades tie, the best of them for the leader is taken (the optimistic version); the optimum
is then attained and equals the supremum over prices. In the library: a ``ProviderGame`` with unit
demand and the rivals in ``fixed``, whose best response is exact for linear demand too.
(Labbé, Marcotte, Savard 1998, "A bilevel model of taxation", for the reformulation.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb

FloatArray = npt.NDArray[np.float64]

#: HiGHS' tolerances, so that a binary variable that is nearly whole does not open the big M.
_EXACT = {"mip_feasibility_tolerance": 1e-9, "primal_feasibility_tolerance": 1e-9}


class Lead(NamedTuple):
    """The leader's multiplier, its profit, and the arbitrage cost at every solve rate [U]."""

    multiplier: float
    profit: float
    price: FloatArray


def build(
    menus: Sequence[FloatArray],
    leader: int,
    *,
    mass: FloatArray,
    willingness_to_pay: FloatArray,
    marginal_cost: float,
    largest: float,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model.

    Parameters
    ----------
    menus : sequence of float array [K, M], currency units per instance
        Per solve rate: expected spend of each cascade on each model at list prices.
    leader : int
        Column of the leader's model.
    mass, willingness_to_pay : float array [U]
    marginal_cost : float
        Of the leader, as a share of its list price.
    largest : float
        Largest multiplier.

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite.
    """
    rates = len(menus)
    numbers = [*menus, mass, willingness_to_pay, np.array([marginal_cost, largest])]
    if not all(np.all(np.isfinite(each) & (each >= 0)) for each in numbers):
        raise arb.InputError("Spends, masses, costs and prices are finite numbers >= 0.")
    if mass.shape != (rates,) or willingness_to_pay.shape != (rates,) or rates == 0:
        raise arb.InputError(f"Give a mass and a willingness to pay for each of {rates} menus.")
    if any(menu.ndim != 2 or not 0 <= leader < menu.shape[1] for menu in menus):
        raise arb.InputError(
            f"The leader is column {leader} of every menu; one has no such column."
        )
    # Parameters: option 0 is "nobody buys".
    rivals = [
        np.append(willingness_to_pay[u], np.delete(menu, leader, axis=1).sum(axis=1))
        for u, menu in enumerate(menus)
    ]
    own = [np.append(0.0, menu[:, leader]) for menu in menus]
    model = pyo.ConcreteModel("leader and follower")
    # Sets
    model.U = pyo.RangeSet(0, rates - 1)
    model.K = pyo.Set(initialize=[(u, k) for u in range(rates) for k in range(len(own[u]))])
    # Variables
    model.w = pyo.Var(bounds=(0, largest))
    model.m = pyo.Var(model.U, domain=pyo.NonNegativeReals)
    model.x = pyo.Var(model.K, domain=pyo.Binary)
    # Objective
    unsold = {(u, k): 0.0 if k == 0 else marginal_cost * own[u][k] for u, k in model.K}
    model.objective = pyo.Objective(
        expr=sum(
            mass[u]
            * (
                model.m[u]
                - sum((rivals[u][k] + unsold[u, k]) * model.x[u, k] for k in range(len(own[u])))
            )
            for u in model.U
        ),
        sense=pyo.maximize,
    )
    # Constraints
    model.one_cascade = pyo.Constraint(
        model.U, rule=lambda m, u: sum(m.x[u, k] for k in range(len(own[u]))) == 1
    )
    model.dual_feasible = pyo.Constraint(
        model.K, rule=lambda m, u, k: m.m[u] <= rivals[u][k] + m.w * own[u][k]
    )
    model.complementary = pyo.Constraint(
        model.K,
        rule=lambda m, u, k: (
            rivals[u][k] + m.w * own[u][k] - m.m[u]
            <= (rivals[u][k] + largest * own[u][k]) * (1 - m.x[u, k])
        ),
    )
    return model


def solve(
    menus: Sequence[FloatArray],
    leader: int,
    *,
    mass: FloatArray,
    willingness_to_pay: FloatArray,
    marginal_cost: float,
    largest: float,
    gap: float = 1e-6,
) -> Lead:
    """Return the best price of the leader; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.SolverError
        If HiGHS stops before the gap is proven.
    """
    model = build(
        menus,
        leader,
        mass=mass,
        willingness_to_pay=willingness_to_pay,
        marginal_cost=marginal_cost,
        largest=largest,
    )
    solver = pyo.SolverFactory("appsi_highs")
    solver.highs_options = {"mip_rel_gap": gap, **_EXACT}
    outcome = solver.solve(model, load_solutions=False)
    condition = outcome.solver.termination_condition
    if condition != pyo.TerminationCondition.optimal:
        raise arb.SolverError(f"Pyomo reports {condition}.")
    solver.load_vars()
    return Lead(
        float(pyo.value(model.w)),
        float(pyo.value(model.objective)),
        np.array([float(pyo.value(model.m[u])) for u in model.U]),
    )
