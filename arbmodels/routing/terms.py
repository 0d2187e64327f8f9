"""What a routing problem asks for: one call per objective, constraint and contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from arbmodels.checks import (
    aligned,
    flag_of,
    label_of,
    labels_of,
    listed,
    mapping_of,
    number_of,
    numbers_of,
    shown,
    whole_of,
)
from arbmodels.display import Displayed
from arbmodels.errors import InputError
from arbmodels.plans import Plan
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
    MenuLimit,
    QualityFloor,
    RelativeFloor,
    ShareLimit,
)
from arbmodels.routing.constraints.contracts import check_disjoint
from arbmodels.routing.constraints.volume import ShareOf
from arbmodels.routing.objectives import Objective, Profit, SolveRate, Spend, WorstSegment
from arbmodels.routing.start import Start, start_of
from arbmodels.routing.table import PlanTable

if TYPE_CHECKING:
    from arbmodels.routing.result import RoutingResult


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
        if isinstance(price, pd.Series):
            names = self.plan_table.partitions.get("segment")
            if names is not None and set(map(str, price.index)) == set(names.names):
                price = {label_of(name): each for name, each in mapping_of(price, "price").items()}
            else:
                price = aligned(price, {0: (self.plan_table.instances, "instance")}, "price")
        elif not isinstance(price, Mapping) and np.ndim(numbers_of(price, "price")) == 0:
            price = number_of(price, "price")
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
        return replace(self, penalty=number_of(penalty, "penalty"))

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
        amount, at_list = number_of(total, "budget"), flag_of(list_prices, "list_prices")
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
            raise InputError(f"tiers must be pairs (from, rate), not {shown(tiers)}.")
        terms = tuple(
            (number_of(a, "start of a tier"), number_of(b, "rate of a tier")) for a, b in pairs
        )
        contract = Contract(seller, number_of(fee, "fee"), terms, number_of(credit, "credit"))
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
            return self._add(QualityFloor(number_of(rate, "quality floor"), segment))
        return self._add(RelativeFloor(number_of(of_best, "quality floor"), segment))

    # Volume

    def add_capacity(self, model: str, attempts: float) -> Self:
        """Allow expected attempts of a model or provider, in total over all instances."""
        model = _name(model, "The model of a capacity") or ""
        return self._add(Capacity(model, number_of(attempts, "capacity")))

    def add_commitment(
        self, seller: str, *, attempts: float | None = None, spend: float | None = None
    ) -> Self:
        """Buy at least so many attempts, or spend at list prices, from a model or provider."""
        seller = _name(seller, "The seller of a commitment") or ""
        if (attempts is None) == (spend is None):
            raise InputError("Give a commitment in attempts or in spend, one of them.")
        if attempts is not None:
            return self._add(Commitment(seller, number_of(attempts, "commitment"), "attempts"))
        return self._add(Commitment(seller, number_of(spend, "commitment"), "spend"))

    def add_share_limit(self, seller: str, share: float, of: ShareOf = "spend") -> Self:
        """Give a model or provider at most a share of the spend, attempts or instances."""
        seller = _name(seller, "The seller of a share") or ""
        return self._add(ShareLimit(seller, number_of(share, "share"), of))

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
        given = listed(names, "names")
        labels = labels_of([n.label if isinstance(n, Plan) else n for n in given], "names")
        segment = _name(segment, "segment")
        return self._add_pairs(Allowed("", segment, _named(instances), names=labels))

    def limit_models(self, most: int) -> Self:
        """Use at most so many models."""
        return self._add(MenuLimit(whole_of(most, "number of models"), "models"))

    def limit_plans(self, most: int) -> Self:
        """Use at most so many plans; abstaining is none."""
        return self._add(MenuLimit(whole_of(most, "number of plans"), "plans"))

    def add_latency_limit(self, seconds: float) -> Self:
        """Forbid every pair whose expected latency is longer."""
        return self._add(LatencyLimit(number_of(seconds, "latency limit")))

    def add_mean_latency(self, seconds: float, segment: str | None = None) -> Self:
        """Allow a mean latency over all instances (of a segment)."""
        limit = number_of(seconds, "mean latency")
        return self._add(MeanLatency(limit, _name(segment, "segment")))

    # Earlier assignments

    def start_from(
        self,
        earlier: RoutingResult | Sequence[str | int] | npt.NDArray[np.generic],
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
        return problem._add(ChangeLimit(start, number_of(max_changes, "number of changes")))

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
    return None if instances is None else tuple(listed(instances, "instances"))


def _name(value: str | None, what: str) -> str | None:
    """Return a name, to be looked up later; what is no text is none and cannot even be shown."""
    if value is not None and not isinstance(value, str):
        raise InputError(f"{what} is {shown(value)}; give a name.")
    return value


def _pairs(tiers: object) -> tuple[object, ...]:
    return tuple(tiers) if isinstance(tiers, Sequence) and not isinstance(tiers, str) else ((),)
