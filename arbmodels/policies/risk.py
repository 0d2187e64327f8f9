r"""The distribution of what one instance costs: exact mean, quantiles, CVaR and worst case.

As long as an instance is unsolved, what it has cost depends on the attempts a made, not on their
order: :math:`C_i(a) = \sum_m a_m q_{im}`. An attempt of model m raises the expected excess over a
threshold by :math:`\sum_i w_i S_i(a) \left[(C_i(a) + q_{im} - \eta)^+ - (C_i(a) - \eta)^+\right]`,
which belongs to the step like its spend does: shortest paths handle both.

The cheapest plan whose mean over the worst outcomes stays within a limit.

.. math:: \min_{\text{plan}} E[X] \quad \text{s.t.} \quad P(\text{solved}) \ge u, \quad
    \mathrm{CVaR}_\alpha(X) = \min_\eta\, \eta + \frac{E(X - \eta)^+}{1 - \alpha} \le L

Order matters here: among plans with the same attempts, those that buy dear attempts late differ
in mean and tail. For a threshold η and a price λ of the limit, the Lagrangian is a shortest path
on the lattice of attempts, each step costing its spend plus λ/(1-α) times the excess over η that
it adds. Every such path is a candidate, whose CVaR is then computed exactly. For η in a cell
[l, h], :math:`\eta + E(X - \eta)^+/(1 - \alpha) \ge l + E(X - h)^+/(1 - \alpha)`, so that the
smallest over the cells of the largest Lagrangian over λ bounds every plan from below. The cell with
the smallest bound is halved until the bound meets the best plan, or there are enough cells.

References
----------
Rockafellar, Uryasev, *Optimization of conditional value-at-risk*, Journal of Risk 2 (2000).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from arbmodels._pandas import pd
from arbmodels.cascades.lattice import Lattice, build_lattice, shortest_paths
from arbmodels.curves import SAME_RATE, Curves, attempt_curves, check_attainable
from arbmodels.display import ARBITRAGEUR_COLOR, Displayed, TextTable, new_axes, number, percent
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan, default_curves
from arbmodels.policies.limits import ROUNDING, Limits, attempts_made, seconds_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Steps(NamedTuple):
    """What is paid, attempted and waited for in every step [N, T], and who is still unsolved.

    Parameters
    ----------
    paid : float array [N, T], currency units
    attempts : float array [N, T]
    seconds : float array [N, T] or None
    unsolved : float array [N, T + 1]
        Probability that the first t steps all fail.
    """

    paid: FloatArray
    attempts: FloatArray
    seconds: FloatArray | None
    unsolved: FloatArray


def attempts_curves(source: Market | Curves, plan: Plan) -> Curves:
    """Return curves in whole attempts that a plan can be followed on.

    Raises
    ------
    InputError
        If the plan or the curves count dollars.
    """
    if plan.unit != "attempts":
        raise InputError(
            "A plan in dollars is paid as it is consumed and has no attempts to stop after: give a"
            " plan in attempts, from cascade_frontier(attempt_curves(market))."
        )
    market = source if isinstance(source, Market) else source.market
    market.require_one_cost("the distribution of spend")
    if isinstance(source, Market):
        return default_curves(source, [plan, Plan()])["attempts"]
    if source.unit != "attempts":
        raise InputError("The curves count dollars; give attempt_curves(market, ...).")
    return source


def steps_of(
    plan: Plan,
    curves: Curves,
    *,
    parallel: bool = False,
    seconds: Mapping[str, float] | None = None,
) -> Steps:
    """Follow a plan on every instance.

    Parameters
    ----------
    plan : Plan
        In attempts.
    curves : Curves
        In attempts.
    parallel : bool
        Whether every stage is one purchase of attempts that run, and are paid, together; otherwise
        every attempt is a purchase of its own.
    seconds : mapping, optional
        Model -> latency of one attempt, and so of a batch.
    """
    market = curves.market
    purchases = [
        (model, size)
        for model, amount in plan.stages
        for size in ([int(amount)] if parallel else [1] * int(amount))
    ]
    shape = (len(market.instances), len(purchases))
    paid, attempts, waited = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    unsolved = np.ones((shape[0], shape[1] + 1))
    latency = dict[str, float]()
    if seconds is not None:
        given = seconds_of(seconds, plan.models, "The time a plan takes")
        latency = dict(zip(plan.models, given.tolist(), strict=True))
    bought = dict.fromkeys(plan.models, 0)
    failure = {model: np.ones(shape[0]) for model in plan.models}
    for step, (model, size) in enumerate(purchases):
        curve = curves.models[curves.index(model)]
        made = attempts_made(curves, model, bought[model], size)
        cost = market.cost[:, market.model_index(model)]
        attempts[:, step] = made
        paid[:, step] = np.where(made > 0, made * np.where(made > 0, cost, 0.0), 0.0)
        waited[:, step] = np.where(made > 0, latency.get(model, 0.0), 0.0)
        bought[model] += size
        failure[model] = curve.failure(np.array([float(bought[model])]))[:, 0]
        unsolved[:, step + 1] = np.prod(list(failure.values()), axis=0)
    return Steps(paid, attempts, None if seconds is None else waited, unsolved)


def limited(steps: Steps, limits: Limits) -> Steps:
    """Stop every instance before the first step that would break a limit.

    Raises
    ------
    InputError
        If time is limited and the steps have none.
    """
    if limits.seconds is not None and steps.seconds is None:
        raise InputError("A limit on seconds needs seconds={model: seconds of one attempt}.")
    allowed = np.ones(steps.paid.shape, dtype=bool)
    for used, limit in (
        (steps.paid, limits.dollars),
        (steps.attempts, limits.attempts),
        (steps.seconds, limits.seconds),
    ):
        if limit is not None and used is not None:
            # A step that uses nothing on an instance is not one it could stop at.
            allowed &= (np.cumsum(used, axis=1) <= limit * (1 + ROUNDING)) | (used == 0)
    allowed = np.logical_and.accumulate(allowed, axis=1)
    stop = allowed.sum(axis=1)
    position = np.minimum(np.arange(steps.unsolved.shape[1]), stop[:, None])
    return Steps(
        np.where(allowed, steps.paid, 0.0),
        np.where(allowed, steps.attempts, 0.0),
        None if steps.seconds is None else np.where(allowed, steps.seconds, 0.0),
        np.take_along_axis(steps.unsolved, position, axis=1),
    )


Quantity = Literal["spend", "attempts", "seconds"]


@dataclass(frozen=True, eq=False, repr=False)
class SpendDistribution(Displayed):
    """Where a plan stops on every instance, and what that costs.

    Made by :func:`arbmodels.policies.spend_distribution`. An instance is drawn by its weight; the
    plan ends at its first success, at a limit, or at its end.

    Parameters
    ----------
    plan : Plan
    market : Market
    limits : Limits
    parallel : bool
        Whether every stage was a batch of attempts paid together.
    probability : float array [N, T + 1]
        That the plan ends after t purchases; rows sum to one.
    used : mapping
        "spend" (currency units), "attempts", and "seconds" if latencies were given -> float array
        [N, T + 1] of what t purchases come to.
    solve : float array [N]
        Probability that the plan solves the instance within the limits.
    billing : str
    """

    plan: Plan
    market: Market
    limits: Limits
    parallel: bool
    probability: FloatArray
    used: Mapping[str, FloatArray]
    solve: FloatArray
    billing: str

    @property
    def solve_rate(self) -> float:
        """Weighted mean solve probability within the limits."""
        return float(self.market.weight @ self.solve)

    def mean(self, of: Quantity = "spend") -> float:
        """Return the expectation over instances and outcomes."""
        value, mass = self.distribution(of)
        return float(value @ mass)

    def standard_deviation(self, of: Quantity = "spend") -> float:
        """Return the standard deviation over instances and outcomes."""
        value, mass = self.distribution(of)
        return float(np.sqrt(mass @ (value - value @ mass) ** 2))

    def quantile(self, level: npt.ArrayLike, of: Quantity = "spend") -> FloatArray:
        """Return the least value that is not exceeded with probability ``level``.

        Parameters
        ----------
        level : array of probabilities
        of : {"spend", "attempts", "seconds"}
        """
        wanted = np.asarray(level, dtype=float)
        if not np.all((wanted >= 0) & (wanted <= 1)):
            raise InputError("The level of a quantile lies between 0 and 1.")
        value, mass = self.distribution(of)
        position = np.searchsorted(np.cumsum(mass), wanted - 1e-12)
        return value[np.minimum(position, len(value) - 1)]

    def cvar(self, level: float = 0.95, of: Quantity = "spend") -> float:
        r"""Return the mean of the worst share 1 - ``level`` of outcomes.

        :math:`\min_\eta \eta + E(X - \eta)^+ / (1 - \alpha)`, which splits the outcome at the
        quantile as needed (Rockafellar and Uryasev 2000).

        References
        ----------
        Rockafellar, Uryasev, *Optimization of conditional value-at-risk*, Journal of Risk 2 (2000).
        """
        check_level(level)
        value, mass = self.distribution(of)
        return cvar_of(value, mass, level)

    def worst(self, of: Quantity = "spend") -> float:
        """Return what an instance can use at most, however improbable: the bill if all fails."""
        return float(self.used[self._known(of)][:, -1].max())

    @cached_property
    def worst_by_instance(self) -> FloatArray:
        """Spend on every instance if nothing succeeds, [N], currency units."""
        return self.used["spend"][:, -1]

    def distribution(self, of: Quantity = "spend") -> tuple[FloatArray, FloatArray]:
        """Return the values in increasing order and their probabilities, which sum to one."""
        value = self.used[self._known(of)].ravel()
        mass = (self.market.weight[:, None] * self.probability).ravel()
        there = mass > 0
        values, position = np.unique(value[there], return_inverse=True)
        return values, np.bincount(position, mass[there]).astype(np.float64)

    def _known(self, of: Quantity) -> str:
        if of not in self.used:
            raise InputError(
                f"No distribution of {of!r}; there is {', '.join(map(repr, self.used))}. Give"
                " seconds={model: seconds of one attempt} for the time."
            )
        return of

    def to_frame(self) -> pd.DataFrame:
        """Return one row per instance: solve probability, expected and worst use."""
        frame = pd.DataFrame({"instance": self.market.instances, "solve": self.solve})
        for what, values in self.used.items():
            frame[f"mean_{what}"] = (self.probability * values).sum(axis=1)
            frame[f"worst_{what}"] = values[:, -1]
        return frame

    def table(self) -> TextTable:
        """Return mean, quantiles, CVaR and worst case of spend, attempts and time."""
        units = {"spend": self.market.currency, "attempts": "", "seconds": "s"}
        rows = []
        for what in self.used:
            of: Quantity = what  # type: ignore[assignment]
            cells = [self.mean(of), self.standard_deviation(of)]
            cells += [*self.quantile([0.5, 0.9, 0.99], of), self.cvar(0.95, of), self.worst(of)]
            rows.append((f"{what} {units[what]}".strip(), *map(number, cells)))
        how = ", every stage in parallel" if self.parallel else ""
        return TextTable(
            f"{self.plan.summary}{how}: solve rate {percent(self.solve_rate, 2)}",
            ("per instance", "mean", "s.d.", "median", "90%", "99%", "CVaR 95%", "worst case"),
            rows,
            f"{self.limits.label}; CVaR 95%: mean of the worst 5%; worst case: nothing succeeds on"
            f" the dearest instance. {self.billing}; in-sample.",
        )

    def plot(self, ax: Axes | None = None, of: Quantity = "spend") -> Axes:
        """Draw how probable it is to use more than an amount, with mean, CVaR and worst case."""
        ax = new_axes() if ax is None else ax
        value, mass = self.distribution(of)
        more = np.maximum(1.0 - np.cumsum(mass), 0.0)
        ax.step(np.append(0.0, value), np.append(1.0, more), where="post", color="#0072B2")
        for at, label, dashes in (
            (self.mean(of), "mean", "-"),
            (self.cvar(0.95, of), "CVaR 95%", "--"),
            (self.worst(of), "worst case", ":"),
        ):
            ax.axvline(at, color=ARBITRAGEUR_COLOR, ls=dashes, lw=1.2, label=label)
        unit = {"spend": f"{self.market.currency} per instance", "seconds": "s"}.get(of, "")
        ax.set_xlabel(f"{of.capitalize()} {f'({unit})' if unit else 'per instance'}")
        ax.set_ylabel("Probability of more")
        ax.set_title(f"{self.market.name}: {percent(self.solve_rate)} solved")
        ax.legend(frameon=False)
        return ax


def spend_distribution(
    plan: Plan,
    market: Market | Curves,
    *,
    limits: Limits | None = None,
    parallel: bool = False,
    seconds: Mapping[str, float] | None = None,
) -> SpendDistribution:
    r"""Return the exact distribution of spend, attempts and time of a plan per instance.

    With S_t the probability that the first t purchases all fail on instance i, the plan ends after
    purchase t with probability :math:`S_{t-1} - S_t`, having paid all purchases up to it.

    Parameters
    ----------
    plan : Plan
        In attempts.
    market : Market or Curves
        A market is scored with unbiased pass@k, stopping at the record. Give
        ``attempt_curves(market, ...)`` for another billing.
    limits : Limits, optional
        Per instance: an instance stops for good before the first purchase that would break one.
    parallel : bool
        Every stage of the plan is then one batch: its attempts run together, all are paid even if
        the first succeeds, and it takes the time of one attempt.
    seconds : mapping, optional
        Model -> latency of one attempt.

    Returns
    -------
    SpendDistribution

    Raises
    ------
    InputError
        If the plan or the curves count dollars, the plan names an unknown model, or a latency is
        missing.

    Examples
    --------
    >>> market = Market(["a"], ["x"], [[4]], [[2]], [[1.0]])
    >>> result = spend_distribution(Plan((("a", 2),)), market)
    >>> result.mean(), result.worst(), round(result.solve_rate, 3)
    (1.5, 2.0, 0.833)
    """
    curves = attempts_curves(market, plan)
    limits = Limits() if limits is None else limits
    steps = limited(steps_of(plan, curves, parallel=parallel, seconds=seconds), limits)
    ends = np.maximum(-np.diff(steps.unsolved, axis=1), 0.0)
    probability = np.concatenate([np.zeros((len(ends), 1)), ends], axis=1)
    probability[:, -1] += steps.unsolved[:, -1]
    each = {"spend": steps.paid, "attempts": steps.attempts, "seconds": steps.seconds}
    used = {
        what: np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
        for what, values in each.items()
        if values is not None
    }
    return SpendDistribution(
        plan,
        curves.market,
        limits,
        parallel,
        probability,
        used,
        1.0 - steps.unsolved[:, -1],
        curves.billing,
    )


def check_level(level: float) -> None:
    """Raise an InputError unless a CVaR can have this level."""
    if not 0 <= level < 1:
        raise InputError(f"The level of a CVaR is at least 0 and below 1, not {level:g}.")


def cvar_of(value: FloatArray, mass: FloatArray, level: float) -> float:
    """Return the mean of the worst share 1 - level; values increasing, mass summing to one."""
    tail = 1.0 - level
    from_top = np.cumsum(mass[::-1])
    taken = np.diff(np.minimum(from_top, tail), prepend=0.0)
    # What rounding leaves of the tail is at the least value.
    taken[-1] += tail - min(float(from_top[-1]), tail)
    return float(taken @ value[::-1] / tail)


#: Instances times states that are tabulated: some 0.5 GB.
MAX_CELLS = 30_000_000


@dataclass(frozen=True, eq=False)
class Tails:
    """Survival and spend so far of every instance in every state.

    Parameters
    ----------
    shape : tuple of int
        Of the lattice.
    unsolved : float array [N, states]
        w_i S_i(a), states flattened.
    spent : float array [N, states], currency units
    """

    shape: tuple[int, ...]
    unsolved: FloatArray
    spent: FloatArray

    def excess_steps(self, threshold: float) -> tuple[FloatArray, ...]:
        """Return the expected excess over a threshold that every step adds, as ``step_spend``."""
        above = np.maximum(self.spent - threshold, 0.0).reshape(-1, *self.shape)
        alive = self.unsolved.reshape(-1, *self.shape)
        return tuple(
            np.einsum("i...,i...->...", np.delete(alive, -1, axis=m), np.diff(above, axis=m))
            for m in range(1, len(self.shape) + 1)
        )


def tails_of(curves: Curves, grids: tuple[FloatArray, ...]) -> Tails:
    """Tabulate the instances' states.

    Raises
    ------
    InputError
        If instances times states exceed 30 million.
    """
    market = curves.market
    shape = tuple(len(grid) for grid in grids)
    count = len(market.instances)
    if count * int(np.prod(shape)) > MAX_CELLS:
        raise InputError(
            f"{count} instances on a lattice of {' x '.join(map(str, shape))} attempts are more"
            f" than {MAX_CELLS:,} cells: give attempt_curves(market, max_attempts=...) with fewer."
        )
    unsolved = market.weight.reshape(-1, *[1] * len(shape))
    spent = np.zeros_like(unsolved)
    for axis, (name, curve, grid) in enumerate(
        zip(curves.names, curves.models, grids, strict=True)
    ):
        along = [count, *(-1 if k == axis else 1 for k in range(len(shape)))]
        made = np.stack([attempts_made(curves, name, 0, int(k)) for k in grid], axis=1)
        cost = market.cost[:, [market.model_index(name)]]
        bill = np.where(made > 0, made * np.where(made > 0, cost, 0.0), 0.0)
        unsolved = unsolved * curve.failure(grid).reshape(along)
        spent = spent + bill.reshape(along)
    return Tails(shape, unsolved.reshape(count, -1), spent.reshape(count, -1))


#: Bisections of the price of the limit per cell of thresholds, after it was found large enough.
_BISECTIONS = 12
#: Times the price of the limit is raised tenfold before a cell is taken to allow no plan.
_RAISES = 7


@dataclass(frozen=True, eq=False, repr=False)
class CvarPlan(Displayed):
    """A plan within a limit on CVaR, and how far from the cheapest it can be.

    Made by :func:`arbmodels.policies.cvar_plan`.

    Parameters
    ----------
    plan : Plan
    market : Market
    asked, limit, level : float
        Solve rate, largest CVaR in currency units, and its level.
    solve_rate, spend, cvar : float
        Of the plan; the money in currency units per instance.
    bound : float
        No plan within the limit is expected to cost less.
    billing : str
    """

    plan: Plan
    market: Market
    asked: float
    limit: float
    level: float
    solve_rate: float
    spend: float
    cvar: float
    bound: float
    billing: str

    @property
    def gap(self) -> float:
        """(spend - bound) / spend."""
        return 1.0 - self.bound / self.spend if self.spend > 0 else 0.0

    def table(self) -> TextTable:
        """Return the plan, its numbers and the bound."""
        tail = f"CVaR {percent(self.level, 0)}"
        rows = [
            ("plan", self.plan.summary),
            ("mean spend", number(self.spend)),
            ("proven lower bound", f"{number(self.bound)} (gap {percent(self.gap, 2)})"),
            (tail, f"{number(self.cvar)} (limit {number(self.limit)})"),
            ("solve rate", percent(self.solve_rate, 2)),
        ]
        return TextTable(
            f"Cheapest plan found on {self.market.name} for {percent(self.asked, 2)} with {tail} of"
            f" at most {number(self.limit)} {self.market.currency}",
            ("", f"{self.market.currency}/instance"),
            rows,
            f"Lagrangian search with a bound. {self.billing}; in-sample.",
        )


def cvar_plan(
    market: Market | Curves,
    solve_rate: float,
    limit: float,
    *,
    level: float = 0.95,
    cells: int = 100,
) -> CvarPlan:
    """Search the cheapest plan for a solve rate whose CVaR of spend keeps a limit.

    Parameters
    ----------
    market : Market or Curves
        A market is scored with unbiased pass@k in whole attempts, stopping at the record. The
        lattice times the instances must not exceed 30 million cells: give
        ``attempt_curves(market, max_attempts=...)``.
    solve_rate : float
    limit : float, currency units per instance
        Largest mean spend over the worst share 1 - ``level`` of outcomes.
    level : float in [0, 1)
    cells : int
        Into which the thresholds from 0 to ``limit`` are cut at most: more give a tighter bound.

    Raises
    ------
    InputError
        If a number cannot be what it stands for, or the solve rate is unattainable.
    InfeasibleError
        If it is proven that no plan keeps the limit, or none was found; the text says which.

    Notes
    -----
    Rockafellar, Uryasev (2000) for CVaR as a minimum over thresholds.

    References
    ----------
    Rockafellar, Uryasev, *Optimization of conditional value-at-risk*, Journal of Risk 2 (2000).
    """
    check_level(level)
    if not 0 < limit < np.inf:
        raise InputError(f"The limit on CVaR is {limit:g}; give a positive finite amount.")
    if cells < 1:
        raise InputError(f"There are {cells} cells of thresholds; give at least 1.")
    curves = attempt_curves(market) if isinstance(market, Market) else market
    if curves.unit != "attempts":
        raise InputError("The curves count dollars; give attempt_curves(market, ...).")
    curves.market.require_one_cost("the distribution of spend")
    search = _Search(curves, solve_rate, limit, level=level)
    search.consider(search.lattice.spend, search.lattice.step_spend)
    bound = search.branch(cells)
    if search.best is None:
        what = "proven: no plan keeps it" if np.isinf(bound) else "no plan that keeps it was found"
        raise InfeasibleError(
            f"A CVaR of at most {limit:g} at a solve rate of {percent(solve_rate, 2)}: {what}; the"
            f" smallest seen is {number(search.smallest)}. Raise the limit or lower the solve rate."
        )
    spend, cvar, rate, plan = search.best
    return CvarPlan(
        plan,
        curves.market,
        solve_rate,
        limit,
        level,
        rate,
        spend,
        cvar,
        min(bound, spend),
        curves.billing,
    )


class _Search:
    """Candidates so far, and Lagrangian bounds cell by cell."""

    def __init__(self, curves: Curves, solve_rate: float, limit: float, *, level: float) -> None:
        self.curves, self.limit, self.level = curves, limit, level
        self.tails = tails_of(curves, curves.grids)
        self.lattice = lattice = build_lattice(curves)
        check_attainable(solve_rate, float(lattice.solve_rate.max()))
        self.goals = np.flatnonzero(lattice.solve_rate.ravel() >= solve_rate - SAME_RATE)
        self.best: tuple[float, float, float, Plan] | None = None
        self.smallest = np.inf
        self.cheapest = float(lattice.spend.ravel()[self.goals].min())
        self.seen: set[Plan] = set()

    def consider(self, spend: FloatArray, steps: tuple[FloatArray, ...]) -> float:
        """Score the cheapest path to a goal, and return its length."""
        goal = self.goals[int(np.argmin(spend.ravel()[self.goals]))]
        found = Lattice(self.lattice.grids, self.lattice.solve_rate, steps, spend)
        state = [int(k) for k in np.unravel_index(goal, spend.shape)]
        plan = Plan(tuple((self.curves.names[m], count) for m, count in found.path(state)))
        if plan not in self.seen:
            self.seen.add(plan)
            spends = spend_distribution(plan, self.curves)
            mean, cvar = spends.mean(), spends.cvar(self.level)
            self.smallest = min(self.smallest, cvar)
            kept = cvar <= self.limit * (1 + ROUNDING)
            if kept and (self.best is None or mean < self.best[0]):
                self.best = (mean, cvar, spends.solve_rate, plan)
        return float(spend.ravel()[goal])

    def branch(self, cells: int) -> float:
        """Halve the cell with the smallest bound until all is proven; return the bound."""
        heap = [(self.cell(0.0, self.limit), 0.0, self.limit)]
        with tqdm(total=cells, desc="CVaR cells", disable=None, leave=False, delay=2) as bar:
            while len(heap) < cells:
                bound, low, high = heap[0]
                best = np.inf if self.best is None else self.best[0]
                if bound >= best * (1 - ROUNDING) or np.isinf(bound):
                    break
                heappop(heap)
                middle = 0.5 * (low + high)
                for each in ((low, middle), (middle, high)):
                    heappush(heap, (max(bound, self.cell(*each)), *each))
                bar.update()
        return heap[0][0]

    def cell(self, low: float, high: float) -> float:
        """Return a lower bound on the plans whose threshold lies in a cell; infinite if none."""
        tail = 1.0 - self.level
        excess = self.tails.excess_steps(high)
        # Plans within the limit have at most this excess over the cell's upper end.
        room = (self.limit - low) * tail
        bound = self.cheapest
        price, dearest, slack = 1.0, np.inf, 0.0
        least = self.consider(shortest_paths(excess), excess)
        if least > room * (1 + ROUNDING):
            return np.inf
        for _ in range(_RAISES + _BISECTIONS):
            steps = tuple(
                spend + price * more
                for spend, more in zip(self.lattice.step_spend, excess, strict=True)
            )
            paths = shortest_paths(steps)
            length = self.consider(paths, steps)
            bound = max(bound, length - price * room)
            # The supergradient: what the path's excess is above the room.
            over = self._excess_of(paths, steps, excess) - room
            if over > 0:
                slack = price
                price = price * 10 if np.isinf(dearest) else 0.5 * (price + dearest)
            else:
                dearest = price
                price = 0.5 * (slack + price)
        return bound

    def _excess_of(
        self, paths: FloatArray, steps: tuple[FloatArray, ...], excess: tuple[FloatArray, ...]
    ) -> float:
        """Excess along the cheapest path."""
        goal = self.goals[int(np.argmin(paths.ravel()[self.goals]))]
        state = [int(k) for k in np.unravel_index(goal, paths.shape)]
        found = Lattice(self.lattice.grids, self.lattice.solve_rate, steps, paths)
        total = 0.0
        while any(state):
            m = found.last_model(state)
            state[m] -= 1
            total += float(excess[m][tuple(state)])
        return total
