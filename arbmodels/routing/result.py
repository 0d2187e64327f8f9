"""The answer to a routing problem: who serves what, how good it is, and what binds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.assignment.answer import Status, Step
from arbmodels.assignment.passes import Choice
from arbmodels.assignment.source import FloatArray
from arbmodels.checks import number_of
from arbmodels.display import Displayed, TextTable
from arbmodels.market import Market
from arbmodels.plans import Plan
from arbmodels.solver import relative_gap
from arbmodels.writing import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arbmodels.online.policy import RoutingPolicy
    from arbmodels.routing.optimism import CrossValidation
    from arbmodels.routing.problem import RoutingProblem
    from arbmodels.routing.ranges import PriceRange
    from arbmodels.routing.reasons import Reasons
    from arbmodels.routing.scoring import Score


class Payment(NamedTuple):
    """What a contract comes to: currency units at list prices and as agreed, whether it is used."""

    list_spend: float
    payment: float
    used: bool


class Use(NamedTuple):
    """A plan in use: instances, total spend, mean solve rate over the instances it serves."""

    plan: Plan
    instances: int
    spend: float
    solve_rate: float


@dataclass(frozen=True, eq=False, repr=False)
class RoutingResult(Displayed):
    """A feasible assignment with a proof of how far from optimal it can be.

    Attributes
    ----------
    problem : RoutingProblem
    status : str
        "optimal": the gap asked for is proven. "time limit", "interrupted", "unproven" (the numbers
        do not allow to prove it): the best assignment so far.
    objective : float
        Evaluated on the assignment, in the objective's unit.
    bound : float
        No assignment is better: the tighter of what HiGHS proved by branching, where it was needed,
        and the Lagrangian bound at the shadow prices, which is evaluated here.
    solve_rate : float
        Weighted mean solve probability.
    spend : float, currency units over all instances
        At list prices.
    payments : dict
        Seller of a contract -> (spend at list prices, payment, whether it is used).
    activity : dict
        Constraint label -> left-hand side at the assignment, in the unit of its limit.
    shadow_prices : dict
        Constraint label -> gain in the objective (more solve rate, less spend) per unit by which
        the constraint is relaxed (a budget or capacity raised, a floor lowered); never negative.
        From the linear relaxation, where it is a derivative; with ties one of several. A limit
        on the number of models or plans, or a forbidden pair, has none.
    shadow_price_units : dict
        Constraint label -> unit.
    assignment : int array [N]
        Index into ``plans`` per instance.
    served : float array [3, L, J]
        By segment (one without any) and plan: instances by weight, instances solved, spend.
    instances_by_plan : int array [J]
    row_prices : float array [R]
        Prices of all rows of :meth:`RoutingProblem.program`, those of contracts too.
    side : dict
        Values of the program's side columns.
    path : tuple of Step
        Prices and bounds on the way to the answer.
    time : float
        Seconds, without the evaluation of the plans.
    validation : CrossValidation or None
        How much of the objective is optimism, if it was asked for.
    """

    problem: RoutingProblem
    status: Status
    objective: float
    bound: float
    solve_rate: float
    spend: float
    payments: dict[str, Payment]
    activity: dict[str, float]
    shadow_prices: dict[str, float]
    shadow_price_units: dict[str, str]
    assignment: Choice
    served: FloatArray
    instances_by_plan: npt.NDArray[np.int64]
    row_prices: FloatArray
    side: dict[str, float]
    path: tuple[Step, ...]
    time: float
    validation: CrossValidation | None = None

    @property
    def gap(self) -> float:
        """abs(bound - objective) / max(abs(objective), 1e-12)."""
        return relative_gap(self.objective, self.bound)

    @property
    def market(self) -> Market | None:
        """The market of the problem, if it was made from one."""
        return self.problem.market

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans of the problem."""
        return self.problem.plans

    @property
    def outlay(self) -> float:
        """Total to be paid: list prices, and payments where there are contracts."""
        listed = self.spend - sum(each.list_spend for each in self.payments.values())
        return max(listed, 0.0) + sum(each.payment for each in self.payments.values())

    @property
    def counts(self) -> dict[str, int]:
        """Plan label -> number of instances it serves, for the plans in use."""
        return {use.plan.label: use.instances for use in self.uses}

    @property
    def uses(self) -> list[Use]:
        """The plans in use."""
        times, solved, spend = self.served.sum(axis=1)
        return [
            Use(
                self.plans[j],
                int(self.instances_by_plan[j]),
                float(spend[j]),
                float(solved[j] / times[j]) if times[j] > 0 else float("nan"),
            )
            for j in np.flatnonzero(self.instances_by_plan)
        ]

    @property
    def segment_rates(self) -> dict[str, float]:
        """Segment -> mean solve rate; empty without segments."""
        labels = self.problem.plan_table.partitions.get("segment")
        if labels is None:
            return {}
        times, solved, _ = self.served.sum(axis=2)
        rates = np.divide(solved, times, out=np.full(len(times), np.nan), where=times > 0)
        return dict(zip(labels.names, rates.tolist(), strict=True))

    @property
    def binding(self) -> tuple[str, ...]:
        """Labels of the constraints with a positive shadow price."""
        return tuple(label for label, price in self.shadow_prices.items() if price > 0)

    def regret(self) -> FloatArray:
        """Return what each instance gives up to the constraints, [N]: its best plan less its own.

        In solve probability, or in currency units at list prices, without its weight; never
        negative. Pairs that were forbidden by a constraint count as available.
        """
        from arbmodels.routing.reasons import regret

        return regret(self)

    def explain(self, instance: object) -> Reasons:
        """Return why an instance has its plan: every plan's value, less the prices of the rows.

        Parameters
        ----------
        instance : label

        Raises
        ------
        InputError
            If there is no such instance.
        """
        from arbmodels.routing.reasons import reasons

        return reasons(self, instance)

    def price_range(self, label: str, time_limit: float = 60.0) -> PriceRange:
        """Return the range of a constraint's limit over which its shadow price holds.

        Parameters
        ----------
        label : str, as in :attr:`shadow_prices`
        time_limit : float, seconds

        Raises
        ------
        InputError
            If the constraint has no limit that can be moved alone: a share, a number of models.

        Examples
        --------
        >>> import arbmodels as arb
        >>> problem = arb.RoutingProblem.from_arrays([[0.2, 0.9], [0.3, 0.4]], [[1, 5], [1, 4]])
        >>> found = problem.add_budget(3).solve().price_range("budget")
        >>> found.price_unit, found.low, found.high
        ('solve rate per USD', 2.0, 6.0)
        """
        from arbmodels.routing.ranges import PriceRange, price_range

        time_limit = number_of(time_limit, "time_limit", 0, unit="seconds")
        row, constraint = self.problem.row_of(label)
        program = self.problem.program()
        found = price_range(program, row, float(self.row_prices[row]), time_limit)
        return PriceRange(
            label=label,
            unit=constraint.price_unit(self.problem.plan_table),
            limit=float(program.limits[row]),
            price_unit=self.shadow_price_units[label],
            **found._asdict(),
        )

    def policy(self) -> RoutingPolicy:
        """Return the shadow prices as a rule for instances that were not in the problem.

        The rule serves an instance with the plan of largest solve probability less its spend and
        its use of other binding constraints at their prices, all of one instance of weight one. The
        budget and floor over all instances are in the price of spend; every other binding
        constraint is a row of the policy, and a plan's use of it is what it adds to the
        constraint's left-hand side. ``policy.choose(problem)`` computes all of that for the
        instances of a problem with the same plans.

        Raises
        ------
        InputError
            If there is no rule of one price: other assignments than per instance, contracts,
            limits on these instances together (robust, over scenarios, on changes), values that
            differ by segment, or solved instances of no value.
        """
        from arbmodels.routing.deploy import policy

        return policy(self)

    def score_on(self, record: Market | RoutingProblem) -> Score:
        """Say what the assignment comes to on recorded outcomes, or by another problem's numbers.

        An assignment by predictions is scored on what happened, one per segment also on instances
        that were not in the problem.

        Parameters
        ----------
        record : Market or RoutingProblem
            With the same plans and, for one plan per instance, with instances of this problem.

        Raises
        ------
        InputError
            If an instance or segment was not in the problem, or an instance's plan has no record.

        Examples
        --------
        >>> import arbmodels as arb
        >>> market = arb.Market(["small", "large"], ["a", "b"], [[1, 1], [1, 1]], [[0, 1], [1, 1]],
        ...                     [[1.0, 5.0], [1.0, 4.0]])
        >>> predicted = arb.RoutingProblem.from_arrays(
        ...     [[0.2, 0.9], [0.3, 0.8]], market.cost, market.models, instances=market.instances)
        >>> result = predicted.add_budget(6).solve()
        >>> score = result.score_on(market)
        >>> round(result.solve_rate, 3), score.solve_rate, score.spend
        (0.6, 1.0, 6.0)
        """
        from arbmodels.routing.scoring import score_on

        return score_on(self, record)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per instance: plan, solve probability, expected spend."""
        from arbmodels.routing.files import frame_of

        return frame_of(self)

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write :meth:`to_frame` as CSV; an existing file is replaced only if asked.

        Raises
        ------
        InputError
            If the file exists, its folder does not, or it cannot be written.
        """
        from arbmodels.routing.files import fresh

        return write_whole(fresh(path, overwrite=overwrite), self.to_frame().to_csv)

    def to_parquet(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write :meth:`to_frame` as Parquet (extra ``parquet``); see :meth:`to_csv`."""
        from arbmodels.routing.files import fresh, need_parquet

        need_parquet()
        return write_whole(fresh(path, overwrite=overwrite), self.to_frame().to_parquet)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain Python values, ready for JSON."""
        from arbmodels.routing.files import values_of

        return values_of(self)

    def table(self) -> TextTable:
        """Return who serves what; below it the proof, the constraints and their prices."""
        from arbmodels.routing.show import result_table

        return result_table(self)

    def plot(self) -> Axes:
        """Draw each plan's share of the instances and of the spend."""
        from arbmodels.routing.show import plot_shares

        return plot_shares(self)

    def plot_path(self) -> Axes:
        """Draw the bound against the step of the multipliers, and the objective reached."""
        from arbmodels.routing.show import plot_path

        return plot_path(self)
