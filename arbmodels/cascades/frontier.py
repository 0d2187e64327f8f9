"""Frontiers of cascades: the least expected spend of a cascade that reaches a solve rate.

:class:`CascadeFrontier` is what all frontiers have in common. :func:`cascade_frontier` is exact
where the lattice holds every amount. Where it had to be thinned, its answer is the cheapest of what
is known: the thinned lattice, a search (:mod:`arbmodels.cascades.search`) and every model alone,
with a proven bound. On log-linear budget curves the paper's own allocations, whose stages end
between the budgets, are always among what is known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from arbmodels._pandas import pd
from arbmodels.cascades.engine import search
from arbmodels.cascades.lattice import (
    MAX_STATES,
    IntArray,
    Lattice,
    Points,
    bound_steps,
    build_lattice,
    cheapest_cuts,
    coarsen,
    cut_steps,
    lower_hull,
    refined,
    undominated,
    useful,
)
from arbmodels.cascades.olmedo import AllocationPlans
from arbmodels.cascades.relaxation import Bounds
from arbmodels.cascades.tables import Natural, Plans, Steps, natural_of
from arbmodels.curves import (
    SAME_RATE,
    Curves,
    attempt_curves,
    check_attainable,
    log_budget,
    solve_rates_of,
)
from arbmodels.display import (
    ARBITRAGEUR_COLOR,
    Displayed,
    TextTable,
    model_color,
    new_axes,
    number,
    percent,
)
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.passk import FloatArray
from arbmodels.plans import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Scale(Protocol):
    """What a frontier is computed from."""

    @property
    def market(self) -> Market:
        """The market that is served."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The models that may be bought from."""
        ...

    @property
    def billing(self) -> str:
        """Unit, estimator and billing in words."""
        ...


class SingleModel(Protocol):
    """A model alone."""

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate."""
        ...

    def spend_at(self, solve_rate: FloatArray) -> FloatArray:
        """Return the least expected spend at each solve rate; NaN above the largest."""
        ...


def margin_of(price: FloatArray, cost: FloatArray) -> FloatArray:
    """Return max(0, 1 - cost / price); NaN where there is no price.

    Nobody sells below cost: zero where a model is cheaper, or reaches further than the cascade.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        margin = np.where(cost < price, 1.0 - cost / price, 0.0)
    return np.where(np.isfinite(price), margin, np.nan)


class CascadeFrontier(Displayed, ABC):
    """What is asked of every frontier of cascades, whatever they are limited by.

    A solve rate is a probability, or an InputError says so; where several are taken they may be a
    number or an array, and the answer has their shape. Money is in currency units per instance.
    Above :attr:`max_solve_rate` numbers are NaN and :meth:`plan_at` raises an InputError.
    """

    #: Whether the bound is the spend itself.
    exact: bool = False

    if TYPE_CHECKING:

        @property
        def curves(self) -> Scale:
            """The curves that everything is scored on."""
            ...

    @property
    def market(self) -> Market:
        """The market the frontier was computed on."""
        return self.curves.market

    @property
    def names(self) -> tuple[str, ...]:
        """The models that may be bought from."""
        return self.curves.names

    @property
    def billing(self) -> str:
        """Unit, integration, estimator and billing of every number here."""
        return self.curves.billing

    @property
    @abstractmethod
    def max_solve_rate(self) -> float:
        """Largest solve rate of any plan."""

    @property
    @abstractmethod
    def single_models(self) -> Sequence[SingleModel]:
        """Every model alone, under the same billing and limits."""

    @property
    def market_max_solve_rate(self) -> float:
        """Largest solve rate of a single model."""
        return max(alone.max_solve_rate for alone in self.single_models)

    @abstractmethod
    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend at each solve rate."""

    @abstractmethod
    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return a proven lower bound on what is minimized at each solve rate."""

    @abstractmethod
    def plan_at(self, solve_rate: float) -> Any:
        """Return a cheapest plan that reaches one solve rate."""

    def _least_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what is minimized: the spend of the best policy, single plan or mixture."""
        return self.spend_at(solve_rate)

    def gap_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return (least - bound) / least at each solve rate, of the best policy known."""
        least = self._least_at(solve_rate)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(least > 0, 1.0 - self.bound_at(solve_rate) / least, 0.0 * least)

    def model_prices_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least spend of each model alone, [.., M]; NaN where it does not get there."""
        rates = solve_rates_of(solve_rate)
        return np.stack([alone.spend_at(rates) for alone in self.single_models], axis=-1)

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the plans that no other undercuts, with solve rate and spend."""

    @property
    def _unit(self) -> str:
        return f"{self.market.currency}/instance"

    @property
    def _shown(self) -> FloatArray:
        """Solve rates that the table shows, increasing."""
        return np.unique(self.max_solve_rate * _SHOWN_SHARES)

    def table(self) -> TextTable:
        """Return some solve rates up to the largest with spend, bound and plan."""
        rates = self._shown
        columns = self._columns(rates)
        rows = list(zip(*columns.values(), strict=True))
        title = f"{self._title}: largest solve rate {percent(self.max_solve_rate, 2)}"
        return TextTable(title, tuple(columns), rows, self._note)

    @property
    @abstractmethod
    def _title(self) -> str:
        """What the table says above."""

    @property
    @abstractmethod
    def _note(self) -> str:
        """What the table says below."""

    def _columns(self, rates: FloatArray) -> dict[str, list[str]]:
        """Return the columns of the table by heading."""
        return {
            "solve rate": [percent(rate, 2) for rate in rates],
            f"spend [{self._unit}]": [number(spend) for spend in self.spend_at(rates)],
            f"lower bound [{self._unit}]": [number(bound) for bound in self.bound_at(rates)],
            "gap": [percent(gap, 2) for gap in self.gap_at(rates)],
            "plan": [self.plan_at(rate).summary for rate in rates],
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw spend against solve rate: the models, the cascades, and the bound."""
        ax = new_axes() if ax is None else ax
        for model, alone in zip(self.names, self.single_models, strict=True):
            rates = np.linspace(0, alone.max_solve_rate, _DRAWN)
            colour = model_color(model, self.names)
            ax.plot(100 * rates, alone.spend_at(rates), color=colour, label=model)
        rates = np.linspace(0, self.max_solve_rate, _DRAWN)
        least = self._least_at(rates)
        ax.plot(100 * rates, least, color=ARBITRAGEUR_COLOR, lw=2, label="Best cascade")
        if not self.exact:
            bound = self.bound_at(rates)
            ax.plot(100 * rates, bound, color="grey", lw=0.8, ls="--", label="Lower bound")
        ax.set_xlabel("Solve rate (%)")
        ax.set_ylabel(f"Expected spend ({self.market.currency} per instance)")
        ax.set_title(self.market.name)
        ax.legend(frameon=False)
        return ax


#: Shares of the largest solve rate that tables show, and solve rates that pictures are drawn at.
_SHOWN_SHARES = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 1.0])
_DRAWN = 400

#: Models and states up to which the lattice answers at once; finer grids can be asked for.
MAX_MODELS = 4
DEFAULT_STATES = 3_000_000


class Effort(NamedTuple):
    """How hard a search on all amounts tries beside a thinned lattice."""

    rates: int
    gap: float
    states: int
    rounds: int


#: As :func:`arbmodels.search_frontier` by default.
_SEARCH = Effort(100, 0.01, 300_000, 12)
_LOWEST = 0.05
#: Solve rates whose plans on budget grids are looked for again among budgets close by, and the
#: strides between these, round by round. (Whole attempts the search has refined enough.)
_NEARBY, _STRIDES = 100, (3, 1)
#: Amounts on either side of a plan's, and below them, that are looked at.
_SIDE, _BELOW = 2, 3
#: Paths of the lattice that are followed on all amounts.
_MOST_PATHS = 400


class Paths:
    """The cheapest beginnings of some paths.

    Parameters
    ----------
    natural : Natural
        The curves, tabulated.
    paths : iterable of Steps
        Purchases (model, position it is taken to), in order.
    """

    def __init__(self, natural: Natural, paths: Iterable[Steps]) -> None:
        self.natural = natural
        self._paths = list(dict.fromkeys(tuple(_followed(steps)) for steps in paths))
        scored = [natural.score(steps) for steps in self._paths]
        # Point 0 is to buy nothing; step k of a path leads from the point before it to point k.
        self._first = np.cumsum([1, *(len(steps) for steps in self._paths)])
        self.rate = np.concatenate([[0.0], *(each.solve_rate for each in scored)])
        self.spend = np.concatenate([[0.0], *(np.cumsum(each.spend) for each in scored)])
        steps = np.array([step for steps in self._paths for step in steps]).reshape(-1, 2)
        self._model, self._end = steps.T.astype(np.int64)
        self._start = np.arange(len(self._model))  # the point a step starts from
        self._start[self._first[:-1] - 1] = 0
        by_one = [one for steps in self._paths for one in _single(steps)]
        self._by_one = np.array(by_one, dtype=bool)
        #: Undominated plans on the grids.
        self.points = Points.of(self.rate, self.spend)

    def useful(self) -> list[Steps]:
        """Return the paths that undominated plans are beginnings of."""
        bought = self.points.number[self.points.number > 0]
        path = np.searchsorted(self._first, bought, side="right") - 1
        return [self._paths[each] for each in np.unique(path)]

    def cheapest(self, target: FloatArray) -> tuple[FloatArray, IntArray, FloatArray]:
        """Return spend, number and amount of the last purchase (NaN: all of it), per solve rate."""
        position, attained = self.points.first(target)
        best = np.where(attained, self.points.spend[position], np.nan)
        chosen = self.points.number[position]
        amount = np.full(len(target), np.nan)
        if self.natural.curves.continuous and len(self._model):
            grids = [log_budget(grid) for grid in self.natural.amounts]
            first = np.cumsum([0, *map(len, grids)])[self._model]
            log_grid = np.concatenate(grids)
            low, high = log_grid[first + self._end - 1], log_grid[first + self._end]
            step = np.flatnonzero(self._by_one)
            start, end = self._start[step], step + 1
            cut = cut_steps(
                self.rate[start],
                self.rate[end],
                self.spend[start],
                self.spend[end] - self.spend[start],
                lambda which: (low[step[which]], high[step[which]]),
                target,
                best,
            )
            best[cut.target], chosen[cut.target] = cut.spend, end[cut.step]
            amount[cut.target] = cut.amount
        return best, chosen, amount

    def plan(self, position: int, amount: float) -> Plan:
        """Return a plan by its number, its last purchase stopping at an amount (NaN: in full)."""
        steps = self.purchases(position)
        if np.isnan(amount):
            return self.natural.plan(steps)
        # From the amount itself, which may be a tiny part of the budget that the cell ends with.
        *before, (name, _) = self.natural.plan(steps).stages
        used = sum(more for other, more in before if other == name)
        return Plan((*before, (name, amount - used)), self.natural.curves.unit)

    def purchases(self, position: int) -> list[tuple[int, int]]:
        """Return the purchases of a plan, amount by amount."""
        if position == 0:
            return []
        path = int(np.searchsorted(self._first, position, side="right")) - 1
        return list(self._paths[path][: position - int(self._first[path]) + 1])

    def spend_by_model(self, position: int, spend: float) -> FloatArray:
        """Return the spend on each model of a plan that spends ``spend`` in total, [M]."""
        steps = self.purchases(position)
        models = np.array([m for m, _ in steps], dtype=np.int64)
        each = self.natural.score(steps).spend
        if len(each):
            # The last purchase may have been cut, to a tiny part of what it spends in full.
            each[-1] = max(spend - each[:-1].sum(), 0.0)
        by_model = np.zeros(len(self.natural.amounts))
        np.add.at(by_model, models, each)
        return by_model

    def ends(self, numbers: IntArray) -> FloatArray:
        """Return the amount of each model that plans end with, [len(numbers), M]."""
        table = np.zeros((len(numbers), len(self.natural.amounts)))
        for row, plan in enumerate(numbers.tolist()):
            for model, end in self.purchases(plan):
                table[row, model] = self.natural.amounts[model][end]
        return table


def _followed(steps: Steps) -> list[tuple[int, int]]:
    """Follow the last run amount by amount; runs before it stay as they are."""
    runs: list[tuple[int, int]] = []
    for model, end in steps:
        if runs and runs[-1][0] == model:
            runs.pop()
        runs.append((model, end))
    if runs:
        model, end = runs.pop()
        here = dict(runs)
        runs += [(model, position) for position in range(here.get(model, 0) + 1, end + 1)]
    return runs


def _single(steps: Steps) -> Iterator[bool]:
    """Whether each purchase takes its model to the next amount of its grid."""
    here: dict[int, int] = {}
    for model, end in steps:
        yield end == here.get(model, 0) + 1
        here[model] = end


class Cheapest(NamedTuple):
    """The cheapest plan of each solve rate, [U].

    Parameters
    ----------
    spend : float array
        NaN beyond the largest solve rate.
    state : int array
        Of the lattice; the plan leads there.
    model : int array
        That goes on from there and stops between two amounts; -1 for none.
    amount : float array
        Where that model, or the last purchase of the path or allocation, stops; NaN: not cut.
    path, allocation : int array
        Numbers of a known path, and of one of the paper's allocations, that is cheaper than the
        lattice's plans; -1 for none.
    """

    spend: FloatArray
    state: IntArray
    model: IntArray
    amount: FloatArray
    path: IntArray
    allocation: IntArray


class Known(NamedTuple):
    """What is known of all amounts where a lattice is thinned.

    The paths of a search, of the lattice and of every model alone; and a search's plans and bounds.
    """

    paths: Paths
    plans: Plans
    bounds: Bounds


@dataclass(frozen=True, eq=False, repr=False)
class Frontier(CascadeFrontier):
    """Cheapest plans for every solve rate, with a proven lower bound.

    Made by :func:`cascade_frontier`. Without features of the instances the only feedback is
    "not solved yet", so no adaptive policy beats the cheapest order of purchases, and that is a
    shortest path on the lattice of amounts: the answer is exact on the lattice's amounts.

    Parameters
    ----------
    curves : Curves
        The billing everything is scored under.
    lattice : Lattice
    change : float, optional
        Where a tolerance was asked for: the largest relative change of the spend by the last
        refinement.
    known : Known, optional
        Where the lattice is thinned: paths and bounds on every amount.

    References
    ----------
    Chen, Zaharia, Zou, *FrugalGPT*, arXiv 2305.05176 (2023).
    """

    curves: Curves
    lattice: Lattice
    change: float | None = None
    known: Known | None = None

    @property
    def max_solve_rate(self) -> float:
        """Largest solve rate of any plan on the lattice."""
        return float(self.lattice.solve_rate.max())

    @cached_property
    def _complete(self) -> bool:
        """Whether the lattice holds every amount of the curves' own grids."""
        return _holds(self.lattice.grids, self.curves.grids)

    @cached_property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether no cascade whatever costs less: whole attempts, and none of use left out."""
        return self.curves.unit == "attempts" and (
            self._complete or _holds(self.lattice.grids, useful(self.curves))
        )

    def proof(self, solve_rate: npt.ArrayLike) -> str:
        """Return in words what is proven about the spends at some solve rates."""
        if self.exact:
            return "exact: no cascade costs less"
        spend, bound = self.spend_at(solve_rate), self.bound_at(solve_rate)
        paid = spend > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            above = float(np.max(spend[paid] / bound[paid] - 1.0, initial=0.0))
        at_most = f"at most {percent(above)} above the optimum" if above < np.inf else "no bound"
        return f"exact on these budgets, {at_most} of any" if self._complete else at_most

    @cached_property
    def _points(self) -> Points:
        """Undominated states."""
        return Points.of(self.lattice.solve_rate, self.lattice.spend)

    @cached_property
    def _allocations(self) -> AllocationPlans | None:
        """The paper's allocations where what else is known may be dearer."""
        if not self.curves.continuous or len(self.names) == 1:
            return None
        rate, spend = self._points[:2]
        if self.known is not None:
            more = self.known.paths.points
            rate, spend = np.concatenate([rate, more[0]]), np.concatenate([spend, more[1]])
            kept = undominated(rate, spend)
            rate, spend = rate[kept], spend[kept]
        return AllocationPlans(self.curves, rate, spend)

    def spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend of one plan that reaches each solve rate.

        Parameters
        ----------
        solve_rate : array of probabilities

        Returns
        -------
        float array, currency units per instance
            NaN above :attr:`max_solve_rate`.
        """
        return self._cheapest(solve_rates_of(solve_rate)).spend

    def mixture_spend_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return the least expected spend when two plans may be mixed at random.

        The lower convex hull of the plans known and of those at 2,000 solve rates up to the
        largest; NaN above :attr:`max_solve_rate`.
        """
        rate, spend = self._hull
        target = solve_rates_of(solve_rate)
        mixed: FloatArray = np.minimum(np.interp(target, rate, spend), self.spend_at(target))
        return mixed

    def bound_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return a proven lower bound on the spend of every plan that reaches each solve rate.

        Plans of the same billing with any amounts up to the grid's last, on the grid or between
        its points. Whole attempts on a complete lattice leave nothing between: there the bound is
        the spend itself.
        """
        target = solve_rates_of(solve_rate)
        if self.exact:
            return self.spend_at(target)
        bound = self.bound_steps.spend_at(target)
        if self.known is not None:
            bound = np.maximum(bound, self.known.bounds.at(target.ravel()).reshape(target.shape))
        return bound

    def plan_at(self, solve_rate: float) -> Plan:
        """Return a cheapest plan that reaches ``solve_rate``.

        Raises
        ------
        InputError
            If no plan on the lattice reaches it.
        """
        rate = check_attainable(solve_rate, self.max_solve_rate)
        _, state, axis, last, path, allocation = self._cheapest(np.array([rate]))
        if self._allocations is not None and allocation[0] >= 0:
            return self._allocations.plan(int(allocation[0]), float(last[0]))
        if self.known is not None and path[0] >= 0:
            return self.known.paths.plan(int(path[0]), float(last[0]))
        amount = np.zeros(len(self.lattice.grids), dtype=int)
        stages = []
        for model, steps in self.lattice.path(np.unravel_index(state[0], self.lattice.spend.shape)):
            grid, start = self.lattice.grids[model], amount[model]
            stages.append((model, float(grid[start + steps] - grid[start])))
            amount[model] += steps
        if axis[0] >= 0:
            more = float(last[0] - self.lattice.grids[axis[0]][amount[axis[0]]])
            if stages and stages[-1][0] == axis[0]:
                more += stages.pop()[1]
            stages.append((int(axis[0]), more))
        named = ((self.names[m], amount) for m, amount in stages)
        return Plan(tuple(named), self.curves.unit)

    def spend_by_model_at(self, solve_rate: npt.ArrayLike) -> FloatArray:
        """Return what the cheapest plan of each solve rate spends on each model.

        Returns
        -------
        float array [len(solve_rate), M], currency units per instance
            NaN rows above :attr:`max_solve_rate`.
        """
        target = np.atleast_1d(solve_rates_of(solve_rate))
        spend, state, axis, last, path, number = self._cheapest(target)
        by_model = np.full((len(spend), len(self.grids)), np.nan)
        reached = np.isfinite(spend) & (path < 0) & (number < 0)
        by_model[reached] = self.lattice.spend_by_model(state[reached])
        cut = np.flatnonzero(reached & (axis >= 0))
        by_model[cut, axis[cut]] += spend[cut] - self.lattice.spend.ravel()[state[cut]]
        if self.known is not None:
            for row in np.flatnonzero(np.isfinite(spend) & (path >= 0)):
                by_model[row] = self.known.paths.spend_by_model(int(path[row]), float(spend[row]))
        if self._allocations is not None:
            columns = [self.market.model_index(name) for name in self.names]
            for row in np.flatnonzero(number >= 0):
                plan = self._allocations.plan(int(number[row]), float(last[row]))
                paid = self.market.weight @ plan.evaluate(self.curves).spend_by_model
                by_model[row] = paid[columns]
                # As for a cut step: what the last stage spends is the rest.
                end = self.names.index(plan.stages[-1][0])
                by_model[row, end] = 0.0
                by_model[row, end] = max(spend[row] - by_model[row].sum(), 0.0)
        return by_model

    @cached_property
    def _hull(self) -> tuple[FloatArray, FloatArray]:
        between = np.linspace(0.0, self.max_solve_rate, 2001)
        rates = [self._points[0], between]
        if self.known is not None:
            rates.append(self.known.paths.points[0])
        rate = np.concatenate(rates)
        spend = self.spend_at(rate)
        order = np.lexsort((spend, rate))
        return lower_hull(rate[order], spend[order])

    @cached_property
    def bound_steps(self) -> Points:
        """The lattice's lower bound as steps: solve rates, and spend up to each; increasing."""
        return self._points if self.exact else bound_steps(self.lattice)

    def _cheapest(self, target: FloatArray) -> Cheapest:
        flatten = target.ravel()
        position, attained = self._points.first(flatten)
        best = np.where(attained, self._points.spend[position], np.nan)
        state = self._points.number[position]
        axis = np.full(flatten.shape, -1)
        amount = np.full(flatten.shape, np.nan)
        if self.curves.continuous and self._complete:
            cut = cheapest_cuts(self.lattice, flatten, best)
            best[cut.target], state[cut.target] = cut.spend, cut.state
            axis[cut.target], amount[cut.target] = cut.model, cut.amount
        path = np.full(flatten.shape, -1)
        if self.known is not None:
            found, number, end = self.known.paths.cheapest(flatten)
            less = found < np.where(np.isnan(best), np.inf, best)
            best[less], path[less], amount[less] = found[less], number[less], end[less]
        allocation = np.full(flatten.shape, -1)
        if self._allocations is not None:
            found, number, end = self._allocations.cheapest(flatten)
            less = found < np.where(np.isnan(best), np.inf, best)
            best[less], allocation[less], amount[less] = found[less], number[less], end[less]
            path[less], axis[less] = -1, -1
        return Cheapest(best.reshape(target.shape), state, axis, amount, path, allocation)

    @cached_property
    def single_models(self) -> tuple[Frontier, ...]:
        """The frontier of each model alone under the same billing.

        On every amount of its curve and of the lattice.
        """
        alone = [self.curves.only([model]) for model in self.names]
        return tuple(
            Frontier(curves, build_lattice(curves, [np.union1d(curves.grids[0], grid)]))
            for curves, grid in zip(alone, self.grids, strict=True)
        )

    @property
    def grids(self) -> tuple[FloatArray, ...]:
        """Amounts per model on the lattice."""
        return self.lattice.grids

    def to_frame(self) -> pd.DataFrame:
        """Return the undominated states: solve rate, spend, and the amount of each model."""
        rate, spend, flat = self._points
        index = np.unravel_index(flat, self.lattice.spend.shape)
        amounts = np.stack([grid[k] for grid, k in zip(self.grids, index, strict=True)], axis=1)
        if self.known is not None:
            more = self.known.paths.points
            rate, spend = np.concatenate([rate, more[0]]), np.concatenate([spend, more[1]])
            amounts = np.concatenate([amounts, self.known.paths.ends(more.number)])
            kept = undominated(rate, spend)
            rate, spend, amounts = rate[kept], spend[kept], amounts[kept]
        frame = pd.DataFrame({"solve_rate": rate, "spend": spend})
        return frame.assign(**dict(zip(self.names, amounts.T, strict=True)))

    @property
    def _title(self) -> str:
        return f"Cascade frontier of {self.market.name}"

    @property
    def _note(self) -> str:
        sizes = " x ".join(str(len(grid)) for grid in self.grids)
        changed = (
            ""
            if self.change is None
            else f" The last refinement changed the spend by {percent(self.change, 3)} at most."
        )
        return (
            f"Lattice of {sizes} amounts. Spend: {self.proof(self._shown)}.\n{self.billing};"
            f" in-sample.{changed}"
        )


def cascade_frontier(
    market: Market | Curves,
    *,
    refine: int = 1,
    tolerance: float | None = None,
    most_states: int = DEFAULT_STATES,
) -> Frontier:
    """Compute the frontier of cascades by shortest paths on the lattice of amounts.

    Exact where the lattice holds every amount (whole attempts) or every budget of the grid. A
    larger one is thinned: the frontier is then the cheapest of the thinned lattice, of what
    :func:`arbmodels.search_frontier` finds on all amounts, and of every model alone, and its
    bound the better one of both. On budgets with log-linear curves no allocation that Olmedo et
    al. (2026) try is cheaper, wherever between the budgets its stages end.

    Parameters
    ----------
    market : Market or Curves
        A market is scored in whole attempts that stop at the record, a bill that somebody would
        pay. Give ``dollar_curves(market)`` for the billing of Olmedo et al. (2026), so that
        numbers compare with theirs.
    refine : int
        Cut every cell of the budget grids into this many: a tighter bound for more time.
    tolerance : float, optional
        Refine (finer budgets, or less thinned amounts) until no spend at 100 solve rates up to
        the largest falls by more than this share; :attr:`Frontier.change` is what the last
        refinement changed. Starts from ``refine`` and ``most_states``, and takes more states.
    most_states : int
        The curves' own grids are thinned until the lattice is no larger (the first amounts, the
        last, and between them those that rise by a ratio); the bound in the result says what that
        can have cost.

    Returns
    -------
    Frontier

    Raises
    ------
    InputError
        If there are more than four models, the lattice is too large, or the tolerance is not
        reached before it would be.

    References
    ----------
    Olmedo, Schölkopf, Hardt, *Computational arbitrage in AI model markets*, arXiv 2603.22404
    (2026).

    Bellman, *On a routing problem*, Quarterly of Applied Mathematics 16 (1958).
    """
    curves = market if isinstance(market, Curves) else attempt_curves(market)
    count = len(curves.names)
    if count > MAX_MODELS:
        raise InputError(
            f"The lattice method takes up to {MAX_MODELS} models, {curves.market.name} has"
            f" {count}: search all with arb.search_frontier (arbmodels search), or choose"
            " some with market.select(models=[...]) or --models."
        )
    if refine < 1 or (refine > 1 and curves.unit == "attempts"):
        raise InputError(
            f"refine is {refine}; it is a whole number >= 1, and whole attempts cannot be cut."
        )
    if tolerance is not None:
        return _until(curves, refine, tolerance, most_states)
    return _on(curves, refine, _amounts(curves, refine, most_states))


def _holds(mine: Sequence[FloatArray], theirs: Sequence[FloatArray]) -> bool:
    """Return whether grids have all amounts of others."""
    return all(bool(np.isin(b, a).all()) for a, b in zip(mine, theirs, strict=True))


def _finer(curves: Curves, refine: int) -> Curves:
    if refine == 1:
        return curves
    return replace(curves, grids=tuple(refined(grid, refine) for grid in curves.grids))


def _amounts(curves: Curves, refine: int, most_states: int) -> tuple[FloatArray, ...]:
    finer = _finer(curves, refine)
    if np.prod([float(len(grid)) for grid in finer.grids]) <= most_states:
        return finer.grids
    return coarsen(useful(finer), most_states)


def _on(
    curves: Curves,
    refine: int,
    amounts: tuple[FloatArray, ...],
    searched: tuple[Plans, Bounds] | None = None,
) -> Frontier:
    """Return the frontier on a lattice of some amounts, with what is known beside it."""
    found = Frontier(curves, build_lattice(curves, amounts))
    if found.exact or found._complete:
        return found
    natural = natural_of(_finer(curves, refine))
    plans, bounds = _searched(natural) if searched is None else searched
    paths = [*plans.useful(), *_of_lattice(found, natural)]
    alone = [[(m, last)] for m, last in enumerate(natural.last) if last]
    for stride in _STRIDES if curves.unit == "dollars" else ():
        known = Paths(natural, [*paths, *alone])
        paths = [*known.useful(), *_nearby(natural, known, stride)]
    return replace(found, known=Known(Paths(natural, [*paths, *alone]), plans, bounds))


def _searched(natural: Natural) -> tuple[Plans, Bounds]:
    """Search on all amounts, without a time limit: the result must not depend on the machine."""
    rates = np.linspace(
        min(_LOWEST, natural.max_solve_rate / 2), natural.max_solve_rate, _SEARCH.rates
    )
    return search(natural, rates, _SEARCH.gap, _SEARCH.states, np.inf, rounds=_SEARCH.rounds)


def _of_lattice(found: Frontier, natural: Natural) -> list[Steps]:
    """Paths to the lattice's undominated states, in the positions of all amounts."""
    _, _, flat = found._points
    kept = flat[np.unique(np.linspace(0, len(flat) - 1, _MOST_PATHS).astype(int))]
    pairs = zip(natural.amounts, found.grids, strict=True)
    place = [np.searchsorted(every, mine) for every, mine in pairs]
    return [_path(found.lattice, int(state), place) for state in kept]


def _path(lattice: Lattice, state: int, place: Sequence[IntArray]) -> Steps:
    """Path to a state, with the positions that the lattice's amounts have among all."""
    here, steps = [0] * len(place), list[tuple[int, int]]()
    ends = [int(k) for k in np.unravel_index(state, lattice.spend.shape)]
    for model, count in lattice.path(ends):
        here[model] += count
        steps.append((model, int(place[model][here[model]])))
    return steps


def _nearby(natural: Natural, paths: Paths, stride: int) -> list[Steps]:
    """Cheapest paths on small lattices around the ends of the cheapest plans of some rates."""
    rates = np.linspace(min(_LOWEST, natural.max_solve_rate / 2), natural.max_solve_rate, _NEARBY)
    _, numbers, _ = paths.cheapest(rates - SAME_RATE)
    found = []
    for rate, path in zip(rates, numbers.tolist(), strict=True):
        ends = dict(paths.purchases(path))
        place = [_window(ends.get(m, 0), last, stride) for m, last in enumerate(natural.last)]
        grids = [grid[at] for grid, at in zip(natural.amounts, place, strict=True)]
        lattice = build_lattice(natural.curves, grids)
        reaching = lattice.solve_rate >= rate - 2 * SAME_RATE
        if reaching.any():
            spend = np.where(reaching, lattice.spend, np.inf)
            found.append(_path(lattice, int(np.argmin(spend)), place))
            # What stops between two budgets may be cheaper, and another path's.
            found += _passing(lattice, float(rate), float(spend.min()), place)
    return found


def _passing(lattice: Lattice, rate: float, best: float, place: Sequence[IntArray]) -> list[Steps]:
    """Return for each model the path whose last step, by one budget, is cheapest to cut."""
    found, shape = list[Steps](), lattice.spend.shape
    for m, positions in enumerate(place):
        by_one = np.diff(positions) == 1
        cells = np.expand_dims(by_one, [k for k in range(len(shape)) if k != m])
        start = np.where(cells, np.delete(lattice.spend, -1, axis=m), np.inf)
        cut = cut_steps(
            np.delete(lattice.solve_rate, -1, axis=m).ravel(),
            np.delete(lattice.solve_rate, 0, axis=m).ravel(),
            start.ravel(),
            lattice.step_spend[m].ravel(),
            partial(_cell, log_budget(lattice.grids[m]), start.shape, m),
            np.array([rate]),
            np.array([best]),
        )
        for step in cut.step:
            here = [int(k) for k in np.unravel_index(step, start.shape)]
            before = _path(lattice, int(np.ravel_multi_index(here, shape)), place)
            found.append([*before, (m, int(positions[here[m] + 1]))])
    return found


def _cell(
    log_grid: FloatArray, shape: tuple[int, ...], m: int, steps: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Log budgets of model m before and after steps along its axis."""
    cell = np.unravel_index(steps, shape)[m]
    return log_grid[cell], log_grid[cell + 1]


def _window(end: int, last: int, stride: int) -> IntArray:
    """Positions around one, with zero and some below them, for orders that come back to a model."""
    near = end + stride * np.arange(-_SIDE, _SIDE + 1)
    near = near[(near > 0) & (near <= last)]
    below = np.linspace(0, near.min(initial=last), _BELOW + 1).astype(np.int64)[:-1]
    return np.unique(np.concatenate([[0], below, near]))


def _until(curves: Curves, refine: int, tolerance: float, most_states: int) -> Frontier:
    """Refine until the spend changes by less than the tolerance."""
    if not 0 < tolerance < 1:
        raise InputError(f"The tolerance is {tolerance:g}; it is a share between 0 and 1.")
    amounts = _amounts(curves, refine, most_states)
    found, change = _on(curves, refine, amounts), float("inf")
    while True:
        if found.exact:
            return replace(found, change=0.0)
        most_states *= 2 ** len(curves.grids)
        thinned = any(len(a) < len(grid) for a, grid in zip(amounts, curves.grids, strict=True))
        refine = refine if thinned else 2 * refine
        amounts = _amounts(curves, refine, most_states)
        if np.prod([float(len(grid)) for grid in amounts]) > MAX_STATES:
            raise InputError(
                f"The spend still changed by {percent(change, 3)} on the largest lattice that"
                f" fits; a tolerance of {tolerance:g} is not reached. Search with"
                " arb.search_frontier, which bounds what is left, or allow more."
            )
        # What a search found on these amounts, it would find again.
        known = None if found.known is None or not thinned else found.known
        finer = _on(curves, refine, amounts, None if known is None else (known.plans, known.bounds))
        rates = np.linspace(0.01, 1.0, 100) * found.max_solve_rate
        before, after = found.spend_at(rates), finer.spend_at(rates)
        change = float(np.max(1.0 - after / np.maximum(before, 1e-300), initial=0.0))
        found = replace(finer, change=change)
        if change <= tolerance:
            return found
