r"""Leader and follower: a provider prices first, arbitrageurs buy the cheapest cascade.

A provider sets the multiplier $w$ of its list price; rivals keep theirs. At every solve rate at
least two arbitrageurs buy whatever cascade is cheapest then and resell it at cost to consumers who
pay at most a price; otherwise nobody buys. Which $w$ earns most?

**Sets**

- $U$: solve rates
- $K_u$: cascades that reach $u$ (a cascade set), and 0 for "nobody buys"

**Parameters**

- $n_u$: consumers [consumers]
- $v_u$: what they pay at most [currency units per instance]
- $a_{u,k}$: paid to rivals for cascade $k$; for "nobody buys" it is $v_u$
  [currency units per instance]
- $b_{u,k}$: bought of the leader at its list price; for "nobody buys" it is 0
  [currency units per instance]
- $c$: marginal cost of the leader, as a share of its list price [dimensionless]
- $W$: largest multiplier [dimensionless]

**Variables**

- $w \in [0, W]$: multiplier
- $m_u \ge 0$: arbitrage cost, the lower level's dual variable
- $x_{u,k} \in \{0, 1\}$: whether cascade $k$ serves

**Objective**

$$\max \sum_{u} n_u (m_u - \sum_{k} (a_{u,k} + c b_{u,k}) x_{u,k})$$

**Constraints**

- one cascade: $\sum_{k} x_{u,k} = 1$ for all $u \in U$
- dual feasible: $m_u \le a_{u,k} + w b_{u,k}$ for all $u \in U$ and $k \in K_u$
- complementary: $a_{u,k} + w b_{u,k} - m_u \le L_{u,k} (1 - x_{u,k})$ for all $u \in U$ and
  $k \in K_u$, with $L_{u,k} = a_{u,k} + W b_{u,k}$

**Size**

$\sum_{u} |K_u|$ binary and $|U| + 1$ continuous variables; $|U| + 2 \sum_{u} |K_u|$ rows.

**Why it holds**

The lower level is one linear program per solve rate,

$$\min \{ \sum_{k} (a_{u,k} + w b_{u,k}) x_{u,k} : \sum_{k} x_{u,k} = 1, x_{u,k} \ge 0 \}$$

and the rows are its optimality conditions (KKT): $x_{u,k} > 0$ only if
$m_u = a_{u,k} + w b_{u,k}$, complementarity with a big number per cascade, where $L_{u,k}$ suffices
because $m_u \ge 0$. The leader's profit $\sum_{u} n_u \sum_{k} (w - c) b_{u,k} x_{u,k}$ is
bilinear, but by strong duality

$$w \sum_{k} b_{u,k} x_{u,k} = m_u - \sum_{k} a_{u,k} x_{u,k}$$

so the objective is linear. Where cascades tie, the best of them for the leader is taken (the
optimistic version); the optimum is then attained and equals the supremum over prices.

**In the library**

A ``ProviderGame`` with unit demand and the rivals in ``fixed``, whose best response is exact for
linear demand too.

**References**

Labbé, Marcotte, Savard 1998, "A bilevel model of taxation and its application to optimal highway
pricing", Management Science, for the reformulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cvxpy as cp
import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb
from arbmodels.formulations.solving import FloatArray, solve


class Cascades(NamedTuple):
    """Cascades of all solve rates, one after the other, "nobody buys" among them, [K].

    Their solve rates, what is paid to rivals, and what is bought of the leader at its list price.
    """

    rate: npt.NDArray[np.int64]
    rivals: FloatArray
    own: FloatArray


def cascades_of(
    cascade_sets: Sequence[FloatArray], leader: int, willingness_to_pay: FloatArray
) -> Cascades:
    """Tabulate the parameters a and b.

    Parameters
    ----------
    cascade_sets : sequence of U float arrays [K, M], currency units per instance
        Per solve rate: expected spend of each cascade on each model at list prices.
    leader : int
        Column of the leader's model.
    willingness_to_pay : float array [U], currency units per instance

    Raises
    ------
    arb.InputError
        If the arrays do not fit together, or a number is negative or not finite.
    """
    if willingness_to_pay.shape != (len(cascade_sets),) or not len(cascade_sets):
        raise arb.InputError(
            f"Give a willingness to pay for each of {len(cascade_sets)} cascade sets."
        )
    if any(each.ndim != 2 or not 0 <= leader < each.shape[1] for each in cascade_sets):
        raise arb.InputError(
            f"The leader is column {leader} of every cascade set; one has no such column."
        )
    rate = [np.full(len(each) + 1, u) for u, each in enumerate(cascade_sets)]
    rivals = [
        np.append(willingness_to_pay[u], np.delete(each, leader, axis=1).sum(axis=1))
        for u, each in enumerate(cascade_sets)
    ]
    own = [np.append(0.0, each[:, leader]) for each in cascade_sets]
    table = Cascades(np.concatenate(rate), np.concatenate(rivals), np.concatenate(own))
    if not all(np.isfinite(each).all() for each in table) or min(map(np.min, table)) < 0:
        raise arb.InputError("Spends and willingness to pay are finite numbers >= 0.")
    return table


def build_pyomo(
    cascades: Cascades, *, mass: FloatArray, marginal_cost: float, largest: float
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model with variables ``w``, ``m`` [U] and ``x`` [K].

    Parameters
    ----------
    cascades : Cascades
    mass : float array [U], consumers
    marginal_cost : float
        Of the leader, as a share of its list price.
    largest : float
        Largest multiplier.

    Raises
    ------
    arb.InputError
        If there is not a mass for each solve rate, or a number is negative or not finite.
    """
    _check(cascades, mass, marginal_cost, largest)
    rate, a, b = cascades
    model = pyo.ConcreteModel("leader and follower")
    # Sets
    model.U = pyo.RangeSet(0, len(mass) - 1)
    model.K = pyo.RangeSet(0, len(rate) - 1)
    # Variables
    model.w = pyo.Var(bounds=(0, largest))
    model.m = pyo.Var(model.U, domain=pyo.NonNegativeReals)
    model.x = pyo.Var(model.K, domain=pyo.Binary)
    # Objective
    cost = mass[rate] * (a + marginal_cost * b)
    model.objective = pyo.Objective(
        expr=sum(mass[u] * model.m[u] for u in model.U)
        - sum(cost[k] * model.x[k] for k in model.K),
        sense=pyo.maximize,
    )
    # Constraints
    model.one_cascade = pyo.Constraint(
        model.U, rule=lambda m, u: sum(m.x[k] for k in np.flatnonzero(rate == u).tolist()) == 1
    )
    model.dual_feasible = pyo.Constraint(
        model.K, rule=lambda m, k: m.m[int(rate[k])] <= a[k] + m.w * b[k]
    )
    model.complementary = pyo.Constraint(
        model.K,
        rule=lambda m, k: (
            a[k] + m.w * b[k] - m.m[int(rate[k])] <= (a[k] + largest * b[k]) * (1 - m.x[k])
        ),
    )
    return model


def build_cvxpy(
    cascades: Cascades, *, mass: FloatArray, marginal_cost: float, largest: float
) -> cp.Problem:
    """Return the program as a CVXPY problem with ``w``, ``m`` [U] and ``x`` [K]; see Pyomo's."""
    _check(cascades, mass, marginal_cost, largest)
    rate, a, b = cascades
    # Variables
    w = cp.Variable(nonneg=True, name="w")
    m = cp.Variable(len(mass), nonneg=True, name="m")
    x = cp.Variable(len(rate), boolean=True, name="x")
    # Objective
    objective = cp.Maximize(mass @ m - (mass[rate] * (a + marginal_cost * b)) @ x)
    # Constraints
    one_each = (rate == np.arange(len(mass))[:, None]).astype(float)
    price = a + b * w
    constraints = [
        w <= largest,
        one_each @ x == 1,
        m[rate] <= price,
        price - m[rate] <= cp.multiply(a + largest * b, 1 - x),
    ]
    return cp.Problem(objective, constraints)


def _check(cascades: Cascades, mass: FloatArray, marginal_cost: float, largest: float) -> None:
    if mass.shape != (cascades.rate[-1] + 1,):
        raise arb.InputError(
            f"mass has shape {mass.shape}; give one for each of {cascades.rate[-1] + 1} rates."
        )
    numbers = np.array([*mass, marginal_cost, largest])
    if not (np.isfinite(numbers) & (numbers >= 0)).all():
        raise arb.InputError("Masses, costs and multipliers are finite numbers >= 0.")


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and over all ties; see ``arb.registry.check``."""
    cascade_sets = [rng.exponential(1.0, (3, 2)) for _ in range(2)]
    mass, most = rng.uniform(0.5, 1.5, 2), rng.uniform(1.0, 4.0, 2)
    cost, largest = float(rng.uniform(0.0, 0.5)), 3.0
    cascades = cascades_of(cascade_sets, 0, most)
    # Between prices at which two cascades tie the profit is linear in the price, so one is best.
    rivals = [np.append(most[u], each[:, 1]) for u, each in enumerate(cascade_sets)]
    own = [np.append(0.0, each[:, 0]) for each in cascade_sets]
    prices = [0.0, largest]
    for a, b in zip(rivals, own, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            ties = (a[:, None] - a) / (b - b[:, None])
        prices += ties[np.isfinite(ties) & (ties >= 0) & (ties <= largest)].tolist()

    def profit(w: float) -> float:
        total = 0.0
        for n, a, b in zip(mass, rivals, own, strict=True):
            served = a + w * b <= (a + w * b).min() + 1e-9
            total += float(n * ((w - cost) * b[served]).max())
        return total

    return {
        "pyomo": solve(build_pyomo(cascades, mass=mass, marginal_cost=cost, largest=largest)),
        "cvxpy": solve(build_cvxpy(cascades, mass=mass, marginal_cost=cost, largest=largest)),
        "all ties": max(profit(w) for w in prices),
    }
