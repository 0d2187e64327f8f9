"""Instances that arrive one by one, and the rules that serve them.

Shadow prices are a rule for instances that nobody has seen before: a fixed multiplier, one that
adapts, or a fixed threshold. Hindsight says the most that anyone could have made of the arrivals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from arbmodels import _checks as check
from arbmodels._assignment import Arrays, AssignmentProgram, Block, multiple_choice_knapsack
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, number
from arbmodels.errors import InfeasibleError, InputError
from arbmodels.plans import Plan

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: The row of the budget; other rows are called as in the routing problem.
SPEND = "spend"
#: The plan that buys nothing.
ABSTAIN = Plan().label


@dataclass(frozen=True, eq=False)
class Use:
    """A part of what one instance of weight one would add to a row, for each plan.

    The product of a quantity of the pair, a factor of the plan, and factors of the instance's
    labels.

    Attributes
    ----------
    quantity : str
        "solve", "spend" or another that a plan table has; "" is one.
    plan : float array [J]
    where : mapping partition -> {label: factor}
        0 for labels that are not named.
    """

    quantity: str
    plan: FloatArray
    where: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Seen(Displayed):
    """What a policy sees of N instances, columns in the order of its plans.

    Attributes
    ----------
    index : Index, length N
    value, spend : float array [N, J]
        Solve probability and spend of an instance of weight one.
    offered : bool array [N, J] or None
    rows : mapping row label -> float array, broadcast to [N, J]
    """

    index: pd.Index[Any]
    value: FloatArray
    spend: FloatArray
    offered: BoolArray | None
    rows: Mapping[str, FloatArray]


@runtime_checkable
class Instances(Protocol):
    """What knows its instances' values, spends and use of rows: a routing problem."""

    def seen_by(self, policy: RoutingPolicy, /) -> Seen:
        """Return them."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class RoutingPolicy(Displayed):
    r"""Serve an instance with the plan whose value is largest after its use of scarce rows is paid.

    .. math:: x_i = \arg\max_j \; v_{ij} - \lambda c_{ij} - \sum_r \mu_r a_{rij}

    With the shadow prices of a routing problem as multipliers these are the choices of its linear
    relaxation, instance by instance, so the rule applies to instances that were not in it. Equally
    good plans: the one that spends least. All quantities are those of one instance of weight one.

    Parameters
    ----------
    plans : sequence of str, length J
        Labels. "abstain" buys nothing.
    prices : mapping row label -> float
        ``"spend"`` is lambda, value per currency unit, not negative. Others are mu_r, value per
        unit of their row; negative where the row asks for *at least* so much.
    units : mapping row label -> str, optional
        Of the prices, for display.
    value : str
        What v measures, for display.
    uses : mapping row label -> parts, optional
        How the policy computes the use of a row itself; a routing result's policy has them.

    Raises
    ------
    InputError
        If there is no plan, a label is repeated, or a price is not a finite number.

    Examples
    --------
    >>> policy = RoutingPolicy(["small", "large"], {"spend": 10.0})
    >>> policy.choose([[0.5, 0.9], [0.5, 0.6]], [[0.01, 0.03], [0.01, 0.03]]).tolist()
    ['large', 'small']
    """

    plans: tuple[str, ...]
    prices: Mapping[str, float]
    units: Mapping[str, str] = field(default_factory=dict)
    value: str = "solve probability"
    uses: Mapping[str, tuple[Use, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plans = check.names_of(self.plans, "plans")
        if not plans:
            raise InputError("plans must be different labels, at least one.")
        prices = {}
        for label, given in check.mapping_of(self.prices, "prices").items():
            name = check.text_of(label, "A row of prices")
            price = check.number_of(given, f"price of {name!r}")
            if not abs(price) <= check.LARGEST or (name == SPEND and price < 0):
                raise InputError(
                    f"the price of {name!r} is {price:g}. Give a finite number"
                    f"{', 0 or more' if name == SPEND else ''}."
                )
            prices[name] = price
        object.__setattr__(self, "plans", plans)
        object.__setattr__(self, "prices", prices)

    @classmethod
    def fit(
        cls,
        plans: Sequence[str],
        value: npt.ArrayLike,
        spend: npt.ArrayLike,
        budget: float,
        currency: str = "USD",
        *,
        offered: npt.ArrayLike | None = None,
    ) -> RoutingPolicy:
        """Return the policy at the shadow price of one budget over known instances.

        Parameters
        ----------
        plans : sequence of str, length J
        value, spend : float array [N, J]
            Of earlier instances, predicted or known; frames are matched by their labels.
        budget : float, currency units over these N instances
        currency : str
        offered : bool array [N, J], optional
            Pairs that may be chosen; all by default, but for those that are masked.

        Raises
        ------
        InputError
            If the arrays cannot be used.
        InfeasibleError
            If the cheapest plans together cost more than the budget.
        """
        amount = check.number_of(budget, "budget", 0, check.LARGEST, "an amount")
        names = check.names_of(plans, "plans")
        seen = read(names, value, spend, offered)
        price = shadow_price(worth_of(seen), seen.spend, amount)
        if price is None:
            there = True if seen.offered is None else seen.offered
            least = np.where(there, seen.spend, np.inf).min(axis=1)
            raise InfeasibleError(
                f"a budget of {amount:g} does not pay for {len(seen.index)} instances: the cheapest"
                f" plans cost {float(least.sum()):g} together. Raise the budget, or"
                " offer a plan that abstains."
            )
        unit = f"solve probability per {check.text_of(currency, 'currency')}"
        return cls(names, {SPEND: price}, {SPEND: unit})

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
        value: npt.ArrayLike | Instances,
        spend: npt.ArrayLike | None = None,
        rows: Mapping[str, npt.ArrayLike] | None = None,
        *,
        offered: npt.ArrayLike | None = None,
    ) -> pd.Series[Any]:
        """Return who serves each instance.

        Parameters
        ----------
        value : float array [N, J], or RoutingProblem
            Predicted (or known) value of every plan on one instance of weight one; float32 or
            float64. A problem with the same plans has everything: values, spends, what is offered
            or forbidden, and the use of all rows.
        spend : float array [N, J], currency units per instance
            With arrays, the plan that abstains may be left out. DataFrames are matched by their
            labels; a plan that is one attempt of a model may go by the model's name.
        rows : mapping row label -> float array, broadcast to [N, J]
            Use of each other priced row, such as attempts of a model with a capacity, where the
            policy cannot compute it itself from arrays.
        offered : bool array [N, J], optional
            Pairs that may be chosen; all by default, but for those that are masked.

        Returns
        -------
        Series, length N
            Labels of plans, by instance.

        Raises
        ------
        InputError
            If shapes do not fit, numbers are missing, an instance is offered no plan, or the use of
            a priced row is not given.
        """
        if isinstance(value, Instances):
            if spend is not None or rows is not None or offered is not None:
                raise InputError("A problem has its spends, rows and offers; give it alone.")
            seen = value.seen_by(self)
        elif spend is None:
            raise InputError("Give value and spend of every plan, or a routing problem.")
        else:
            seen = read(self.plans, value, spend, offered, rows)
        chosen = self.positions(worth_of(seen), seen.spend, self._rows(seen))
        plans = np.array(self.plans, dtype=object)
        return pd.Series(plans[chosen], index=seen.index, name="plan", dtype=object)

    def positions(
        self, worth: FloatArray, cost: FloatArray, rows: Mapping[str, FloatArray] | None = None
    ) -> IntArray:
        """Return who serves each instance as positions of plans; arrays are not looked at.

        Parameters
        ----------
        worth, cost : float array [N, J]
            ``worth`` is -inf where a plan is not offered.
        rows : mapping row label -> float array, broadcast to [N, J]
        """
        reduced = worth - self.price * cost
        for label, use in (rows or {}).items():
            reduced = reduced - self.prices[label] * use
        best = reduced.max(axis=1, keepdims=True)
        chosen: IntArray = np.where(reduced == best, cost, np.inf).argmin(axis=1)
        return chosen

    def _rows(self, seen: Seen) -> dict[str, FloatArray]:
        """Return the use of every priced row: as given, or computed."""
        unknown = [label for label in seen.rows if label not in self.prices or label == SPEND]
        if unknown:
            raise InputError(
                f"no price for the row {check.shown(unknown[0])}; priced: {self._labels()}."
            )
        rows = {}
        for label, price in self.prices.items():
            if label == SPEND or price == 0:
                continue
            if label in seen.rows:
                rows[label] = self._given(label, seen)
                continue
            own = {"": np.ones(1), "solve": seen.value, "spend": seen.spend}
            parts = self.uses.get(label, ())
            if not parts or any(part.where or part.quantity not in own for part in parts):
                raise InputError(
                    f"the row {label!r} has a price, so choose needs its use: rows={{{label!r}:"
                    " array [N, J]}, or choose(problem), which has it."
                )
            rows[label] = sum((own[part.quantity] * part.plan for part in parts), np.zeros(1))
        return rows

    def _given(self, label: str, seen: Seen) -> FloatArray:
        use = check.numbers_of(seen.rows[label], f"the use of the row {label!r}")
        if not (np.abs(use) <= check.LARGEST).all():
            raise InputError(f"the use of the row {label!r} has missing or infinite numbers.")
        try:
            fits = np.broadcast_shapes(use.shape, seen.value.shape) == seen.value.shape
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"the use of the row {label!r} has shape {use.shape}, which does not fit"
                f" {seen.value.shape} (instances x plans)."
            )
        return use

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

    ``value`` is -inf where a plan is not offered. None if the cheapest plans already cost more than
    the budget.
    """
    offered = np.isfinite(value)
    block = Block(0, (value, spend), offered=None if offered.all() else offered)
    # Quantities are one, value and spend; the objective takes the second, the row the third.
    objective, row = np.zeros((2, 3, 1, value.shape[1]))
    objective[1], row[2] = 1.0, 1.0
    program = AssignmentProgram(
        Arrays(block), objective, row[None], np.ones(1), np.array([budget]), maximize=True
    )
    priced = multiple_choice_knapsack.price(program)
    return None if priced is None else priced.price


def worth_of(seen: Seen) -> FloatArray:
    """Return values, -inf where a plan is not offered."""
    return seen.value if seen.offered is None else np.where(seen.offered, seen.value, -np.inf)


def read(
    plans: tuple[str, ...],
    value: Any,
    spend: Any,
    offered: Any = None,
    rows: Mapping[str, Any] | None = None,
    *,
    names: tuple[str, str] = ("value", "spend"),
) -> Seen:
    """Return checked arrays of values and spends, in the order of some plans.

    ``names`` is what they are called in messages.

    Raises
    ------
    InputError
        If shapes do not fit, a number at an offered pair is missing, or an instance is offered no
        plan.
    """
    given = {} if rows is None else check.mapping_of(rows, "rows")
    tables = {names[0]: value, names[1]: spend, "offered": offered, **given}
    frames = [each for each in tables.values() if isinstance(each, pd.DataFrame)]
    index = frames[0].index if frames else None
    tables = {what: _placed(each, plans, index, what) for what, each in tables.items()}
    masks, arrays = [], []
    for what in names:
        values = tables[what]
        if isinstance(values, np.ma.MaskedArray):
            masks.append(~np.ma.getmaskarray(values))
            values = values.data
        arrays.append(check.numbers_of(values, what, booleans=what != names[1]))
    if offered is not None:
        masks.append(_flags(tables["offered"]))
    short = len(plans) - 1 if ABSTAIN in plans else len(plans)
    for what, array in (*zip(names, arrays, strict=True), *(("offered", mask) for mask in masks)):
        if array.ndim != 2 or array.shape[1] not in (len(plans), short) or not len(array):
            raise InputError(
                f"{what} has shape {array.shape}; expected instances x {len(plans)} plans, at least"
                " one instance."
            )
    worth, cost = (_with_abstaining(array, plans, 0.0) for array in arrays)
    masks = [_with_abstaining(mask, plans, True) for mask in masks]
    for what, array in ((names[1], cost), *(("offered", mask) for mask in masks)):
        if worth.shape != array.shape:
            raise InputError(f"{names[0]} has shape {worth.shape}, but {what} {array.shape}.")
    there = np.logical_and.reduce(masks) if masks else None
    _check_numbers(worth, cost, there, names)
    index = pd.RangeIndex(len(worth)) if index is None else index
    return Seen(index, worth, cost, there, {label: tables[label] for label in given})


def _flags(offered: Any) -> BoolArray:
    try:
        mask = np.asarray(offered)
    except (TypeError, ValueError):
        raise InputError("offered is not a rectangular array of True and False.") from None
    if mask.dtype != np.bool_ or np.ma.is_masked(offered):
        raise InputError(f"offered is of {mask.dtype}; give True or False for each pair.")
    return mask


def _placed(values: Any, plans: tuple[str, ...], index: pd.Index[Any] | None, what: str) -> Any:
    """Return a frame in the order of the plans and of the first frame's rows.

    A Series has one number for each plan.
    """
    if not isinstance(values, pd.DataFrame | pd.Series):
        return values
    axis = values.ndim - 1
    if axis and index is not None:
        values = check.aligned(values, {0: (index, "instance")}, what, numbered=False)
    columns = values.axes[axis]
    if check.is_numbered(columns):
        return values
    one = {label.removeprefix("1 x "): label for label in plans}
    names = [one.get(check.label_of(name), name) for name in columns]
    kept = [plan for plan in plans if plan != ABSTAIN or plan in names]
    return check.aligned(values.set_axis(names, axis=axis), {axis: (kept, "plan")}, what)


def _with_abstaining(array: Any, plans: tuple[str, ...], fill: float) -> Any:
    """Return columns for all plans, where the one that abstains was left out."""
    if array.shape[1] == len(plans):
        return array
    return np.insert(array, plans.index(ABSTAIN), fill, axis=1)


def _check_numbers(
    worth: FloatArray, cost: FloatArray, offered: BoolArray | None, names: tuple[str, str]
) -> None:
    """Raise InputError with the place of the first wrong number at an offered pair."""
    # One pass where nothing is wrong: sums show NaN and infinity.
    with np.errstate(invalid="ignore", over="ignore"):
        fine = np.isfinite(worth.sum()) and np.isfinite(cost.sum()) and cost.min() >= 0
    if fine and offered is None:
        return
    every = np.ones(worth.shape, dtype=bool) if offered is None else offered
    hint = "; where a plan is not offered, say so in offered="
    for wrong, text in (
        (every & ~(np.abs(worth) <= check.LARGEST), f"{names[0]} is missing or infinite{hint}"),
        (
            every & ~((cost >= 0) & (cost <= check.LARGEST)),
            f"{names[1]} is missing, infinite or negative{hint}",
        ),
        (~every.any(axis=1, keepdims=True), "no plan is offered"),
    ):
        if wrong.any():
            row, column = (int(where[0]) for where in np.nonzero(wrong))
            place = f"instance {row}" if wrong.shape[1] == 1 else f"instance {row}, plan {column}"
            raise InputError(f"{place}: {text}.")


@dataclass(frozen=True, eq=False, repr=False)
class Arrivals(Displayed):
    """A stream of T instances, in their order.

    Parameters
    ----------
    plans : sequence of str, length J
        Labels.
    value, spend : float array [T, J]
        What a policy sees when the instance arrives: predicted outcome (solve probability, or
        score) and spend. Frames
        are matched by their labels.
    outcome : float array [T, J], optional
        What serving with the plan really yields (1 solved, 0 not); ``value`` by default.
    paid : float array [T, J], currency units, optional
        The bill, which the budget has to cover; ``spend`` by default. It is known before it is run
        up (posted prices, or a cap on the answer's length), so that it can be refused.
    currency : str
    offered : bool array [T, J], optional
        Pairs that may be chosen; all by default, but for those that are masked. A plan that is not
        offered yields nothing, whatever the record says.

    Raises
    ------
    InputError
        If the arrays cannot be used.
    """

    plans: tuple[str, ...]
    value: FloatArray
    spend: FloatArray
    outcome: FloatArray = field(default=None)  # type: ignore[arg-type]
    paid: FloatArray = field(default=None)  # type: ignore[arg-type]
    currency: str = "USD"
    offered: BoolArray | None = None

    def __post_init__(self) -> None:
        plans = check.names_of(self.plans, "plans")
        seen = read(plans, self.value, self.spend, self.offered)
        outcome = self.value if self.outcome is None else self.outcome
        paid = self.spend if self.paid is None else self.paid
        real = read(plans, outcome, paid, seen.offered, names=("outcome", "paid"))
        if real.value.shape != seen.value.shape:
            raise InputError(f"outcome has shape {real.value.shape}, but value {seen.value.shape}.")
        for what, array in (
            ("plans", plans),
            ("value", seen.value),
            ("spend", seen.spend),
            ("outcome", real.value),
            ("paid", real.spend),
            ("offered", real.offered),
        ):
            object.__setattr__(self, what, array)

    def __len__(self) -> int:
        return len(self.value)

    def reordered(self, order: npt.ArrayLike) -> Arrivals:
        """Return the instances ``order`` (positions), in that order."""
        rows = check.numbers_of(order, "order", 1)
        if not (len(rows) and (rows == np.rint(rows)).all() and rows.min() >= 0):
            raise InputError("order must be positions of instances, whole numbers from 0.")
        if rows.max() >= len(self):
            raise InputError(f"order has {rows.max():g}; there are {len(self)} instances.")
        rows = rows.astype(np.int64)
        return replace(
            self,
            value=self.value[rows],
            spend=self.spend[rows],
            outcome=self.outcome[rows],
            paid=self.paid[rows],
            offered=None if self.offered is None else self.offered[rows],
        )

    def worth(self, *, real: bool = False) -> FloatArray:
        """Return values (or outcomes), -inf where a plan is not offered, [T, J]."""
        seen = Seen(pd.RangeIndex(len(self)), self.value, self.spend, self.offered, {})
        return worth_of(replace(seen, value=self.outcome) if real else seen)

    @property
    def cheapest(self) -> npt.NDArray[np.int64]:
        """The plan with the lowest bill among those offered, [T]."""
        bills = self.paid if self.offered is None else np.where(self.offered, self.paid, np.inf)
        plan: npt.NDArray[np.int64] = bills.argmin(axis=1)
        return plan

    def bound(self, budget: float, *, oracle: bool = False) -> float:
        r"""Return the total value that no policy exceeds, even one that knows all arrivals.

        For every multiplier, and so for the best one,

        .. math:: \lambda B + \sum_t \max(0, \max_j v_{tj} - \lambda q_{tj})

        bounds what any choice with bills q of at most B can reach; 0 stands for not serving.

        Parameters
        ----------
        budget : float, currency units
        oracle : bool
            Count real outcomes, which nobody knows beforehand, instead of predicted values.
        """
        budget = check.number_of(budget, "budget", 0, check.LARGEST, "an amount")
        value = self.worth(real=check.flag_of(oracle, "oracle")).astype(float)
        nothing = np.zeros((len(value), 1))
        worth, bill = np.hstack([value, nothing]), np.hstack([self.paid.astype(float), nothing])
        price = shadow_price(worth, bill, budget) or 0.0
        return float(price * budget + (worth - price * bill).max(axis=1).sum())


#: Fewer known instances than this say too little about the multiplier.
_ENOUGH = 30
#: Known instances that a multiplier is found on; of more, every k-th is used.
_SAMPLE = 20_000


@dataclass(frozen=True, eq=False)
class Known:
    """What is known at an update, and nothing of what is to come.

    Attributes
    ----------
    value, spend : float array [K, J]
        Of the history and the arrivals seen; -inf in ``value`` where a plan is not offered.
    left : float, currency units
        What is left of the budget.
    remaining : int
        Arrivals to come.
    """

    value: FloatArray
    spend: FloatArray
    left: float
    remaining: int


class Chooser(Protocol):
    """Who serves each instance, until the next update."""

    def positions(self, worth: FloatArray, cost: FloatArray, /) -> IntArray:
        """Return the plan of each instance, a position, from what is seen on arrival, [N, J] each.

        ``worth`` is -inf where a plan is not offered.
        """
        ...


class Rule(Protocol):
    """A way to serve arrivals with what is known so far."""

    @property
    def name(self) -> str:
        """Shown in tables and figures."""

    def update(self, known: Known, /) -> tuple[Chooser, float]:
        """Return who serves what from now on, and the multiplier (NaN if the rule has none)."""


@dataclass(frozen=True, repr=False)
class FixedPrice(Displayed):
    """One multiplier for the whole horizon: the policy as it is.

    References
    ----------
    Talluri, van Ryzin, *An analysis of bid-price controls for network revenue management*,
    Management Science 44 (1998).
    """

    policy: RoutingPolicy

    def __post_init__(self) -> None:
        _only_spend(self.policy)

    @property
    def name(self) -> str:
        """Shown in tables and figures."""
        return "fixed multiplier"

    def update(self, _: Known, /) -> tuple[Chooser, float]:
        """Return the policy, whatever was seen."""
        return self.policy, self.policy.price


@dataclass(frozen=True, repr=False)
class AdaptivePrice(Displayed):
    """Find the multiplier again and again, on all instances known, for what is left of the budget.

    At every update the multiplier is the shadow price of a budget of left / remaining per instance
    over the history and the arrivals seen so far. On the RouteLLM questions this loses less of the
    attainable gain than gradient steps on the multiplier (dual descent, Balseiro, Lu, Mirrokni
    2020), in random order and in most drifting ones: their steps are either too small for a start
    from wrong prices or too large to settle. Where arrivals drift and a representative history is
    at hand, a fixed price loses less than either (``benchmarks/online_policies.py``).

    Parameters
    ----------
    policy : RoutingPolicy
        Where to start, until 30 instances are known.

    References
    ----------
    Agrawal, Wang, Ye, *A dynamic near-optimal algorithm for online linear programming*, Operations
    Research 62 (2014).
    """

    policy: RoutingPolicy

    def __post_init__(self) -> None:
        _only_spend(self.policy)

    @property
    def name(self) -> str:
        """Shown in tables and figures."""
        return "adaptive multiplier"

    def update(self, known: Known, /) -> tuple[Chooser, float]:
        """Return the policy at the multiplier found anew."""
        if len(known.value) < _ENOUGH:
            return self.policy, self.policy.price
        every = -(-len(known.value) // _SAMPLE)
        value, spend = known.value[::every], known.spend[::every]
        price = shadow_price(value, spend, max(known.left, 0.0) / known.remaining * len(value))
        if price is None:
            return _Cheapest(), float("inf")
        return RoutingPolicy(self.policy.plans, {SPEND: price}), price


@dataclass(frozen=True, repr=False)
class FixedThreshold(Displayed):
    """One plan where it adds more than a threshold to another's value, whatever the costs.

    Parameters
    ----------
    cheap, dear : int
        Columns of the two plans.
    threshold : float
        Of the predicted gain in value.
    """

    cheap: int
    dear: int
    threshold: float

    @classmethod
    def fit(cls, known: Arrivals, budget: float) -> FixedThreshold:
        """Return the lowest threshold with which serving the known instances keeps to a budget.

        Between the plan that is cheapest and the plan that is worth most, in total.

        Parameters
        ----------
        known : Arrivals
        budget : float, currency units over the known instances

        Raises
        ------
        InputError
            If a plan is not offered everywhere, or one is both the cheapest and worth most.
        """
        value, paid = known.worth().astype(float), known.paid.astype(float)
        budget = check.number_of(budget, "budget", 0, check.LARGEST, "an amount")
        if not np.isfinite(value).all():
            raise InputError(
                "a threshold compares two plans; every plan must be offered everywhere."
            )
        cheap, dear = int(paid.sum(axis=0).argmin()), int(value.sum(axis=0).argmax())
        if cheap == dear:
            raise InputError(
                f"{known.plans[cheap]} is the cheapest and worth most: there is nothing to route."
            )
        gain = value[:, dear] - value[:, cheap]
        order = np.argsort(-gain, kind="stable")
        total = paid[:, cheap].sum() + np.cumsum((paid[:, dear] - paid[:, cheap])[order])
        over = np.flatnonzero(total > budget)
        threshold = -np.inf if not len(over) else float(gain[order[over[0]]])
        return cls(cheap, dear, threshold)

    @property
    def name(self) -> str:
        """Shown in tables and figures."""
        return "fixed threshold"

    def positions(self, value: FloatArray, _: FloatArray, /) -> IntArray:
        """Return the plan of each instance, a position."""
        gain = value[:, self.dear] - value[:, self.cheap]
        chosen: IntArray = np.where(gain > self.threshold, self.dear, self.cheap)
        return chosen

    def update(self, _: Known, /) -> tuple[Chooser, float]:
        """Return the rule, whatever was seen."""
        return self, float("nan")


class _Cheapest:
    """The cheapest plan, where what is left does not even pay for that."""

    def positions(self, value: FloatArray, spend: FloatArray, /) -> IntArray:
        plan: IntArray = np.where(np.isfinite(value), spend, np.inf).argmin(axis=1)
        return plan


def _only_spend(policy: RoutingPolicy) -> None:
    others = [label for label, price in policy.prices.items() if label != SPEND and price]
    if others:
        raise InputError(
            f"the policy also prices {', '.join(map(repr, others))}; arrivals are served under a"
            " budget only. Use choose with rows, or a policy of the budget alone."
        )
