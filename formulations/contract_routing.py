r"""Contract routing: providers are paid by contract, with fees, volume tiers and prepaid credit.

Problem. A broker serves groups g with plans j. What a provider is paid for all of it together
depends on the volume: a fixed fee if it is used at all, then a rate per unit of list price that
changes from one volume tier to the next, up (a discount for the first so many) or down (a discount
for volume); the first part may be prepaid. Reach a quality floor at least payment, or solve as much
as possible within a budget of payments.

Sets:
    G          groups
    J          plans
    H          providers
    T[h]       tiers of provider h, in order of volume; prepaid credit is a tier of rate zero
    O          pairs (g, j) on offer

Parameters (with units):
    v[g, j]       what plan j on group g adds to the mean solve rate
    s[g, j, h]    what it adds to the list spend with provider h, currency units
    f[h]          fixed fee, currency units
    r[h, t]       rate of a tier: currency units paid per unit of list spend
    w[h, t]       width of a tier, currency units of list spend; the last one is as wide as what can
                  be spent with h at most
    B             budget, currency units (none: the payment is minimised)
    R             quality floor, a mean solve rate

Variables:
    x[g, j]    1 if plan j serves group g, else 0, for (g, j) in O
    u[h]       1 if provider h is used, else 0
    y[h, t]    list spend in a tier, 0 <= y[h, t] <= w[h, t]
    z[h, t]    1 if the tier is reached, else 0

Objective, with P = sum_h (f[h] u[h] + sum_t r[h, t] y[h, t]):
    with a budget:  max  sum_(g,j) v[g, j] x[g, j]
    without:        min  P

Constraints:
    one plan each:  sum_j x[g, j] = 1                              for all g in G
    used:           x[g, j] <= u[h]                                where plan j buys from h
    volume:         sum_(g,j) s[g, j, h] x[g, j] = sum_t y[h, t]   for all h in H
    reached:        y[h, t] <= w[h, t] z[h, t]                     for all h and t
    in order:       y[h, t] >= w[h, t] z[h, t + 1]                 for all h and t but the last
    budget:         P <= B
    floor:          sum_(g,j) v[g, j] x[g, j] >= R

Size:
    |O| + |H| + |T| binary and |T| continuous variables; about |G| + |O| |H| + |H| + 2 |T| rows,
    where |T| counts all tiers.

Where rates rise, the cheaper tier fills first by itself, and z could be left out; where they fall,
it is what keeps the expensive one from being skipped (the incremental form of a piecewise-linear
cost; Croxton, Gendron, Magnanti 2003, "A comparison of mixed-integer programming models for
nonconvex piecewise linear cost minimization problems"). In the library:
``problem.add_contract(provider, fee=..., tiers=..., credit=...)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

import arbmodels as arb
from formulations import small
from formulations.budget_routing import Choice, FloatArray, solve_pyomo
from formulations.pairs import at_least_zero, offered_pairs


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


def build(
    value: FloatArray,
    list_spend: FloatArray,
    contracts: tuple[Contract, ...],
    *,
    budget: float | None,
    floor: float | None = None,
) -> pyo.ConcreteModel:
    """Return the program as a Pyomo model.

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
    offered = offered_pairs(value, list_spend=list_spend)
    if len(contracts) != list_spend.shape[2]:
        raise arb.InputError(
            f"{len(contracts)} contracts for {list_spend.shape[2]} providers; give one for each."
        )
    listed = np.where(offered[:, :, None], list_spend, 0.0)
    at_least_zero(list_spend=listed)
    model = pyo.ConcreteModel("contract routing")
    # Sets
    groups, plans = value.shape
    model.G = pyo.RangeSet(0, groups - 1)
    model.J = pyo.RangeSet(0, plans - 1)
    model.O = pyo.Set(initialize=[tuple(pair) for pair in np.argwhere(offered).tolist()])
    model.H = pyo.RangeSet(0, len(contracts) - 1)
    # A little more than the most there is, so that rounding forbids nothing.
    most = listed.max(axis=1).sum(axis=0) * (1 + 1e-6)
    tiers = [
        contract.widths_and_rates(float(reach))
        for contract, reach in zip(contracts, most, strict=True)
    ]
    width = {(h, t): w for h, every in enumerate(tiers) for t, (w, _) in enumerate(every)}
    rate = {(h, t): r for h, every in enumerate(tiers) for t, (_, r) in enumerate(every)}
    model.T = pyo.Set(initialize=list(width))
    model.followed = pyo.Set(initialize=[(h, t) for h, t in width if (h, t + 1) in width])
    buys: npt.NDArray[np.bool_] = np.any(listed > 0, axis=0)
    # Variables
    model.x = pyo.Var(model.O, domain=pyo.Binary)
    model.u = pyo.Var(model.H, domain=pyo.Binary)
    model.y = pyo.Var(model.T, bounds=lambda _, h, t: (0.0, width[h, t]))
    model.z = pyo.Var(model.T, domain=pyo.Binary)
    # Objective
    model.solved = pyo.Expression(expr=sum(value[pair] * model.x[pair] for pair in model.O))
    model.payment = pyo.Expression(
        expr=sum(contracts[h].fee * model.u[h] for h in model.H)
        + sum(rate[tier] * model.y[tier] for tier in model.T)
    )
    if budget is None:
        model.objective = pyo.Objective(expr=model.payment, sense=pyo.minimize)
    else:
        model.objective = pyo.Objective(expr=model.solved, sense=pyo.maximize)
    # Constraints
    model.one_plan_each = pyo.Constraint(
        model.G, rule=lambda m, g: sum(m.x[g, j] for j in m.J if (g, j) in m.O) == 1
    )
    model.used = pyo.Constraint(
        model.O,
        model.H,
        rule=lambda m, g, j, h: m.x[g, j] <= m.u[h] if buys[j, h] else pyo.Constraint.Skip,
    )
    model.volume = pyo.Constraint(
        model.H,
        rule=lambda m, h: (
            sum(listed[pair][h] * m.x[pair] for pair in m.O)
            == sum(m.y[h, t] for t in range(len(tiers[h])))
        ),
    )
    model.reached = pyo.Constraint(
        model.T, rule=lambda m, h, t: m.y[h, t] <= width[h, t] * m.z[h, t]
    )
    model.in_order = pyo.Constraint(
        model.followed, rule=lambda m, h, t: m.y[h, t] >= width[h, t] * m.z[h, t + 1]
    )
    if budget is not None:
        model.budget = pyo.Constraint(expr=model.payment <= budget)
    if floor is not None:
        model.floor = pyo.Constraint(expr=model.solved >= floor)
    return model


def solve(
    value: FloatArray,
    list_spend: FloatArray,
    contracts: tuple[Contract, ...],
    *,
    budget: float | None,
    floor: float | None = None,
    gap: float = 1e-6,
) -> Choice:
    """Return the plan of each group, int [G]; see :func:`build`.

    Raises
    ------
    arb.InputError
        As :func:`build`.
    arb.InfeasibleError
        If no assignment satisfies the constraints.
    arb.SolverError
        If HiGHS stops for any other reason before the gap is proven.
    """
    return solve_pyomo(build(value, list_spend, contracts, budget=budget, floor=floor), gap)


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
    """Solve one small instance by Pyomo and by enumeration; see ``arb.registry.check``."""
    value, spend, _ = small.draw(rng)
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
        return small.total(value, choice) if small.within(due, budget) else np.nan

    return small.compare(
        value.shape, score, pyomo=lambda: solve(value, list_spend, contracts, budget=budget)
    )
