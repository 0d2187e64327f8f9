r"""A budget that holds when the spend of some instances comes out higher than expected.

The spend of instance i on plan j lies in :math:`[s_{ij}, s_{ij} + d_{ij}]` and at most
:math:`\Gamma` instances deviate at once (Bertsimas and Sim 2004, "The price of robustness"):

.. math::
    \sum_i N w_i \sum_j s_{ij} x_{ij} + \max_{|D| \le \Gamma} \sum_{i \in D} N w_i
    \sum_j d_{ij} x_{ij} \le B.

Small problems, and those with columns beside the assignment, go to HiGHS in the compact form of
the same paper; large ones are a search over thresholds,
:mod:`arbmodels._assignment.robust`. :func:`price_of_robustness` says what such a budget costs, and
how often random spends break it all the same.

References
----------
Bertsimas, Sim, *The price of robustness*, Operations Research 52 (2004).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import FloatArray, IntArray, Quantity
from arbmodels._assignment.robust import protection
from arbmodels._checks import LARGEST, choice_of, number_of, numbers_of, seed_of, whole_of
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.routing.builder import Builder, Part, scaled, spent
from arbmodels.routing.constraints.base import Scoped, check_number
from arbmodels.routing.solve import solve_problem
from arbmodels.routing.statement import Statement
from arbmodels.routing.table import PlanTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class RobustBudget(Scoped):
    r"""Total spend at most ``total`` though any ``gamma`` instances cost more than expected.

    Parameters
    ----------
    total : float, currency units over all instances
        B.
    deviation : float or float array [N, J']
        d in currency units, or as a share of the expected spend (0.3: up to 30% more), which
        takes no memory. An instance of weight w deviates by w times d, and counts once.
    gamma : float
        :math:`\Gamma`, instances; a fraction lets one more deviate by that part of its d. Zero is
        the plain budget; N (or more) the worst case of all instances at once.
    """

    total: float
    deviation: float | Quantity
    gamma: float
    separable = False

    @property
    def label(self) -> str:
        """Robust budget."""
        return "robust budget"

    @property
    def limit(self) -> float:
        """Total spend, deviations included."""
        return self.total

    def unit(self, table: PlanTable) -> str:
        """Return the currency."""
        return table.currency

    def cut(self, table: PlanTable, part: PlanTable, rows: IntArray) -> dict[str, Any] | None:
        """Return the same amount, and as many deviations, per instance."""
        share = part.size / table.size
        changes: dict[str, Any] = {"total": share * self.total, "gamma": share * self.gamma}
        if np.ndim(self.deviation) > 0:
            changes["deviation"] = np.asarray(self.deviation)[rows]
        return changes

    def scored(self, table: PlanTable, assignment: npt.NDArray[np.integer[Any]]) -> float:
        """Return the spend at its worst."""
        return self.achieved(table, assignment)

    def check(self, table: PlanTable) -> None:
        """Check the amount, gamma and the deviations."""
        check_number(self.label, self.total, f"an amount of {table.currency}")
        check_number("gamma of the robust budget", self.gamma, "a number of instances")
        if np.ndim(self.deviation) == 0:
            number_of(self.deviation, "deviation", 0, LARGEST, "a share of the spend")
            return
        values = np.asarray(self.deviation)
        if values.shape != (table.size, table.width):
            raise InputError(
                f"deviation has shape {values.shape}; give one share of the spend, or currency"
                f" units per instance and plan, {(table.size, table.width)}."
            )
        good = (values >= 0) & (values <= LARGEST)
        if table.offered is not None:
            good |= ~table.offered
        if not good.all():
            i, j = np.argwhere(~good)[0]
            raise InputError(
                f"Instance {table.instances[i]!r}, plan {table.plans[j].label!r}: deviation"
                f" {values[i, j]:g} must be finite and at least 0."
            )

    def add(self, builder: Builder) -> None:
        """Add the row with its deviations."""
        table = builder.table
        if builder.payments:
            raise InputError(
                "A robust budget counts list spend; with contracts it is not known what a"
                " deviation costs. Leave the contracts or the robust budget out."
            )
        spend = spent(table, np.ones(len(table.models), dtype=bool), {})
        if np.ndim(self.deviation) == 0:
            deviation = scaled(spend, float(self.deviation))
        else:
            builder.quantity("deviation", np.asarray(self.deviation))
            deviation = (Part("deviation", np.ones(len(table.plans))),)
        builder.row(
            self.label,
            spend,
            self.total,
            at_most=True,
            deviation=deviation,
            gamma=self.gamma,
        )

    def achieved(self, table: PlanTable, assignment: npt.NDArray[np.integer]) -> float:
        """Return expected spend plus largest deviation of an assignment [N], currency units."""
        spend = table.times * table.chosen(assignment, table.spend)
        return float(spend.sum()) + protection(self.deviations(table, assignment), self.gamma)

    def deviations(self, table: PlanTable, assignment: npt.NDArray[np.integer]) -> FloatArray:
        """Return w d of every instance at its plan, [N]."""
        if np.ndim(self.deviation) == 0:
            chosen = float(self.deviation) * table.chosen(assignment, table.spend)
        else:
            chosen = table.chosen(assignment, np.asarray(self.deviation))
        return table.times * chosen


def robust_of(problem: Statement) -> RobustBudget | None:
    """Return a problem's robust budget, if it has one."""
    return next((each for each in problem.constraints if isinstance(each, RobustBudget)), None)


#: How a spend is drawn: s + d t with t uniform on [-1, 1], or t = -1 or 1 with equal chances.
Spread = Literal["uniform", "two-point"]
#: Random numbers held at once.
_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False, repr=False)
class PriceOfRobustness(Displayed):
    """Objective and risk of a robust budget for several numbers of deviating instances.

    Attributes
    ----------
    problem : Statement
    gamma : float array [K]
        Increasing; the first is 0, the budget without protection.
    objective, bound : float array [K]
    spend, reserve : float array [K], currency units
        Expected spend, and the sum of the gamma largest deviations.
    violation : float array [K]
        Share of the draws in which the spend was above the budget.
    guarantee : float array [K]
        The probability is no larger than this, for independent symmetric deviations.
    distribution : str
    draws, seed : int
    """

    problem: Statement
    gamma: FloatArray
    objective: FloatArray
    bound: FloatArray
    spend: FloatArray
    reserve: FloatArray
    violation: FloatArray
    guarantee: FloatArray
    distribution: Spread
    draws: int
    seed: int

    @property
    def price(self) -> FloatArray:
        """Loss of objective against no protection, as a share of it, [K]."""
        sign = 1.0 if self.problem.objective.maximize else -1.0
        plain = self.objective[0]
        price: FloatArray = sign * (plain - self.objective) / max(abs(plain), 1e-12)
        return price

    def to_frame(self) -> pd.DataFrame:
        """Return one row per gamma."""
        return pd.DataFrame(
            {
                "objective": self.objective,
                "bound": self.bound,
                "price": self.price,
                "spend": self.spend,
                "reserve": self.reserve,
                "violation": self.violation,
                "guarantee": self.guarantee,
            },
            index=pd.Index(self.gamma, name="gamma"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain Python values, ready for JSON."""
        columns = {str(name): each.tolist() for name, each in self.to_frame().reset_index().items()}
        return {
            **columns,
            "distribution": self.distribution,
            "draws": self.draws,
            "seed": self.seed,
        }

    def table(self) -> TextTable:
        """Return one row per gamma."""
        problem = self.problem
        currency = problem.plan_table.currency
        rows = [
            (
                number(gamma, 3),
                number(each["objective"], 5),
                percent(each["price"], 2),
                number(each["spend"]),
                number(each["reserve"]),
                percent(each["violation"]),
                percent(each["guarantee"]),
            )
            for gamma, each in zip(self.gamma, self.to_frame().to_dict("records"), strict=True)
        ]
        columns = (
            "gamma",
            f"objective [{problem.objective_unit}]",
            "price",
            f"spend [{currency}]",
            f"reserve [{currency}]",
            "broken",
            "at most",
        )
        note = (
            f"price: loss against gamma 0. broken: share of {self.draws} draws (spends"
            f" {self.distribution} within their deviations, seed {self.seed}) above the budget; at"
            " most: the bound of Bertsimas and Sim for any independent symmetric deviations"
        )
        return TextTable(
            f"Price of robustness of {problem.plan_table.name}: {problem.goal}", columns, rows, note
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the price against the probability that the budget is broken."""
        ax = new_axes() if ax is None else ax
        ax.plot(100 * self.violation, 100 * self.price, "o-", label="simulated")
        ax.plot(100 * self.guarantee, 100 * self.price, "o--", label="guaranteed")
        for gamma, x, y in zip(self.gamma, self.violation, self.price, strict=True):
            ax.annotate(f"{gamma:g}", (100 * x, 100 * y), xytext=(4, 4), textcoords="offset points")
        ax.set_xlabel("budget broken [%]")
        ax.set_ylabel("loss of objective [%]")
        ax.legend(frameon=False, title="gamma at the points")
        return ax


def price_of_robustness(
    problem: Statement,
    gammas: Sequence[float] | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
    distribution: Spread = "uniform",
    gap: float = 1e-4,
    time_limit: float = 60.0,
) -> PriceOfRobustness:
    """Solve with several numbers of deviating instances, and draw random spends for each.

    Parameters
    ----------
    problem : Statement
        With a robust budget; its gamma is replaced.
    gammas : sequence of float, optional
        0, 1, 2, 4 and 8 times a quarter of the square root of N by default. 0 is added.
    draws, seed : int
    distribution : {"uniform", "two-point"}
        Spends are drawn independently and symmetrically about what is expected, which is harsher
        in the second.
    gap, time_limit : float
        Of each solve.

    Raises
    ------
    InputError
        If the problem has no robust budget, or an argument cannot be meant.
    InfeasibleError
        If the budget cannot be kept with so many deviations.
    """
    robust = robust_of(problem)
    if robust is None:
        raise InputError("The problem has no robust budget; add one with add_robust_budget.")
    draws, seed = whole_of(draws, "number of draws"), seed_of(seed)
    choice_of(distribution, get_args(Spread), "distribution")
    if draws < 1:
        raise InputError(f"draws is {draws}; give at least 1.")
    root = math.sqrt(problem.plan_table.size) / 4
    asked = [root * k for k in (1, 2, 4, 8)]
    if gammas is not None:
        asked = numbers_of(gammas, "gammas", 1).tolist()
        if not asked:
            raise InputError("gammas is empty; give numbers of instances, or None.")
    gamma = np.unique([0.0, *asked])
    figures = []
    for each in gamma:
        budget = replace(robust, gamma=float(each))
        others = tuple(budget if c is robust else c for c in problem.constraints)
        result = solve_problem(replace(problem, constraints=others), gap, time_limit)
        assignment = np.asarray(result.assignment)
        spread = budget.deviations(problem.plan_table, assignment)
        uncertain = int((spread > 0).sum())
        figures.append(
            (
                result.objective,
                result.bound,
                result.spend,
                protection(spread, float(each)),
                _broken(budget.total - result.spend, spread, draws, seed, distribution),
                violation_bound(uncertain, float(each)),
            )
        )
    objective, bound, spend, reserve, violation, guarantee = np.array(figures).T
    return PriceOfRobustness(
        problem,
        gamma,
        objective,
        bound,
        spend,
        reserve,
        violation,
        guarantee,
        distribution=distribution,
        draws=draws,
        seed=seed,
    )


def _broken(room: float, spread: FloatArray, draws: int, seed: int, distribution: Spread) -> float:
    """Return the share of draws in which deviations of up to ``spread`` exceed the room."""
    from tqdm import tqdm

    spread = spread[spread > 0]
    rng = np.random.default_rng(seed)
    size = max(_AT_ONCE // max(len(spread), 1), 1)
    starts = range(0, draws, size)
    broken = 0
    allowed = room + 1e-9 * (abs(room) + float(spread.sum()))
    for start in tqdm(starts, "Draws", disable=not sys.stderr.isatty(), leave=False, delay=2):
        shape = (min(size, draws - start), len(spread))
        share = rng.uniform(-1.0, 1.0, shape)
        if distribution == "two-point":
            share = np.sign(share)
        broken += int((share @ spread > allowed).sum())
    return broken / draws


def violation_bound(uncertain: int, gamma: float) -> float:
    r"""Return the probability bound of Bertsimas and Sim (2004), theorem 3.

    .. math:: 2^{-n} \Bigl( (1 - \mu) \binom{n}{\lfloor \nu \rfloor} +
              \sum_{l > \lfloor \nu \rfloor} \binom{n}{l} \Bigr), \quad
              \nu = \frac{\Gamma + n}{2}, \quad \mu = \nu - \lfloor \nu \rfloor

    for n independent deviations, symmetric about zero.

    Examples
    --------
    >>> round(violation_bound(100, 0.0), 2), round(violation_bound(100, 20.0), 2)
    (0.54, 0.03)
    """
    if uncertain == 0 or gamma >= uncertain:
        return 0.0
    middle = (gamma + uncertain) / 2
    whole = math.floor(middle)
    from scipy.stats import binom  # half a second, for this alone

    part = (1 - (middle - whole)) * binom.pmf(whole, uncertain, 0.5)
    return float(part + binom.sf(whole, uncertain, 0.5))
