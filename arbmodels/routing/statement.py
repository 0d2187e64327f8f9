"""What a routing problem is made from and asks for, and the integer program that states it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol, Self, get_args

import numpy as np
import numpy.typing as npt

from arbmodels import _checks as check
from arbmodels._assignment.program import AssignmentProgram, FloatArray
from arbmodels._pandas import pandas_loaded, pd
from arbmodels.display import Displayed
from arbmodels.errors import InputError
from arbmodels.market import Market, Outcome
from arbmodels.plans import Plan, attempts_up_to, plans_of
from arbmodels.routing.builder import Assembled, Builder
from arbmodels.routing.constraints import (
    Allowed,
    Budget,
    Capacity,
    ChangeLimit,
    Commitment,
    Constraint,
    Contract,
    Forbidden,
    LatencyLimit,
    MeanLatency,
    PlanLimit,
    QualityFloor,
    RelativeFloor,
    ShareLimit,
)
from arbmodels.routing.constraints.contracts import check_disjoint
from arbmodels.routing.constraints.limits import ShareOf
from arbmodels.routing.constraints.structure import Assigned, Start, start_of
from arbmodels.routing.objectives import (
    Objective,
    Profit,
    SolveRate,
    Spend,
    WorstSegment,
    abstention,
)
from arbmodels.routing.readers import plan_table, table_of_arrays, table_of_frame
from arbmodels.routing.table import Labeled, PlanTable

if TYPE_CHECKING:
    import pandas as pd

    from arbmodels.routing.export import ProgramNames


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Terms(Displayed):
    """Objective, constraints, contracts and start of a problem; every method returns a new one."""

    objective: Objective = field(default_factory=SolveRate)
    constraints: tuple[Constraint, ...] = ()
    contracts: tuple[Contract, ...] = ()
    penalty: float = 0.0
    start: Start | None = None
    plan_table: PlanTable = field(default=None)  # type: ignore[assignment]

    # Objectives

    def maximize_solve_rate(self) -> Self:
        """Maximise the weighted mean solve rate (the default)."""
        return replace(self, objective=SolveRate())

    def minimize_spend(self) -> Self:
        """Minimise the total spend; payments where there are contracts."""
        return replace(self, objective=Spend())

    def maximize_profit(self, price: float | Mapping[str, float] | npt.ArrayLike) -> Self:
        """Maximise revenue less spend.

        Parameters
        ----------
        price : float, {segment: float} or float array [N], currency units per instance solved
            A Series is matched by its index: segments or instances.
        """
        if pandas_loaded() and isinstance(price, pd.Series):
            names = self.plan_table.partitions.get("segment")
            if names is not None and set(map(str, price.index)) == set(names.names):
                price = {
                    check.label_of(name): each
                    for name, each in check.mapping_of(price, "price").items()
                }
            else:
                price = check.aligned(price, {0: (self.plan_table.instances, "instance")}, "price")
        elif not isinstance(price, Mapping) and np.ndim(check.numbers_of(price, "price")) == 0:
            price = check.number_of(price, "price")
        return replace(self, objective=Profit(price))

    def maximize_worst_segment(self) -> Self:
        """Maximise the mean solve rate of the segment where it is lowest."""
        return replace(self, objective=WorstSegment())

    def penalize_abstention(self, penalty: float) -> Self:
        """Charge the objective for every instance that is served by a plan that buys nothing.

        Parameters
        ----------
        penalty : float, at least 0
            Units of the objective per instance: solve probability, or currency units. Instances
            count by their weight, as in the objective.
        """
        return replace(self, penalty=check.number_of(penalty, "penalty"))

    # Money

    def add_budget(
        self,
        total: float,
        segment: str | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        period: str | None = None,
        list_prices: bool = False,
    ) -> Self:
        """Allow a total spend, in currency units over all instances.

        Parameters
        ----------
        total : float
        segment, period : str, optional
            Count the instances of a segment, of a period, or of both only.
        model, provider : str, optional
            Count the spend on it only; give one of them.
        list_prices : bool
            Count list spend also where a contract is, whose payment is due for all it covers.
        """
        if model is not None and provider is not None:
            raise InputError("A budget is for a model or for a provider; give one of them.")
        seller = _name(provider if model is None else model, "A model or provider")
        segment, period = _name(segment, "segment"), _name(period, "period")
        amount, at_list = (
            check.number_of(total, "budget"),
            check.flag_of(list_prices, "list_prices"),
        )
        return self._add(Budget(amount, segment, seller, period, at_list))

    def add_contract(
        self,
        seller: str,
        *,
        fee: float = 0.0,
        tiers: Sequence[tuple[float, float]] = ((0.0, 1.0),),
        credit: float = 0.0,
    ) -> Self:
        """Pay a provider (or a model) by contract instead of by list prices.

        Payments take the place of list spend wherever total spend counts: in the overall budget,
        that provider's budget, minimised spend and profit.

        Parameters
        ----------
        seller : str
        fee : float
            Due if any plan in use may buy from the provider.
        tiers : sequence of (float, float)
            (list spend from which it applies, currency units to pay per unit of list spend); the
            first from 0. Rates may rise or fall.
        credit : float
            List spend that was paid for before.

        Examples
        --------
        >>> import arbmodels as arb
        >>> problem = arb.RoutingProblem.from_arrays([[0.2, 0.9], [0.3, 0.4]], [[1, 5], [1, 4]])
        >>> problem = problem.minimize_spend().add_floor(0.6)
        >>> problem.add_contract("model-1", fee=2, tiers=((0, 1), (4, 0.5))).solve().payments
        {'model-1': Payment(list_spend=5.0, payment=6.5, used=True)}
        """
        seller = _name(seller, "The seller of a contract") or ""
        pairs = [tuple(pair) if isinstance(pair, tuple | list) else () for pair in _pairs(tiers)]
        if any(len(pair) != 2 for pair in pairs):
            raise InputError(f"tiers must be pairs (from, rate), not {check.shown(tiers)}.")
        terms = tuple(
            (check.number_of(a, "start of a tier"), check.number_of(b, "rate of a tier"))
            for a, b in pairs
        )
        contract = Contract(
            seller, check.number_of(fee, "fee"), terms, check.number_of(credit, "credit")
        )
        return replace(self, contracts=(*self.contracts, contract))

    # Quality

    def add_floor(
        self,
        rate: float | None = None,
        segment: str | None = None,
        *,
        of_best: float | None = None,
    ) -> Self:
        """Ask for a mean solve rate over all instances (of a segment).

        Parameters
        ----------
        rate : float in [0, 1]
        segment : str, optional
        of_best : float in [0, 1]
            Instead of ``rate``: a share of the best that allowed plans reach there.
        """
        segment = _name(segment, "segment")
        if (rate is None) == (of_best is None):
            raise InputError("Give a floor as a rate or as a share of_best, one of them.")
        if rate is not None:
            return self._add(QualityFloor(check.number_of(rate, "quality floor"), segment))
        return self._add(RelativeFloor(check.number_of(of_best, "quality floor"), segment))

    # Volume

    def add_capacity(self, model: str, attempts: float) -> Self:
        """Allow expected attempts of a model or provider, in total over all instances."""
        model = _name(model, "The model of a capacity") or ""
        return self._add(Capacity(model, check.number_of(attempts, "capacity")))

    def add_commitment(
        self, seller: str, *, attempts: float | None = None, spend: float | None = None
    ) -> Self:
        """Buy at least so many attempts, or spend at list prices, from a model or provider."""
        seller = _name(seller, "The seller of a commitment") or ""
        if (attempts is None) == (spend is None):
            raise InputError("Give a commitment in attempts or in spend, one of them.")
        if attempts is not None:
            return self._add(
                Commitment(seller, check.number_of(attempts, "commitment"), "attempts")
            )
        return self._add(Commitment(seller, check.number_of(spend, "commitment"), "spend"))

    def add_share_limit(self, seller: str, share: float, of: ShareOf = "spend") -> Self:
        """Give a model or provider at most a share of the spend, attempts or instances."""
        seller = _name(seller, "The seller of a share") or ""
        return self._add(ShareLimit(seller, check.number_of(share, "share"), of))

    # What may serve what

    def forbid(
        self,
        name: str | Plan,
        *,
        segment: str | None = None,
        instances: Sequence[object] | None = None,
    ) -> Self:
        """Forbid a model, a provider or a plan, everywhere or to some instances."""
        label = name.label if isinstance(name, Plan) else _name(name, "A name") or ""
        segment = _name(segment, "segment")
        return self._add_pairs(Forbidden(label, segment, _named(instances)))

    def allow_only(
        self,
        names: Sequence[str | Plan],
        *,
        segment: str | None = None,
        instances: Sequence[object] | None = None,
    ) -> Self:
        """Allow some models, providers or plans only, and abstaining."""
        given = check.listed(names, "names")
        labels = check.labels_of([n.label if isinstance(n, Plan) else n for n in given], "names")
        segment = _name(segment, "segment")
        return self._add_pairs(Allowed("", segment, _named(instances), names=labels))

    def limit_models(self, most: int) -> Self:
        """Use at most so many models."""
        return self._add(PlanLimit(check.whole_of(most, "number of models"), "models"))

    def limit_plans(self, most: int) -> Self:
        """Use at most so many plans; abstaining is none."""
        return self._add(PlanLimit(check.whole_of(most, "number of plans"), "plans"))

    def add_latency_limit(self, seconds: float) -> Self:
        """Forbid every pair whose expected latency is longer."""
        return self._add(LatencyLimit(check.number_of(seconds, "latency limit")))

    def add_mean_latency(self, seconds: float, segment: str | None = None) -> Self:
        """Allow a mean latency over all instances (of a segment)."""
        limit = check.number_of(seconds, "mean latency")
        return self._add(MeanLatency(limit, _name(segment, "segment")))

    # Earlier assignments

    def start_from(
        self,
        earlier: Assigned | Sequence[str | int] | npt.NDArray[np.generic],
        max_changes: float | None = None,
    ) -> Self:
        """Start from an earlier assignment: the answer is never worse than it, if it is allowed.

        Parameters
        ----------
        earlier : RoutingResult, or N labels or positions of plans
            A Series is matched by its index, the instances.
        max_changes : float, optional
            How many instances may be served by another set of models than before; each counts
            once, whatever its weight.
        """
        start = start_of(earlier, self.plan_table)
        problem = replace(self, start=start)
        if max_changes is None:
            return problem
        return problem._add(ChangeLimit(start, check.number_of(max_changes, "number of changes")))

    def for_volumes(self, volumes: Mapping[str, float] | npt.ArrayLike) -> Self:
        """Return the problem in which instances stand for many requests.

        Totals (budgets, spends, counts of attempts) are then of requests, rates are means over
        requests. State volumes before limits: limits are in requests.

        Parameters
        ----------
        volumes : mapping or float array [N]
            Segment -> its requests, spread over its instances by their weights; or how many
            requests each instance stands for. Any sum, at least 0.

        Raises
        ------
        InputError
            If a segment has no volume, or a volume is no finite number of at least 0.
        """
        table = self.plan_table.unpooled or self.plan_table
        if isinstance(volumes, Mapping):
            labels = table.labels("segment")
            given = check.mapping_of(volumes, "volumes")
            unknown = [name for name in given if name not in labels.names]
            lacking = [name for name in labels.names if name not in given]
            if unknown or lacking:
                what = f"no segment {unknown[0]!r}" if unknown else f"no volume of {lacking[0]!r}"
                known = ", ".join(map(repr, labels.names[:20]))
                raise InputError(f"volumes: {what}; the segments are {known}.")
            wanted = np.array(
                [check.number_of(given[n], f"volume of {n}", 0) for n in labels.names]
            )
            inside = table.weight_of("segment")
            rate = np.divide(wanted, inside, out=np.zeros(len(wanted)), where=inside > 0)
            times = table.times * rate[labels.codes]
        else:
            times = check.numbers_of(table.placed(volumes, "volumes"), "volumes").astype(float)
            if times.shape != (table.size,):
                raise InputError(
                    f"volumes has shape {times.shape}; give one per instance, ({table.size},)."
                )
            wrong = np.flatnonzero(~check.is_weight(times))
            if len(wrong):
                raise InputError(
                    f"volumes: instance {check.label_of(table.instances[wrong[0]])!r} has"
                    f" {times[wrong[0]]:g}; it must be {check.WEIGHT}."
                )
        total = float(times.sum())
        if not 0 < total < np.inf:
            raise InputError("The volumes must have a positive, finite sum.")
        return replace(self, plan_table=replace(table, weights=times, volume=total))

    def add_constraint(self, constraint: Constraint) -> Self:
        """Add a constraint of your own.

        Parameters
        ----------
        constraint : Constraint
            A class derived from :class:`arbmodels.routing.Constraint`. It is solved, priced, moved
            along a frontier, named in conflicts, exported and cross-validated like the others.

        Raises
        ------
        InputError
            If it is no constraint, or one with its label is there already.
        """
        if not isinstance(constraint, Constraint):
            raise InputError(
                f"constraint is a {type(constraint).__name__}; derive it from"
                " arbmodels.routing.Constraint."
            )
        return self._add(constraint)

    def _add(self, constraint: Constraint) -> Self:
        return replace(self, constraints=(*self.constraints, constraint))

    def _add_pairs(self, pairs: Forbidden) -> Self:
        """Add forbidden pairs; any number of lists, and the same one twice says nothing new."""
        taken = [each.label for each in self.constraints]
        while pairs.label in taken:
            if pairs in self.constraints:
                return self
            pairs = replace(pairs, number=pairs.number + 1)
        return self._add(pairs)

    @property
    def goal(self) -> str:
        """The objective in words."""
        return self.objective.goal.replace("solve rate", self.plan_table.rate)

    @property
    def objective_unit(self) -> str:
        """Unit of the objective."""
        return self.objective.unit(self.plan_table)

    def _assemble(self, assignment: str, *, restricted: bool = True) -> Assembled:
        builder = Builder(self.plan_table, assignment)
        builder.maximize = self.objective.maximize
        for constraint in self.constraints if restricted else ():
            constraint.restrict(builder)
        for contract in self.contracts:
            contract.add(builder)
        self.objective.add(builder)
        if self.penalty:
            builder.objective += abstention(self.plan_table, self.objective, self.penalty)
        for constraint in self.constraints:
            constraint.add(builder)
        return builder.assemble()

    def _check_terms(self) -> None:
        table = self.plan_table
        if not 0 <= self.penalty < np.inf:
            raise InputError(f"The penalty is {self.penalty:g}; give one, finite and at least 0.")
        self.objective.check(table)
        for contract in self.contracts:
            contract.check(table)
        if len({contract.seller for contract in self.contracts}) < len(self.contracts):
            raise InputError("Two contracts are with the same seller; give one.")
        check_disjoint({each.seller: each.models(table) for each in self.contracts}, table)
        for position, constraint in enumerate(self.constraints):
            constraint.check(table)
            for other in self.constraints[:position]:
                if other.label == constraint.label:
                    raise InputError(
                        f"There is a {other.label} already,"
                        f" {other.show(other.limit, table)}; give one, the stricter."
                    )


def _named(instances: Sequence[object] | None) -> tuple[object, ...] | None:
    return None if instances is None else tuple(check.listed(instances, "instances"))


def _name(value: str | None, what: str) -> str | None:
    """Return a name, to be looked up later; what is no text is none and cannot even be shown."""
    if value is not None and not isinstance(value, str):
        raise InputError(f"{what} is {check.shown(value)}; give a name.")
    return value


def _pairs(tiers: object) -> tuple[object, ...]:
    return tuple(tiers) if isinstance(tiers, Sequence) and not isinstance(tiers, str) else ((),)


#: "oracle": a plan per instance (of a market it is chosen by the instance's own record, a bound and
#: not deployable; by predictions it is deployable); "per-segment": one plan per segment; "single":
#: one plan for all.
Assignment = Literal["oracle", "per-segment", "single"]


class Predictions(Protocol):
    """Solve probabilities and costs [N, M] of a market's pairs, and how they were made."""

    @property
    def market(self) -> Market:
        """What was predicted."""
        ...

    @property
    def solve(self) -> npt.NDArray[np.float64]:
        """Solve probability of one attempt."""
        ...

    @property
    def cost(self) -> npt.NDArray[np.float64]:
        """Price of one attempt."""
        ...

    @property
    def label(self) -> str:
        """How they were made."""
        ...


def _with_outcome(table: PlanTable, outcome: Outcome) -> PlanTable:
    """Return the table whose outcomes are called what they are."""
    check.choice_of(outcome, get_args(Outcome), "outcome")
    return table if outcome == table.outcome else replace(table, outcome=outcome)


@dataclass(frozen=True, eq=False, repr=False)
class Inputs(Terms):
    """Market, plans and assignment of a problem, and the plan table that they make."""

    market: Market | None
    plans: tuple[Plan, ...] = None  # type: ignore[assignment]
    assignment: Assignment = "oracle"
    providers: Mapping[str, str] | None = None
    period: Sequence[object] | None = None
    latency: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        check.choice_of(self.assignment, get_args(Assignment), "assignment")
        table = self.plan_table
        if self.market is None:
            if table is None:
                raise InputError("Give a market, or use from_arrays or from_frame.")
            if self.plans is not None and tuple(self.plans) != table.plans:
                raise InputError("The plans of arrays are their columns; they cannot be replaced.")
            put(self, "plans", table.plans)
        else:
            if not isinstance(self.market, Market):
                raise InputError(
                    f"market is a {type(self.market).__name__}; give a Market, or use from_arrays"
                    " or from_frame."
                )
            plans = attempts_up_to(self.market) if self.plans is None else self.plans
            put(self, "plans", plans_of(plans))
            made_of = (self.market, self.plans, self.providers, self.period, self.latency)
            # Problems made from one another share the table: evaluating plans is most of the work.
            if table is None or any(
                a is not b for a, b in zip(made_of, table.made_of, strict=True)
            ):
                put(self, "plan_table", plan_table(*made_of))
        if self.assignment == "per-segment" and "segment" not in self.plan_table.partitions:
            raise InputError(
                f"{self.plan_table.name} has no segments; load it with some, or choose another"
                " assignment."
            )
        put(self, "plan_table", self.plan_table.pooled(self.assignment))
        self._check_terms()
        self._check_offers()

    @classmethod
    def from_arrays(
        cls,
        solve: npt.ArrayLike,
        spend: npt.ArrayLike,
        models: Sequence[str] | None = None,
        *,
        instances: Labeled | None = None,
        weight: npt.ArrayLike | None = None,
        segment: Labeled | None = None,
        period: Labeled | None = None,
        offered: npt.ArrayLike | None = None,
        latency: npt.ArrayLike | Mapping[str, float] | None = None,
        providers: Mapping[str, str] | None = None,
        abstain: bool = True,
        assignment: Assignment = "oracle",
        outcome: Outcome = "verified",
        currency: str = "USD",
        name: str = "arrays",
    ) -> Self:
        """Make a problem of arrays, which are not copied and may be memory-mapped.

        DataFrames and Series are matched by their labels, never by position: rows with instances,
        columns with models, in the order of ``models`` and ``instances`` where these are given,
        else of the first frame. What has no labels (arrays, lists, rows that pandas numbered by
        itself beside a list of ``instances``) is in that order already.

        Parameters
        ----------
        solve, spend : float array [N, M], float32 or float64
            Solve probability and expected spend of every model on every instance. Masked pairs are
            not offered. A solve probability beyond 0 or 1 by 1e-9 (single precision: 1e-6) is
            rounding.
        models : M names, optional
            Those of the columns by default.
        instances : N labels, optional
            Those of the rows by default.
        weight : float array [N], optional
            Relative importance; equal by default.
        segment, period : N labels, optional
        offered : bool array [N, M], optional
            Pairs that may be chosen; all by default. Numbers of the others are not looked at.
        latency : float array [M] or [N, M], or model -> seconds, optional
        providers : mapping, optional
            Model -> who sells it.
        abstain : bool
            Whether buying nothing is a plan.
        assignment : {"oracle", "per-segment", "single"}
        outcome : {"verified", "score"}
            What ``solve`` is of: scores from 0 to 1 are called so.
        currency, name : str

        Raises
        ------
        InputError
            If shapes or labels do not fit; DataError, which names instances and models, if numbers
            are not finite, negative, or solve probabilities above one.

        Examples
        --------
        >>> import arbmodels as arb
        >>> arb.RoutingProblem.from_arrays([[0.2, 0.9], [0.3, 0.4]], [[1, 5], [1, 4]]).add_budget(
        ...     6).solve().assignment.tolist()
        [1, 0]
        """
        table = table_of_arrays(
            solve,
            spend,
            models,
            instances=instances,
            weight=weight,
            segment=segment,
            period=period,
            offered=offered,
            latency=latency,
            providers=providers,
            abstain=abstain,
            currency=currency,
            name=name,
        )
        return cls(None, assignment=assignment, plan_table=_with_outcome(table, outcome))

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        instance: str = "instance",
        model: str = "model",
        solve: str = "solve",
        spend: str = "spend",
        weight: str | None = None,
        segment: str | None = None,
        period: str | None = None,
        latency: str | None = None,
        providers: Mapping[str, str] | None = None,
        abstain: bool = True,
        assignment: Assignment = "oracle",
        outcome: Outcome = "verified",
        currency: str = "USD",
        name: str = "frame",
    ) -> Self:
        """Make a problem of a long table: one row per offered pair of instance and model.

        Parameters
        ----------
        frame : DataFrame
        instance, model, solve, spend, latency : str
            Columns of the pairs.
        weight, segment, period : str, optional
            Columns with one value per instance.
        providers, abstain, assignment, outcome, currency, name
            As in :meth:`from_arrays`.

        Raises
        ------
        InputError
            If a column is missing, a pair has two rows, or an instance several values of what it
            has once; and what :meth:`from_arrays` raises.
        """
        table = table_of_frame(
            frame,
            instance=instance,
            model=model,
            solve=solve,
            spend=spend,
            weight=weight,
            segment=segment,
            period=period,
            latency=latency,
            providers=providers,
            abstain=abstain,
            currency=currency,
            name=name,
        )
        some = table.offered if assignment != "oracle" and table.width > 1 else None
        if some is not None and some.sum(axis=1).max() <= 1:
            raise InputError(
                f"{table.name}: every instance has a row of one model only, as in a log of requests"
                " that were routed already, so that no model is offered to all instances of a"
                " segment and there is nothing to compare. Make a Market of the log and predict"
                " what is missing (arb.predict.cross_fit), or give a row for every pair that may be"
                " chosen."
            )
        return cls(None, assignment=assignment, plan_table=_with_outcome(table, outcome))

    @classmethod
    def from_predictions(
        cls,
        predictions: Predictions,
        *,
        period: Labeled | None = None,
        latency: npt.ArrayLike | Mapping[str, float] | None = None,
        providers: Mapping[str, str] | None = None,
        abstain: bool = True,
        assignment: Assignment = "oracle",
    ) -> Self:
        """Make a problem of predicted solve probabilities and costs, one attempt of every model.

        What it chooses per instance can be deployed; ``solve().score_on(predictions.market)`` says
        what it comes to on the recorded outcomes.

        Parameters
        ----------
        predictions : CrossFitted
            From :func:`arbmodels.predict.cross_fit`; instances, weights and segments are those of
            its market.
        period, latency, providers, abstain, assignment
            As in :meth:`from_arrays`.
        """
        if not isinstance(getattr(predictions, "market", None), Market):
            raise InputError(
                f"predictions is a {type(predictions).__name__}; give those of cross_fit, or arrays"
                " to from_arrays."
            )
        market = predictions.market
        table = table_of_arrays(
            predictions.solve,
            predictions.cost,
            market.models,
            instances=market.instances,
            weight=market.weight,
            segment=market.segment,
            period=period,
            offered=None,
            latency=latency,
            providers=providers,
            abstain=abstain,
            currency=market.currency,
            name=market.name,
        )
        table = replace(table, outcome=market.outcome)
        table = replace(table, basis="predicted", billing=f"one attempt; {predictions.label}")
        return cls(None, assignment=assignment, plan_table=table)

    @property
    def groups(self) -> Labeled:
        """What gets a plan: instances, segments, or everything, length G."""
        return self.plan_table.groups(self.assignment).names

    def _check_offers(self) -> None:
        offered = self.plan_table.groups(self.assignment).offered
        barren = np.flatnonzero([] if offered is None else ~offered.any(axis=1))
        if len(barren):
            raise InputError(
                f"{len(barren)} of {len(self.groups)} groups have no plan to choose from, first"
                f" {self.groups[barren[0]]!r}: every plan names a model without a record there."
                " Add Plan() (abstain), or route market.intersection()."
            )


class Statement(Inputs):
    """From inputs and terms to an assignment program."""

    @cached_property
    def group_of_instance(self) -> npt.NDArray[np.int64]:
        """Index into :attr:`groups`, [N]."""
        of_instance = self.plan_table.groups(self.assignment).of_instance
        return np.arange(self.plan_table.size) if of_instance is None else of_instance

    @cached_property
    def value(self) -> FloatArray:
        """Solve probability of a plan on an instance of each group, their mean, [G, J].

        NaN where it is not offered. What it adds to the solve rate of all instances is in
        :attr:`added_solve_rate`.
        """
        return self.plan_table.mean_by_group("solve", self.assignment)

    @cached_property
    def spend(self) -> FloatArray:
        """Spend of a plan on an instance of each group, their mean, [G, J], currency units.

        NaN where it is not offered. What it adds to the total is in :attr:`added_spend`.
        """
        return self.plan_table.mean_by_group("spend", self.assignment)

    @cached_property
    def added_solve_rate(self) -> FloatArray:
        """What a plan adds to the mean solve rate, [G, J]; NaN where it is not offered."""
        return self.plan_table.by_group("solve", self.assignment, 1.0 / self.plan_table.total)

    @cached_property
    def added_spend(self) -> FloatArray:
        """What a plan adds to the total spend, [G, J], currency units; NaN where not offered."""
        return self.plan_table.by_group("spend", self.assignment, 1.0)

    @cached_property
    def assembled(self) -> Assembled:
        """The integer program with the names of its rows and columns."""
        return self._assemble(self.assignment)

    def unrestricted(self) -> Assembled:
        """Return the program without the pairs that constraints forbid."""
        return self._assemble(self.assignment, restricted=False)

    def program(self) -> AssignmentProgram:
        """Return the integer program as arrays."""
        return self.assembled.program

    def _names(self) -> ProgramNames:
        from arbmodels.routing.export import ProgramNames

        return ProgramNames(
            [str(group) for group in self.groups],
            [plan.label for plan in self.plans],
            [row.label for row in self.assembled.rows],
            [str(instance) for instance in self.plan_table.instances],
        )

    def row_of(self, label: str) -> tuple[int, Constraint]:
        """Return the program's row of a constraint, and the constraint.

        Raises
        ------
        InputError
            If no constraint of this label has a row, or its limit is not just the row's right-hand
            side.
        """
        rows = [row.label for row in self.assembled.rows]
        named = {each.label: each for each in self.constraints if each.label in rows}
        if not isinstance(label, str) or label not in named:
            known = ", ".join(map(repr, named)) or "none"
            raise InputError(
                f"No constraint {check.shown(label)} with a limit to move; there are {known}."
            )
        row, constraint = rows.index(label), named[label]
        if self.assembled.rows[row].share is not None or not constraint.movable:
            raise InputError(
                f"The limit of the constraint {label!r} is in its coefficients too, so that it"
                " cannot be moved alone. Solve the problem once for each limit."
            )
        return row, constraint
