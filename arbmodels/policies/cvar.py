r"""The cheapest plan whose mean over the worst outcomes stays within a limit.

.. math:: \min_{\text{plan}} E[X] \quad \text{s.t.} \quad P(\text{solved}) \ge u, \quad
    \mathrm{CVaR}_\alpha(X) = \min_\eta\, \eta + \frac{E(X - \eta)^+}{1 - \alpha} \le L

Order matters here: among plans with the same attempts, those that buy dear attempts late differ
in mean and tail. For a threshold η and a price λ of the limit, the Lagrangian is a shortest path
on the lattice of attempts, each step costing its spend plus λ/(1-α) times the excess over η that
it adds. Every such path is a candidate, whose CVaR is then computed exactly. For η in a cell
[l, h], :math:`\eta + E(X - \eta)^+/(1 - \alpha) \ge l + E(X - h)^+/(1 - \alpha)`, so that the
smallest over the cells of the largest Lagrangian over λ bounds every plan from below. The cell with
the smallest bound is halved until the bound meets the best plan, or there are enough cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from tqdm import tqdm

from arbmodels.cascades.lattice import Lattice, build_lattice, shortest_paths
from arbmodels.curves import SAME_RATE, Curves, attempt_curves
from arbmodels.display import Displayed, TextTable, number, percent
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan
from arbmodels.policies.distribution import check_level, spend_distribution
from arbmodels.policies.limits import ROUNDING
from arbmodels.policies.points import check_reach
from arbmodels.policies.tails import tails_of

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
    convention : str
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
    convention: str

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
            f"Lagrangian search with a bound. {self.convention}; in-sample.",
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
        If a number cannot be what it stands for, or the solve rate is out of reach.
    InfeasibleError
        If it is proven that no plan keeps the limit, or none was found; the text says which.

    Notes
    -----
    Rockafellar, Uryasev (2000) for CVaR as a minimum over thresholds.
    """
    check_level(level)
    if not 0 < limit < np.inf:
        raise InputError(f"The limit on CVaR is {limit:g}; give a positive finite amount.")
    if cells < 1:
        raise InputError(f"There are {cells} cells of thresholds; give at least 1.")
    curves = attempt_curves(market) if isinstance(market, Market) else market
    if curves.unit != "attempts":
        raise InputError("The curves count dollars; give attempt_curves(market, ...).")
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
        curves.convention,
    )


class _Search:
    """Candidates so far, and Lagrangian bounds cell by cell."""

    def __init__(self, curves: Curves, solve_rate: float, limit: float, *, level: float) -> None:
        self.curves, self.limit, self.level = curves, limit, level
        self.tails = tails_of(curves, curves.grids)
        self.lattice = lattice = build_lattice(curves)
        check_reach(solve_rate, float(lattice.solve_rate.max()))
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
            law = spend_distribution(plan, self.curves)
            mean, cvar = law.mean(), law.cvar(self.level)
            self.smallest = min(self.smallest, cvar)
            kept = cvar <= self.limit * (1 + ROUNDING)
            if kept and (self.best is None or mean < self.best[0]):
                self.best = (mean, cvar, law.solve_rate, plan)
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
