"""Limits on money, on the solve rate, on attempts and shares of a seller, and on latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from arbmodels._assignment.program import BoolArray, IntArray, Quantity
from arbmodels._checks import choice_of
from arbmodels.display import number
from arbmodels.errors import InputError
from arbmodels.routing.builder import (
    Builder,
    Part,
    Parts,
    scaled,
    scope,
    served,
    solved,
    spent,
    tried,
    waited,
)
from arbmodels.routing.constraints.base import (
    Constraint,
    Needed,
    Relaxing,
    Scoped,
    check_number,
    check_weight,
    inside,
)
from arbmodels.routing.table import PlanTable


@dataclass(frozen=True)
class Budget(Scoped):
    r"""Total spend at most ``total``.

    .. math:: \sum_{i \in S} N w_i \sum_j s_{ij} x_{ij} \le B

    Without ``seller`` s counts all models, else only those of one model or provider. Where a
    contract covers a provider, its payment takes the place of the list spend, unless
    ``list_prices`` are asked for.

    Parameters
    ----------
    total : float, currency units over all instances
    segment : str, optional
    seller : str, optional
        A model or a provider.
    period : str, optional
    list_prices : bool
        Count list spend also where a contract is.
    """

    total: float
    segment: str | None = None
    seller: str | None = None
    period: str | None = None
    list_prices: bool = False

    @property
    def label(self) -> str:
        """Budget, with its scope."""
        of = "" if self.seller is None else f" of {self.seller}"
        prices = " at list prices" if self.list_prices else ""
        return f"budget{of}{prices}{inside(self.segment, self.period)}"

    @property
    def limit(self) -> float:
        """Total spend."""
        return self.total

    def unit(self, table: PlanTable) -> str:
        """Return the currency."""
        return table.currency

    def cut(self, table: PlanTable, part: PlanTable, rows: IntArray) -> dict[str, Any] | None:  # noqa: ARG002
        """Return the same amount per instance that it covers."""
        inside, everywhere = (self._covered(each) for each in (part, table))
        return {"total": self.total * inside / (everywhere or 1.0)}

    def _covered(self, table: PlanTable) -> float:
        """Return how often the instances that it covers count together."""
        scope = table.inside(self.segment) & table.inside(self.period, "period")
        return float(table.times[scope].sum())

    def check(self, table: PlanTable) -> None:
        """Check the amount and the names."""
        check_number(self.label, self.total, f"an amount of {table.currency}")
        scope(table, self.segment, self.period)
        self._models(table)

    def add(self, builder: Builder) -> None:
        """Add N w_i s_ij inside the scope, and payments."""
        table = builder.table
        where = scope(table, self.segment, self.period)
        listed, payments = self._models(table), dict[str, float]()
        if not self.list_prices:
            listed, payments = builder.paid(listed, where, self.label)
        builder.row(
            self.label, spent(table, listed, where), self.total, at_most=True, columns=payments
        )

    def _models(self, table: PlanTable) -> BoolArray:
        if self.seller is None:
            return np.ones(len(table.models), dtype=bool)
        return table.sellers(self.seller)


@dataclass(frozen=True)
class QualityFloor(Scoped):
    r"""Mean solve rate at least ``rate``.

    .. math:: \sum_{i \in S} w_i \sum_j p_{ij} x_{ij} \Big/ \sum_{i \in S} w_i \ge R

    Parameters
    ----------
    rate : float in [0, 1]
    segment : str, optional
    """

    rate: float
    segment: str | None = None
    at_most = False

    @property
    def label(self) -> str:
        """Quality floor, with its segment."""
        return f"quality floor{inside(self.segment)}"

    @property
    def limit(self) -> float:
        """Solve rate."""
        return self.rate

    def unit(self, table: PlanTable) -> str:
        """Return the unit of a solve rate or score: from none to all."""
        return f"unit of {table.rate}"

    def check(self, table: PlanTable) -> None:
        """Check the rate and the segment."""
        if not 0 <= self.rate <= 1:
            raise InputError(
                f"The {self.label} is {self.rate:g}; a {table.rate} lies between 0 and 1"
                " (0.9 for 90%)."
            )
        check_weight(self.label, table, self.segment)

    def add(self, builder: Builder) -> None:
        """Add w_i p_ij / sum of weights, inside the segment."""
        table = builder.table
        parts = solved(table, scope(table, self.segment))
        mean = 1.0 / check_weight(self.label, table, self.segment)
        builder.row(self.label, scaled(parts, mean), self.rate, at_most=False)

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a percentage."""
        return f"{number(100 * value, digits)}%"


@dataclass(frozen=True)
class RelativeFloor(Scoped):
    r"""Mean solve rate at least a share of the best that the plans on offer can reach.

    .. math:: \sum_{i \in S} w_i \sum_j p_{ij} x_{ij} \ge
              \beta \max_{x} \sum_{i \in S} w_i \sum_j p_{ij} x_{ij}

    The maximum is over all assignments of the same kind (a plan per instance, per segment or for
    all) to allowed pairs; no other constraint limits it.

    Parameters
    ----------
    share : float in [0, 1]
        beta.
    segment : str, optional
    best : float, optional
        The maximum, if it is known; else it is looked for.
    """

    share: float
    segment: str | None = None
    best: float | None = None
    at_most = False

    @property
    def label(self) -> str:
        """Quality floor, with its segment and that it is relative."""
        return f"quality floor{inside(self.segment)}, of the best"

    @property
    def limit(self) -> float:
        """Share of the best."""
        return self.share

    def unit(self, table: PlanTable) -> str:
        """Return the unit: a share of a solve rate or score."""
        return f"share of the best {table.rate}"

    def check(self, table: PlanTable) -> None:
        """Check the share and the segment."""
        if not 0 <= self.share <= 1:
            raise InputError(
                f"The {self.label} is {self.share:g}; give a share between 0 and 1 (0.9 for 90%)."
            )
        check_weight(self.label, table, self.segment)

    def add(self, builder: Builder) -> None:
        """Add w_i p_ij over the best sum, inside the segment."""
        best = self.most(builder) if self.best is None else self.best
        parts = scaled(self._parts(builder.table), 1.0 / (best or 1.0))
        builder.row(self.label, parts, self.share if best else 0.0, at_most=False)

    def most(self, builder: Builder) -> float:
        """Return the maximum over the pairs allowed so far."""
        return builder.most(self._parts(builder.table))

    def _parts(self, table: PlanTable) -> Parts:
        return solved(table, scope(table, self.segment))

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a percentage of the best."""
        return f"{number(100 * value, digits)}% of the best"

    def fixed(self, builder: Builder) -> RelativeFloor:
        """Return the floor with the best of the pairs allowed so far as a number."""
        return replace(self, best=self.most(builder))


@dataclass(frozen=True)
class LatencyLimit(Scoped):
    r"""Every instance's expected latency at most: :math:`x_{ij} = 0` where :math:`t_{ij} > T`.

    Parameters
    ----------
    seconds : float
        T. Abstaining takes no time.
    """

    seconds: float

    @property
    def label(self) -> str:
        """Latency limit."""
        return "latency limit"

    @property
    def limit(self) -> float:
        """Seconds."""
        return self.seconds

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of time."""
        return "second"

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:
        """Format as seconds."""
        return f"{super().show(value, table, digits)}s"

    def check(self, table: PlanTable) -> None:
        """Check the number, and that latencies are known."""
        check_number(self.label, self.seconds, "seconds")
        known_latency(table)

    def restrict(self, builder: Builder) -> None:
        """Forbid pairs that take longer."""
        latency = known_latency(builder.table)
        if latency.ndim == 1:
            builder.forbid(latency > self.seconds, {})
            return
        slow = latency > self.seconds
        if slow.any():
            builder.mask(~slow)

    def relaxed(self, search: Relaxing, others: Sequence[Constraint]) -> Needed:
        """Return the first of the latencies there are that is enough."""
        latency, offered = known_latency(search.table), search.table.offered
        if latency.ndim == 2 and offered is not None:
            latency = latency[offered]
        slower = np.unique(latency[latency > self.seconds])
        return search.first(lambda seconds: replace(self, seconds=seconds), slower, others)


@dataclass(frozen=True)
class MeanLatency(Scoped):
    r"""Mean expected latency at most ``seconds``.

    .. math:: \sum_{i \in S} w_i \sum_j t_{ij} x_{ij} \Big/ \sum_{i \in S} w_i \le T

    The mean is over all instances; those abstained from take no time.

    Parameters
    ----------
    seconds : float
        T.
    segment : str, optional
    """

    seconds: float
    segment: str | None = None

    @property
    def label(self) -> str:
        """Mean latency, with its segment."""
        return f"mean latency{inside(self.segment)}"

    @property
    def limit(self) -> float:
        """Seconds."""
        return self.seconds

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of time."""
        return "second"

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:
        """Format as seconds."""
        return f"{super().show(value, table, digits)}s"

    def check(self, table: PlanTable) -> None:
        """Check the number, the segment, and that latencies are known."""
        check_number(self.label, self.seconds, "seconds")
        known_latency(table)
        check_weight(self.label, table, self.segment)

    def add(self, builder: Builder) -> None:
        """Add w_i t_ij / sum of weights, inside the segment."""
        table = builder.table
        parts = waited(table, scope(table, self.segment))
        mean = 1.0 / check_weight(self.label, table, self.segment)
        builder.row(self.label, scaled(parts, mean), self.seconds, at_most=True)


def known_latency(table: PlanTable) -> Quantity:
    """Return the latencies.

    Raises
    ------
    InputError
        If the problem was made without any.
    """
    if table.latency is None:
        raise InputError(
            f"{table.name}: no latencies are known. Give `latency` when the problem is made:"
            " seconds of one attempt per model, or of every pair."
        )
    return np.asarray(table.latency)


#: What a share is a share of.
ShareOf = Literal["spend", "attempts", "instances"]


@dataclass(frozen=True)
class Capacity(Scoped):
    r"""Expected attempts at most: :math:`\sum_i N w_i \sum_{j, m \in P} a_{ijm} x_{ij} \le A`.

    Parameters
    ----------
    model : str
        A model or a provider.
    attempts : float, over all instances
    """

    model: str
    attempts: float

    @property
    def label(self) -> str:
        """Capacity of the model."""
        return f"capacity of {self.model}"

    @property
    def limit(self) -> float:
        """Attempts."""
        return self.attempts

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of a capacity."""
        return "attempt"

    def cut(self, table: PlanTable, part: PlanTable, rows: IntArray) -> dict[str, Any] | None:  # noqa: ARG002
        """Return the same number of attempts per instance."""
        return {"attempts": part.size / table.size * self.attempts}

    def check(self, table: PlanTable) -> None:
        """Check the number and the model."""
        check_number(self.label, self.attempts, "a number of attempts")
        table.sellers(self.model)

    def add(self, builder: Builder) -> None:
        """Add N w_i a_ijm."""
        parts = tried(builder.table, builder.table.sellers(self.model), {})
        builder.row(self.label, parts, self.attempts, at_most=True)

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as attempts."""
        return f"{number(value, digits)} attempts"


@dataclass(frozen=True)
class Commitment(Scoped):
    r"""Attempts, or spend at list prices, at least an amount that was promised.

    .. math:: \sum_i N w_i \sum_{j, m \in P} a_{ijm} x_{ij} \ge A \quad \text{or} \quad
              \sum_i N w_i \sum_{j, m \in P} s_{ijm} x_{ij} \ge A

    Parameters
    ----------
    seller : str
        A model or a provider.
    amount : float
    of : {"attempts", "spend"}
        Spend is in currency units at list prices.
    """

    seller: str
    amount: float
    of: Literal["attempts", "spend"] = "attempts"
    at_most = False

    @property
    def label(self) -> str:
        """Commitment to the seller, and of what."""
        return f"commitment of {self.of} to {self.seller}"

    @property
    def limit(self) -> float:
        """Attempts or spend."""
        return self.amount

    def unit(self, table: PlanTable) -> str:
        """Return the unit of the amount."""
        return "attempt" if self.of == "attempts" else table.currency

    def cut(self, table: PlanTable, part: PlanTable, rows: IntArray) -> dict[str, Any] | None:  # noqa: ARG002
        """Return the same amount per instance."""
        return {"amount": part.size / table.size * self.amount}

    def check(self, table: PlanTable) -> None:
        """Check the amount and the seller."""
        what = "attempts" if self.of == "attempts" else table.currency
        check_number(self.label, self.amount, f"a number of {what}")
        table.sellers(self.seller)

    def add(self, builder: Builder) -> None:
        """Add N w_i a_ijm, or N w_i s_ijm."""
        measure = tried if self.of == "attempts" else spent
        parts = measure(builder.table, builder.table.sellers(self.seller), {})
        builder.row(self.label, parts, self.amount, at_most=False)

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:
        """Format as attempts or money."""
        plural = "attempts" if self.of == "attempts" else table.currency
        return f"{number(value, digits)} {plural}"


@dataclass(frozen=True)
class ShareLimit(Scoped):
    r"""At most a share of spend, attempts or instances goes to one model or provider.

    .. math:: \sum_i N w_i \sum_{j, m \in P} s_{ijm} x_{ij} \le
              \theta \sum_i N w_i \sum_{jm} s_{ijm} x_{ij}

    and the same with attempts. Instances served by plans that buy from P are a share of all
    instances, abstained ones too. Spend is at list prices.

    Parameters
    ----------
    seller : str
        A model or a provider.
    share : float in [0, 1]
        theta.
    of : {"spend", "attempts", "instances"}
    """

    seller: str
    share: float
    of: ShareOf = "spend"

    @property
    def label(self) -> str:
        """Share of the seller, and of what."""
        return f"share of {self.of} to {self.seller}"

    @property
    def limit(self) -> float:
        """Share."""
        return self.share

    def unit(self, table: PlanTable) -> str:  # noqa: ARG002
        """Return the unit of the limit."""
        return f"share of {self.of}"

    def price_unit(self, table: PlanTable) -> str:
        """Return the unit of the row: what is bought beyond the share."""
        one = {"spend": table.currency, "attempts": "attempt", "instances": "instance"}[self.of]
        return f"{one} beyond the share"

    def check(self, table: PlanTable) -> None:
        """Check the share, the seller and what is counted."""
        choice_of(self.of, get_args(ShareOf), "of")
        if not 0 <= self.share <= 1:
            raise InputError(
                f"The {self.label} is {self.share:g}; give a share between 0 and 1 (0.4 for 40%)."
            )
        table.sellers(self.seller)

    def add(self, builder: Builder) -> None:
        """Add the seller's part less its share of the whole."""
        table = builder.table
        everyone = np.ones(len(table.models), dtype=bool)
        builder.row(
            self.label,
            self._of(table, table.sellers(self.seller)),
            0.0,
            at_most=True,
            share=self.share,
            whole=(Part("", np.ones(len(table.plans))),)
            if self.of == "instances"
            else self._of(table, everyone),
        )

    def show(self, value: float, table: PlanTable, digits: int = 4) -> str:  # noqa: ARG002
        """Format as a percentage."""
        return f"{number(100 * value, digits)}%"

    def _of(self, table: PlanTable, models: BoolArray) -> Parts:
        measure = {"spend": spent, "attempts": tried, "instances": served}[self.of]
        return measure(table, models, {})
