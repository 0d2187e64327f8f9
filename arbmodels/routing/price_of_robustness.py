"""What a robust budget costs, and how often random spends break it all the same."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from arbmodels._assignment.program import FloatArray
from arbmodels._assignment.robust import protection
from arbmodels._checks import choice_of, numbers_of, seed_of, whole_of
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.routing.robust import robust_of
from arbmodels.routing.solve import solve_problem
from arbmodels.routing.statement import Statement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: How a spend is drawn: s + d t with t uniform on [-1, 1], or t = -1 or 1 with equal chances.
Law = Literal["uniform", "two-point"]
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
    law : str
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
    law: Law
    draws: int
    seed: int

    @property
    def price(self) -> FloatArray:
        """Loss of objective against no protection, as a share of it, [K]."""
        sign = 1.0 if self.problem.objective.maximise else -1.0
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
        return {**columns, "law": self.law, "draws": self.draws, "seed": self.seed}

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
            f"price: loss against gamma 0. broken: share of {self.draws} draws (spends {self.law}"
            f" within their deviations, seed {self.seed}) above the budget; at most: the bound of"
            " Bertsimas and Sim for any independent symmetric deviations"
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
    law: Law = "uniform",
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
    law : {"uniform", "two-point"}
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
    choice_of(law, get_args(Law), "law")
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
                _broken(budget.total - result.spend, spread, draws, seed, law),
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
        law=law,
        draws=draws,
        seed=seed,
    )


def _broken(room: float, spread: FloatArray, draws: int, seed: int, law: Law) -> float:
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
        if law == "two-point":
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
