"""What a routing problem is made from: a market, arrays, or a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, Self, get_args

import numpy as np
import numpy.typing as npt

from arbmodels.checks import choice_of
from arbmodels.errors import InputError
from arbmodels.market import Market
from arbmodels.plans import Plan, attempts_up_to, plans_of
from arbmodels.routing.from_arrays import table_of_arrays
from arbmodels.routing.from_frame import table_of_frame
from arbmodels.routing.from_market import plan_table
from arbmodels.routing.partitions import Labelled
from arbmodels.routing.terms import Terms

if TYPE_CHECKING:
    import pandas as pd

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
        choice_of(self.assignment, get_args(Assignment), "assignment")
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
        instances: Labelled | None = None,
        weight: npt.ArrayLike | None = None,
        segment: Labelled | None = None,
        period: Labelled | None = None,
        offered: npt.ArrayLike | None = None,
        latency: npt.ArrayLike | Mapping[str, float] | None = None,
        providers: Mapping[str, str] | None = None,
        abstain: bool = True,
        assignment: Assignment = "oracle",
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
        return cls(None, assignment=assignment, plan_table=table)

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
        providers, abstain, assignment, currency, name
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
                " what is missing (arb.cross_fit), or give a row for every pair that may be chosen."
            )
        return cls(None, assignment=assignment, plan_table=table)

    @classmethod
    def from_predictions(
        cls,
        predictions: Predictions,
        *,
        period: Labelled | None = None,
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
            From :func:`arbmodels.cross_fit`; instances, weights and segments are its market's.
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
        table = replace(table, basis="predicted", convention=f"one attempt; {predictions.label}")
        return cls(None, assignment=assignment, plan_table=table)

    @property
    def groups(self) -> Labelled:
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
