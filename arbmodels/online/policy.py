"""Shadow prices as a rule: who serves an instance that nobody has seen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels.assignment import Arrays, AssignmentProgram, Block
from arbmodels.assignment.one_row import engine as one_row
from arbmodels.checks import labels_of
from arbmodels.display import Displayed, TextTable, number
from arbmodels.errors import InfeasibleError, InputError

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

#: The row of the budget; other rows are called as in the routing problem.
SPEND = "spend"


@dataclass(frozen=True, eq=False, repr=False)
class RoutingPolicy(Displayed):
    r"""Serve an instance with the plan whose value is largest after its use of scarce rows is paid.

    .. math:: x_i = \arg\max_j \; v_{ij} - \lambda c_{ij} - \sum_r \mu_r a_{rij}

    With the shadow prices of a routing problem as multipliers these are the choices of its linear
    relaxation, instance by instance, so the rule applies to instances that were not in it. Equally
    good plans: the one that spends least.

    Parameters
    ----------
    plans : sequence of str, length J
        Labels.
    prices : mapping row label -> float
        ``"spend"`` is lambda, value per currency unit, not negative. Others are mu_r, value per
        unit of their row; negative where the row asks for *at least* so much.
    units : mapping row label -> str, optional
        Of the prices, for display.
    value : str
        What v measures, for display.

    Raises
    ------
    InputError
        If there is no plan, a label is repeated, or a price is not a finite number.

    Examples
    --------
    >>> policy = RoutingPolicy(["small", "large"], {"spend": 10.0})
    >>> policy.choose([[0.5, 0.9], [0.5, 0.6]], [[0.01, 0.03], [0.01, 0.03]]).tolist()
    [1, 0]
    """

    plans: tuple[str, ...]
    prices: Mapping[str, float]
    units: Mapping[str, str] = field(default_factory=dict)
    value: str = "solve probability"

    def __post_init__(self) -> None:
        plans = labels_of(self.plans, "plans")
        if not plans or len(set(plans)) < len(plans):
            raise InputError(f"plans must be different labels, at least one; not {plans!r}.")
        for label, price in self.prices.items():
            if not np.isfinite(price) or (label == SPEND and price < 0):
                raise InputError(
                    f"the price of {label!r} is {price!r}. Give a finite number"
                    f"{', 0 or more' if label == SPEND else ''}."
                )
        object.__setattr__(self, "plans", plans)
        object.__setattr__(self, "prices", {k: float(p) for k, p in self.prices.items()})

    @classmethod
    def fit(
        cls,
        plans: Sequence[str],
        value: npt.ArrayLike,
        spend: npt.ArrayLike,
        budget: float,
        currency: str = "USD",
    ) -> RoutingPolicy:
        """Return the policy at the shadow price of one budget over known instances.

        Parameters
        ----------
        plans : sequence of str, length J
        value, spend : float array [N, J]
            Of earlier instances, predicted or known; -inf in ``value`` where a plan is not offered.
        budget : float, currency units over these N instances
        currency : str

        Raises
        ------
        InputError
            If the arrays cannot be used.
        InfeasibleError
            If the cheapest plans together cost more than the budget.
        """
        worth, cost = pair(value, spend, len(labels_of(plans, "plans")))
        price = shadow_price(worth, cost, budget)
        if price is None:
            least = float(np.where(np.isfinite(worth), cost, np.inf).min(axis=1).sum())
            raise InfeasibleError(
                f"a budget of {budget:g} does not pay for {len(worth)} instances: the cheapest"
                f" plans cost {least:g} together. Raise the budget, or offer a plan that abstains."
            )
        return cls(tuple(plans), {SPEND: price}, {SPEND: f"solve probability per {currency}"})

    @property
    def price(self) -> float:
        """The multiplier on spend; 0 without a budget."""
        return self.prices.get(SPEND, 0.0)

    @property
    def rule(self) -> str:
        """The rule in words."""
        scarce = [
            f"{number(abs(price))} × {label}"
            if label == SPEND
            else f"{number(abs(price))} × use of {label}"
            for label, price in self.prices.items()
            if price
        ]
        signs = ["-" if price > 0 else "+" for price in self.prices.values() if price]
        cost = "".join(f" {sign} {term}" for sign, term in zip(signs, scarce, strict=True))
        text = f"serve with the plan of largest {self.value}{cost}; of equals with the cheapest"
        if len(self.plans) == 2 and scarce == [f"{number(self.price)} × {SPEND}"]:
            text += (
                f". That is: the dearer of {self.plans[0]} and {self.plans[1]} where it adds more"
                f" than {number(self.price)} {self.value} per unit of extra spend"
            )
        return text

    def choose(
        self,
        value: npt.ArrayLike,
        spend: npt.ArrayLike,
        rows: Mapping[str, npt.ArrayLike] | None = None,
    ) -> IntArray:
        """Return who serves each instance.

        Parameters
        ----------
        value, spend : float array [N, J]
            Predicted (or known) value and spend of every plan; float32 or float64. -inf in
            ``value`` where a plan is not offered.
        rows : mapping row label -> float array, broadcast to [N, J]
            Use of each other priced row, such as attempts of a model with a capacity.

        Returns
        -------
        int array [N]
            Index into ``plans``.

        Raises
        ------
        InputError
            If shapes do not fit, numbers are missing, an instance is offered no plan, or the use of
            a priced row is not given.
        """
        worth, cost = pair(value, spend, len(self.plans))
        reduced = worth - self.price * cost
        given = dict(rows or {})
        unknown = [label for label in given if label not in self.prices or label == SPEND]
        if unknown:
            raise InputError(f"no price for the row {unknown[0]!r}; priced: {self._labels()}.")
        for label, price in self.prices.items():
            if label == SPEND or price == 0:
                continue
            if label not in given:
                raise InputError(
                    f"the row {label!r} has a price, so choose needs its use: rows={{{label!r}:"
                    " array [N, J]}}."
                )
            use = np.asarray(given[label], dtype=float)
            if not np.isfinite(use).all():
                raise InputError(f"the use of the row {label!r} has missing or infinite numbers.")
            try:
                reduced = reduced - price * np.broadcast_to(use, worth.shape)
            except ValueError:
                raise InputError(
                    f"the use of the row {label!r} has shape {use.shape}, which does not fit"
                    f" {worth.shape} (instances x plans)."
                ) from None
        best = reduced.max(axis=1, keepdims=True)
        chosen: IntArray = np.where(reduced == best, cost, np.inf).argmin(axis=1)
        return chosen

    def _labels(self) -> str:
        return ", ".join(map(repr, self.prices)) or "none"

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as plain Python values, ready for JSON."""
        return {
            "plans": list(self.plans),
            "prices": dict(self.prices),
            "units": dict(self.units),
            "value": self.value,
            "rule": self.rule,
        }

    def table(self) -> TextTable:
        """Return the table shown in terminals and notebooks."""
        rows = [
            (label, number(price), self.units.get(label, ""))
            for label, price in self.prices.items()
        ]
        return TextTable(
            f"Routing policy over {', '.join(self.plans)}",
            ("row", "price", "unit"),
            rows,
            f"Rule: {self.rule}.",
        )


def shadow_price(value: FloatArray, spend: FloatArray, budget: float) -> float | None:
    """Return the gain in total value per unit of a budget, of the linear relaxation.

    None if the cheapest plans already cost more than the budget.
    """
    offered = np.isfinite(value)
    block = Block(0, (value, spend), offered=None if offered.all() else offered)
    # Quantities are one, value and spend; the objective takes the second, the row the third.
    objective, row = np.zeros((2, 3, 1, value.shape[1]))
    objective[1], row[2] = 1.0, 1.0
    program = AssignmentProgram(
        Arrays(block), objective, row[None], np.ones(1), np.array([budget]), maximise=True
    )
    priced = one_row.price(program)
    return None if priced is None else priced.price


def pair(
    value: npt.ArrayLike,
    spend: npt.ArrayLike,
    plans: int,
    names: tuple[str, str] = ("value", "spend"),
) -> tuple[FloatArray, FloatArray]:
    """Return checked arrays [N, J] of value (finite, or -inf where not offered) and spend.

    ``names`` is what they are called in messages.

    Raises
    ------
    InputError
        If they are not.
    """
    arrays: list[FloatArray] = []
    for what, given in zip(names, (value, spend), strict=True):
        try:
            array = np.asarray(given)
            array = array if array.dtype.kind == "f" else array.astype(float)
        except (TypeError, ValueError):
            raise InputError(f"{what} is not an array of numbers.") from None
        if array.ndim != 2 or array.shape[1] != plans or not len(array):
            raise InputError(
                f"{what} has shape {array.shape}; expected instances x {plans} plans, at least one"
                " instance."
            )
        arrays.append(array)
    worth, cost = arrays
    if worth.shape != cost.shape:
        raise InputError(f"{names[0]} has shape {worth.shape}, but {names[1]} {cost.shape}.")
    # One pass where nothing is wrong: sums show NaN and infinity.
    with np.errstate(invalid="ignore", over="ignore"):
        fine = np.isfinite(worth.sum()) and np.isfinite(cost.sum()) and cost.min() >= 0
    if not fine:
        offered = np.isfinite(worth)
        for wrong, text in (
            (np.isnan(worth) | np.isposinf(worth), f"{names[0]} is missing or infinite"),
            (~np.isfinite(cost) | (cost < 0), f"{names[1]} is missing, infinite or negative"),
            (~offered.any(axis=1, keepdims=True), f"no plan is offered (every {names[0]} is -inf)"),
        ):
            if wrong.any():
                row, column = (int(where[0]) for where in np.nonzero(wrong))
                place = (
                    f"instance {row}" if wrong.shape[1] == 1 else f"instance {row}, plan {column}"
                )
                raise InputError(f"{place}: {text}.")
    return worth, cost
