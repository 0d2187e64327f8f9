r"""Solve probabilities are estimates: floors that hold over resampled worlds, not at one estimate.

With :math:`r_s(x) = \sum_i w_i m_{si} \sum_j p_{sij} x_{ij} / \sum_i w_i m_{si}` the solve rate in
scenario s of S, over the instances of a segment or all:

*Mean of the worst scenarios* (conditional value at risk of the shortfall). The mean of the worst
share :math:`\tau` of the scenarios is
:math:`\max_t t - \frac{1}{\tau S} \sum_s \max(t - r_s, 0)` (Rockafellar and Uryasev 2000,
"Optimization of conditional value-at-risk"), so it is at least R exactly if some t and u have

.. math::
    t - \frac{1}{\tau S} \sum_s u_s \ge R, \qquad r_s(x) + u_s - t \ge 0, \qquad u \ge 0.

*Chance constraint.* The rate is at least R in all scenarios but :math:`\lfloor \tau S \rfloor`,
each of which a binary excuses:

.. math::
    t \ge R, \qquad r_s(x) + R \, v_s - t \ge 0, \qquad
    \sum_s v_s \le \lfloor \tau S \rfloor, \qquad v \in \{0, 1\}.

Floors on the solve rate over scenarios, as constraints of a routing problem.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import FloatArray, IntArray
from arbmodels._checks import flag_of, number_of, numbers_of, rounding_of, seed_of, whole_of
from arbmodels._pandas import pandas_loaded, pd
from arbmodels.display import Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InputError
from arbmodels.plans import default_curves
from arbmodels.routing.builder import Builder, Part, scaled, scope
from arbmodels.routing.constraints.base import Scoped, inside
from arbmodels.routing.table import PlanTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Single = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class Scenarios(Displayed):
    """S worlds that the records could as well have come from.

    In memory: 4 S N J' bytes for the probabilities (445 instances, 19 plans, 200 scenarios: 7 MB)
    and 4 S N for the instances. A floor over resampled instances takes as much again as the
    probabilities of all scenarios, whether these are resampled or not.

    Parameters
    ----------
    plan_table : PlanTable
        N instances by J plans as recorded.
    solve : float32 array [S, N, J'], optional
        Solve probabilities; those recorded in every scenario if None.
    times : float32 array [S, N], optional
        m, how often an instance counts beside its weight; once if None.

    Raises
    ------
    InputError
        If a shape does not fit, a probability is not from 0 to 1, or m is negative.
    """

    plan_table: PlanTable
    solve: Single | None = None
    times: Single | None = None

    def __post_init__(self) -> None:
        table = self.plan_table
        if self.solve is None and self.times is None:
            raise InputError("Scenarios need solve probabilities, instance counts, or both.")
        given = {"solve": self.solve, "times": self.times}
        arrays: dict[str, Single] = {}
        for name, values in given.items():
            if values is None:
                continue
            if pandas_loaded() and isinstance(values, pd.DataFrame | pd.Series):
                raise InputError(
                    f"{name} of the scenarios has labels; give an array in the order of the"
                    " problem."
                )
            with np.errstate(over="ignore"):  # what float32 cannot hold is refused below
                array = numbers_of(values, f"{name} of the scenarios").astype(
                    np.float32, copy=False
                )
            arrays[name] = array
        count = next(iter(arrays.values())).shape[:1]
        for name, array in arrays.items():
            shape = (*count, table.size, *((table.width,) if name == "solve" else ()))
            if array.shape != shape or count in ((), (0,)):
                raise InputError(f"{name} of the scenarios has shape {array.shape}, not {shape}.")
            object.__setattr__(self, name, array)
        if self.times is not None and not (np.isfinite(self.times) & (self.times >= 0)).all():
            raise InputError("times of the scenarios must be finite and at least 0.")
        if self.solve is not None:
            offered = True if table.offered is None else table.offered
            slack = rounding_of(self.solve)
            wrong = offered & ~((self.solve >= -slack) & (self.solve <= 1 + slack))
            if wrong.any():
                s, i, j = np.argwhere(wrong)[0]
                raise InputError(
                    f"Scenario {s + 1}, instance {table.instances[i]!r}, plan"
                    f" {table.plans[j].label!r}: solve probability {self.solve[s, i, j]:g} is not"
                    " from 0 to 1."
                )
            if self.solve.min() < 0 or self.solve.max() > 1:
                object.__setattr__(self, "solve", np.clip(self.solve, 0.0, 1.0))

    @property
    def count(self) -> int:
        """S."""
        return len(self.solve if self.solve is not None else self.times)  # type: ignore[arg-type]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(each.nbytes for each in (self.solve, self.times) if each is not None)

    def quantity(self, s: int) -> Single:
        """Return m p of one scenario, [N, J']; zero where not offered."""
        table = self.plan_table
        solve = np.asarray(table.solve if self.solve is None else self.solve[s], dtype=np.float32)
        if table.offered is not None:
            solve = np.where(table.offered, solve, np.float32(0.0))
        return solve if self.times is None else self.times[s][:, None] * solve

    def weight(self, s: int, segment: str | None = None) -> float:
        """Return the sum of w m over the instances of a segment in one scenario.

        Raises
        ------
        InputError
            If it is zero, so that there is no rate.
        """
        table = self.plan_table
        weight = table.times * table.inside(segment)
        total = float(weight.sum() if self.times is None else weight @ self.times[s])
        if total == 0:
            where = "" if segment is None else f" of segment {segment}"
            raise InputError(
                f"Scenario {s + 1} has no instance{where} of positive weight. Resample attempts"
                " instead of instances, or merge small segments."
            )
        return total

    def rates(self, assignment: npt.NDArray[np.integer], segment: str | None = None) -> FloatArray:
        """Return the solve rate of an assignment [N] in every scenario, [S]."""
        table = self.plan_table
        weight = table.times * table.inside(segment)
        return np.array(
            [
                weight @ table.chosen(assignment, self.quantity(s)) / self.weight(s, segment)
                for s in range(self.count)
            ]
        )

    def subset(self, plan_table: PlanTable, rows: npt.NDArray[np.integer]) -> Scenarios:
        """Return the scenarios of some instances, whose table is given."""
        return replace(
            self,
            plan_table=plan_table,
            solve=None if self.solve is None else self.solve[:, rows],
            times=None if self.times is None else self.times[:, rows],
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the solve rate of every plan, given to all instances, by scenario, [S, J']."""
        table = self.plan_table
        rates = [table.times @ self.quantity(s) / self.weight(s) for s in range(self.count)]
        labels = [plan.label for plan in table.plans[: table.width]]
        index = pd.RangeIndex(1, self.count + 1, name="scenario")
        return pd.DataFrame(np.array(rates), columns=labels, index=index)

    def to_dict(self) -> dict[str, Any]:
        """Return the spread of every plan's solve rate as plain values, ready for JSON."""
        summary = self.to_frame().quantile([0.05, 0.5, 0.95])
        return {
            "scenarios": self.count,
            "bytes": self.nbytes,
            self.plan_table.rate.replace(" ", "_"): {
                str(plan): dict(zip(("q05", "median", "q95"), column.tolist(), strict=True))
                for plan, column in summary.items()
            },
        }

    def table(self) -> TextTable:
        """Return the spread of every plan's solve rate over the scenarios."""
        frame = self.to_frame()
        columns = ("plan", "mean", "s.d.", "5%", "median", "95%")
        rows = [
            (
                str(plan),
                percent(column.mean()),
                percent(column.std(ddof=0), 2),
                *(percent(float(column.quantile(q))) for q in (0.05, 0.5, 0.95)),
            )
            for plan, column in frame.items()
        ]
        resampled = [
            what
            for what, values in (("attempts", self.solve), ("instances", self.times))
            if values is not None
        ]
        title = (
            f"{self.count} scenarios of {self.plan_table.name}: {self.plan_table.rate} of every"
            " plan;"
            f" {self.nbytes / 1e6:.3g} MB"
        )
        return TextTable(title, columns, rows, f"scenarios differ in {' and '.join(resampled)}")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the middle 90% of every plan's solve rate."""
        frame = 100 * self.to_frame()
        low, middle, high = (frame.quantile(q).to_numpy() for q in (0.05, 0.5, 0.95))
        ax = new_axes(5.6, 1.2 + 0.3 * frame.shape[1]) if ax is None else ax
        position = np.arange(frame.shape[1])[::-1]
        ax.errorbar(middle, position, xerr=[middle - low, high - middle], fmt="o", capsize=3)
        ax.set_yticks(position, list(frame.columns))
        ax.set_xlabel(f"{self.plan_table.rate} [%]: median and middle 90% of the scenarios")
        return ax


def bootstrap(
    plan_table: PlanTable,
    count: int = 100,
    *,
    seed: int = 0,
    attempts: bool = True,
    instances: bool = False,
) -> Scenarios:
    r"""Resample what was recorded, with replacement.

    Parameters
    ----------
    plan_table : PlanTable
    count : int
        S.
    seed : int
        The same seed gives the same scenarios.
    attempts : bool
        Draw the successes of every pair anew, :math:`c^* \sim \text{Binomial}(n, c / n)`, and
        evaluate the plans on them: the error of estimated solve probabilities.
    instances : bool
        Draw the instances anew, counts :math:`m \sim \text{Multinomial}(N, 1 / N)`: the error
        from having seen these instances and no others.

    Raises
    ------
    InputError
        If nothing is to be resampled, or the plans do not come from recorded attempts.

    Notes
    -----
    A pair that never (or always) succeeded stays so: the bootstrap knows no other outcome.
    """
    count, seed = whole_of(count, "number of scenarios"), seed_of(seed)
    attempts, instances = flag_of(attempts, "attempts"), flag_of(instances, "instances")
    if count < 1 or not (attempts or instances):
        raise InputError(
            f"{count} scenarios with attempts={attempts}, instances={instances}: ask for at least"
            " one scenario, and resample attempts, instances, or both."
        )
    draw_attempts, draw_instances = (np.random.default_rng([seed, kind]) for kind in (0, 1))
    size = plan_table.size
    solve = times = None
    if attempts:
        market = plan_table.market
        if market is None:
            raise InputError(
                f"{plan_table.name}: there are no recorded attempts to resample. Resample"
                " instances (attempts=False, instances=True), or give Scenarios of your own."
            )
        solve = np.empty((count, size, plan_table.width), dtype=np.float32)
        market.require_verified("resampling attempts")
        share = market.successes / np.maximum(market.attempts, 1)
        for s in range(count):
            drawn = replace(
                market, successes=draw_attempts.binomial(market.attempts, share), records=None
            )
            curves = default_curves(drawn, plan_table.plans)
            for j, plan in enumerate(plan_table.plans[: plan_table.width]):
                solve[s, :, j] = plan.evaluate(curves[plan.unit]).solve
        for each in solve if plan_table.pool is not None else ():
            each[:] = plan_table.pool.fill(each)  # type: ignore[union-attr]
        if plan_table.offered is not None:
            solve[:, ~plan_table.offered] = 0.0
        np.clip(solve, 0.0, 1.0, out=solve)
    if instances:
        drawn_counts = draw_instances.multinomial(size, np.full(size, 1.0 / size), size=count)
        times = drawn_counts.astype(np.float32)
    return Scenarios(plan_table, solve, times)


def mean_of_worst(rates: npt.ArrayLike, share: float) -> float:
    """Return the mean of the lowest ``share`` of some rates; of the last of them, the fraction.

    Examples
    --------
    >>> round(mean_of_worst([0.9, 0.5, 0.7, 0.6], 0.5), 12)
    0.55
    """
    ordered = np.sort(np.asarray(rates, dtype=float))
    wanted = share * len(ordered)
    whole = min(math.floor(wanted * (1 + 1e-12)), len(ordered) - 1)
    part = max(wanted - whole, 0.0)
    return float((ordered[:whole].sum() + part * ordered[whole]) / wanted)


def missed_most(share: float, count: int) -> int:
    """Return how many of ``count`` scenarios may be missed when a ``share`` of them may."""
    return math.floor(share * count * (1 + 1e-12))


@dataclass(frozen=True, eq=False)
class ScenarioFloor(Scoped):
    r"""A solve rate that holds over scenarios; mathematics in :mod:`arbmodels.routing.scenarios`.

    A program gets S + 1 rows and auxiliary variables.

    Parameters
    ----------
    rate : float in [0, 1]
        R.
    scenarios : Scenarios
    kind : {"worst", "chance"}
        The mean of the worst scenarios, or the rate in all but a few.
    share : float
        :math:`\tau`: the share of worst scenarios, in (0, 1], or of those that may be missed, in
        [0, 1).
    segment : str, optional
    """

    rate: float
    scenarios: Scenarios
    kind: Literal["worst", "chance"]
    share: float
    segment: str | None = None
    at_most = False
    separable = False

    @property
    def movable(self) -> bool:
        """Whether the rate stands in no coefficient."""
        return self.kind != "chance"

    @property
    def label(self) -> str:
        """Which scenarios, and the segment."""
        if self.kind == "worst":
            return f"floor on the worst {number(100 * self.share, 3)}%{inside(self.segment)}"
        return f"floor in {number(100 * (1 - self.share), 3)}% of scenarios{inside(self.segment)}"

    @property
    def limit(self) -> float:
        """Solve rate."""
        return self.rate

    def unit(self, table: PlanTable) -> str:
        """Return the unit of a solve rate or score: from none to all."""
        return f"unit of {table.rate}"

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a percentage."""
        return f"{number(100 * value, digits)}%"

    def cut(self, table: PlanTable, part: PlanTable, rows: IntArray) -> dict[str, Any] | None:  # noqa: ARG002
        """Keep the scenarios of the instances."""
        return {"scenarios": self.scenarios.subset(part, rows)}

    def scored(self, table: PlanTable, assignment: npt.NDArray[np.integer[Any]]) -> float:
        """Return the mean solve rate of the record, which is one scenario."""
        weight = table.times * table.inside(self.segment)
        solved = weight @ table.chosen(assignment, table.solve)
        return float(solved / weight.sum())

    def check(self, table: PlanTable) -> None:
        """Check the rate, the share, the segment, and that the scenarios are of these pairs."""
        if not 0 <= self.rate <= 1:
            raise InputError(
                f"The {self.label} is {self.rate:g}; a {table.rate} lies between 0 and 1"
                " (0.9 for 90%)."
            )
        if not (0 < self.share <= 1 if self.kind == "worst" else 0 <= self.share < 1):
            wanted = "cvar in [0, 1)" if self.kind == "worst" else "chance in (0, 1]"
            raise InputError(f"The share of scenarios is {self.share:g}; give {wanted}.")
        scope(table, self.segment)
        known = self.scenarios.plan_table
        if (known.size, known.width, known.plans) != (table.size, table.width, table.plans):
            raise InputError(
                f"The scenarios are of {known.size} instances x {len(known.plans)} plans, this"
                f" problem of {table.size} x {len(table.plans)}, or the plans differ. Make them"
                " from this problem."
            )
        for s in range(self.scenarios.count):
            self.scenarios.weight(s, self.segment)

    def add(self, builder: Builder) -> None:
        """Add a quantity and a row per scenario, auxiliary variables, and the floor's own row."""
        count, worst = self.scenarios.count, self.kind == "worst"
        level, where = f"level of the {self.label}", scope(builder.table, self.segment)
        ones = np.ones(len(builder.table.plans))
        builder.column(level, 0.0, 1.0)
        names = [f"{self.label}, scenario {s + 1}" for s in range(count)]
        for s, name in enumerate(names):
            builder.quantity(name, self.scenarios.quantity(s))
            mean = 1.0 / self.scenarios.weight(s, self.segment)
            rate = scaled((Part(name, ones, where),), mean)
            # A shortfall u, or a binary v that excuses all of the floor.
            builder.column(name, 0.0, 1.0, integer=not worst)
            columns = {name: 1.0 if worst else self.rate, level: -1.0}
            builder.row(name, rate, 0.0, at_most=False, columns=columns)
        head = {level: 1.0}
        if worst:
            head.update(dict.fromkeys(names, -1.0 / (self.share * count)))
        else:
            most = float(missed_most(self.share, count))
            builder.side_row(dict.fromkeys(names, 1.0), -np.inf, most)
        builder.row(self.label, (), self.rate, at_most=False, columns=head)

    def achieved(self, table: PlanTable, assignment: npt.NDArray[np.integer]) -> float:  # noqa: ARG002
        """Return the rate that an assignment [N] is sure of, in the sense of the constraint."""
        rates = self.scenarios.rates(assignment, self.segment)
        if self.kind == "worst":
            return mean_of_worst(rates, self.share)
        return float(np.sort(rates)[missed_most(self.share, len(rates))])


def scenario_floor(
    rate: float,
    scenarios: Scenarios,
    cvar: float | None,
    chance: float | None,
    segment: str | None,
) -> ScenarioFloor:
    """Return the constraint for a confidence given as ``cvar`` or as ``chance``.

    Raises
    ------
    InputError
        If both are given, or none.
    """
    if (cvar is None) == (chance is None):
        raise InputError(
            "Give either cvar=0.9 (the mean of the worst 10% of scenarios) or chance=0.95 (the"
            " rate in 95% of scenarios)."
        )
    if not isinstance(scenarios, Scenarios):
        raise InputError(f"scenarios is a {type(scenarios).__name__}; give problem.scenarios().")
    if segment is not None:
        scenarios.plan_table.one_label("segment", segment)
    rate = number_of(rate, "floor over scenarios")
    if cvar is not None:
        share = round(1.0 - number_of(cvar, "cvar"), 12)
        return ScenarioFloor(rate, scenarios, "worst", share, segment)
    share = round(1.0 - number_of(chance, "chance"), 12)
    return ScenarioFloor(rate, scenarios, "chance", share, segment)
