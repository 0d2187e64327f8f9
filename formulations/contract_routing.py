r"""Contract routing: providers are paid by contract, with fees, volume tiers and prepaid credit.

A broker serves groups with plans. What a provider is paid for all of it together depends on the
volume: a fixed fee if it is used at all, then a rate per unit of list price that changes from one
volume tier to the next, up (a discount for the first so many) or down (a discount for volume); the
first part may be prepaid. Reach a quality floor at least payment, or solve as much as possible
within a budget of payments.

**Sets**

- $G$, $J$, $O$: groups, plans, and pairs of them on offer
- $H$: providers
- $T_h$: tiers of provider $h$, in order of volume; prepaid credit is a tier of rate zero

**Parameters**

- $v_{g,j}$: what plan $j$ on group $g$ adds to the mean solve rate [rate]
- $s_{g,j,h}$: what it adds to the list spend with provider $h$ [currency units]
- $f_h$: fixed fee [currency units]
- $r_{h,t}$: rate of a tier, paid per unit of list spend [dimensionless]
- $w_{h,t}$: width of a tier, of list spend; the last one is as wide as what can be spent with $h$
  at most [currency units]
- $B$: budget; if there is none, the payment is minimised [currency units]
- $R$: quality floor, optional with a budget [rate]

**Variables**

- $x_{g,j} \in \{0, 1\}$: whether plan $j$ serves group $g$, for $(g, j) \in O$
- $u_h \in \{0, 1\}$: whether provider $h$ is used
- $y_{h,t} \in [0, w_{h,t}]$: list spend in a tier
- $z_{h,t} \in \{0, 1\}$: whether the tier is reached

**Objective**

With the payment $P = \sum_{h} (f_h u_h + \sum_{t} r_{h,t} y_{h,t})$ and a budget

$$\max \sum_{(g,j) \in O} v_{g,j} x_{g,j}$$

and without one

$$\min P$$

**Constraints**

- one plan each: $\sum_{j} x_{g,j} = 1$ for all $g \in G$
- used: $x_{g,j} \le u_h$ where plan $j$ buys from $h$
- volume: $\sum_{(g,j) \in O} s_{g,j,h} x_{g,j} = \sum_{t} y_{h,t}$ for all $h \in H$
- reached: $y_{h,t} \le w_{h,t} z_{h,t}$ for all $h$ and $t$
- in order: $y_{h,t} \ge w_{h,t} z_{h,t+1}$ for all $h$ and $t$ but the last
- budget: $P \le B$
- floor: $\sum_{(g,j) \in O} v_{g,j} x_{g,j} \ge R$

**Size**

With $|T|$ tiers in all, $|O| + |H| + |T|$ binary and $|T|$ continuous variables; about
$|G| + |O| |H| + |H| + 2 |T|$ rows.

**In the library**

``problem.add_contract(provider, fee=..., tiers=..., credit=...)``.

**References**

Where rates rise, the cheaper tier fills first by itself, and $z$ could be left out; where they
fall, it is what keeps the expensive one from being skipped: the incremental form of a
piecewise-linear cost (Croxton, Gendron, Magnanti 2003, "A comparison of mixed-integer programming
models for nonconvex piecewise linear cost minimization problems", Management Science).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cvxpy as cp
import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb
from arbmodels.formulations.budget_routing import build_cvxpy as budget_cvxpy
from arbmodels.formulations.budget_routing import build_pyomo as budget_pyomo
from arbmodels.formulations.pairs import at_least_zero, offered_pairs
from arbmodels.formulations.small import compare, draw, total, within
from arbmodels.formulations.solving import Choice, FloatArray


@dataclass(frozen=True)
class Contract:
    """What a provider is paid; list prices by default.

    Parameters
    ----------
    fee : float, currency units
        Due if the provider is used at all.
    tiers : tuple of (float, float)
        List spend from which a tier begins, the first 0, and currency units paid per unit of it.
    credit : float, currency units of list spend
        The first so much of the list spend is paid for already.
    """

    fee: float = 0.0
    tiers: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    credit: float = 0.0

    def __post_init__(self) -> None:
        starts = [start for start, _ in self.tiers]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise arb.InputError(f"Tiers begin at {starts}; begin at 0 and go up.")
        rates = np.array([rate for _, rate in self.tiers])
        at_least_zero(fee=self.fee, credit=self.credit, rates=rates)

    def widths_and_rates(self, most: float) -> list[tuple[float, float]]:
        """Return width and rate of every tier up to a list spend of ``most``, the credit first."""
        ends = sorted({0.0, self.credit, most, *(start for start, _ in self.tiers)})
        pieces = []
        for low, high in pairwise(ends):
            if high <= most:
                rate = next(rate for start, rate in reversed(self.tiers) if start <= low)
                pieces.append((high - low, 0.0 if low < self.credit else rate))
        return pieces or [(0.0, 0.0)]

    def payment(self, list_spend: float, *, used: bool) -> float:
        """Return what is due."""
        tiers = sum(width * rate for width, rate in self.widths_and_rates(list_spend))
        return tiers + (self.fee if used else 0.0)


class Tiers(NamedTuple):
    """Tiers of all providers, one after the other, [T]; list spend, [G, J, H]; who buys, [J, H]."""

    provider: npt.NDArray[np.int64]
    width: FloatArray
    rate: FloatArray
    listed: FloatArray
    buys: npt.NDArray[np.bool_]

    @property
    def followed(self) -> npt.NDArray[np.int64]:
        """Tiers that are not their provider's last."""
        return np.flatnonzero(np.diff(self.provider) == 0)


def tiers_of(value: FloatArray, list_spend: FloatArray, contracts: tuple[Contract, ...]) -> Tiers:
    """Tabulate the tiers; see :func:`build_pyomo`."""
    offered = offered_pairs(value, list_spend=list_spend)
    if len(contracts) != list_spend.shape[2]:
        raise arb.InputError(
            f"{len(contracts)} contracts for {list_spend.shape[2]} providers; give one for each."
        )
    listed = np.where(offered[:, :, None], list_spend, 0.0)
    at_least_zero(list_spend=listed)
    # A little more than the most there is, so that rounding forbids nothing.
    most = listed.max(axis=1).sum(axis=0) * (1 + 1e-6)
    tiers = [
        (h, width, rate)
        for h, contract in enumerate(contracts)
        for width, rate in contract.widths_and_rates(float(most[h]))
    ]
    provider, width, rate = (np.array(column) for column in zip(*tiers, strict=True))
    return Tiers(provider, width, rate, listed, np.any(listed > 0, axis=0))


def build_pyomo(
    value: FloatArray,
    list_spend: FloatArray,
    contracts: tuple[Contract, ...],
    *,
    budget: float | None,
    floor: float | None = None,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model: the assignment of budget routing, and the payment.

    Parameters
    ----------
    value : float array [G, J]
        NaN where a plan is not offered.
    list_spend : float array [G, J, H]
        A plan buys from the providers at which it spends anything on some group.
    contracts : tuple of Contract, length H
    budget : float or None
        Of payments; None minimises them.
    floor : float, optional
        Mean solve rate.

    Raises
    ------
    arb.InputError
        If the arrays do not fit together or are not finite where they count.
    """
    tiers = tiers_of(value, list_spend, contracts)
    model = budget_pyomo(value, np.zeros_like(value), np.inf, floor)
    # Sets
    model.H = pyo.RangeSet(0, len(contracts) - 1)
    model.T = pyo.RangeSet(0, len(tiers.width) - 1)
    # Variables
    model.u = pyo.Var(model.H, domain=pyo.Binary)
    model.y = pyo.Var(model.T, bounds=lambda _, t: (0.0, tiers.width[t]))
    model.z = pyo.Var(model.T, domain=pyo.Binary)
    # Objective
    model.payment = pyo.Expression(
        expr=sum(contracts[h].fee * model.u[h] for h in model.H)
        + sum(tiers.rate[t] * model.y[t] for t in model.T)
    )
    if budget is None:
        model.del_component(model.objective)
        model.objective = pyo.Objective(expr=model.payment, sense=pyo.minimize)
    else:
        model.budget = pyo.Constraint(expr=model.payment <= budget)
    # Constraints
    model.used = pyo.Constraint(
        model.O,
        model.H,
        rule=lambda m, g, j, h: m.x[g, j] <= m.u[h] if tiers.buys[j, h] else pyo.Constraint.Skip,
    )
    model.volume = pyo.Constraint(
        model.H,
        rule=lambda m, h: (
            sum(tiers.listed[pair][h] * m.x[pair] for pair in m.O)
            == sum(m.y[t] for t in m.T if tiers.provider[t] == h)
        ),
    )
    model.reached = pyo.Constraint(model.T, rule=lambda m, t: m.y[t] <= tiers.width[t] * m.z[t])
    model.in_order = pyo.Constraint(
        tiers.followed.tolist(), rule=lambda m, t: m.y[t] >= tiers.width[t] * m.z[t + 1]
    )
    return model


def build_cvxpy(
    value: FloatArray,
    list_spend: FloatArray,
    contracts: tuple[Contract, ...],
    *,
    budget: float | None,
    floor: float | None = None,
) -> cp.Problem:
    """Return the program as a CVXPY problem with ``x``, ``u``, ``y``, ``z``; see the Pyomo form."""
    tiers = tiers_of(value, list_spend, contracts)
    program = budget_cvxpy(value, np.zeros_like(value), np.inf, floor)
    # Variables
    x = program.var_dict["x"]
    u = cp.Variable(len(contracts), boolean=True, name="u")
    y = cp.Variable(len(tiers.width), nonneg=True, name="y")
    z = cp.Variable(len(tiers.width), boolean=True, name="z")
    # Objective
    payment = np.array([contract.fee for contract in contracts]) @ u + tiers.rate @ y
    # Constraints
    rows = [x[:, j] <= u[h] for j, h in np.argwhere(tiers.buys)]
    rows += [
        cp.sum(cp.multiply(tiers.listed[:, :, h], x)) == (tiers.provider == h).astype(float) @ y
        for h in range(len(contracts))
    ]
    last = tiers.followed
    rows += [
        y <= cp.multiply(tiers.width, z),
        y[last] >= cp.multiply(tiers.width[last], z[last + 1]),
    ]
    if budget is None:
        return cp.Problem(cp.Minimize(payment), [*program.constraints, *rows])
    return cp.Problem(program.objective, [*program.constraints, *rows, payment <= budget])


def payments(list_spend: FloatArray, contracts: tuple[Contract, ...], choice: Choice) -> FloatArray:
    """Return what every provider is due for an assignment, [H], currency units."""
    every = np.arange(len(choice))
    buys: npt.NDArray[np.bool_] = np.any(np.nan_to_num(list_spend) > 0, axis=0)
    return np.array(
        [
            contract.payment(
                float(list_spend[every, choice, h].sum()), used=bool(buys[choice, h].any())
            )
            for h, contract in enumerate(contracts)
        ]
    )


def answers(rng: np.random.Generator) -> dict[str, float]:
    """Solve one small instance by both languages and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = draw(rng)
    providers = value.shape[1] - 1
    list_spend = np.eye(providers + 1, providers) * spend[:, :, None]
    contracts = tuple(
        Contract(
            fee=float(rng.uniform(0.0, 0.5)),
            tiers=((0.0, 1.0), (float(rng.uniform(0.2, 2.0)), float(rng.uniform(0.3, 1.5)))),
            credit=float(rng.choice([0.0, 0.4])),
        )
        for _ in range(providers)
    )
    budget = float(rng.uniform(0.2, 0.9) * spend.max(axis=1).sum())

    def score(choice: Choice) -> float:
        due = float(payments(list_spend, contracts, choice).sum())
        return total(value, choice) if within(due, budget) else np.nan

    return compare(
        value.shape,
        score,
        pyomo=build_pyomo(value, list_spend, contracts, budget=budget),
        cvxpy=build_cvxpy(value, list_spend, contracts, budget=budget),
    )
