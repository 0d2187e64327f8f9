"""What every plan would do on every instance: the numbers that routing programs are made of.

The instances are known in parts: by a label (segments, periods), or as groups that get a plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from arbmodels._assignment.program import BoolArray, FloatArray, IntArray, Quantity, Source
from arbmodels._checks import (
    LABEL,
    MOST,
    aligned,
    coded,
    index_of,
    is_label,
    label_of,
    mapping_of,
    shown,
)
from arbmodels._pandas import pandas_loaded, pd
from arbmodels.display import Displayed, number, percent
from arbmodels.errors import InputError
from arbmodels.market import Market, Outcome
from arbmodels.plans import Plan

#: One label per instance.
Labeled = Sequence[object] | npt.NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class Labels(Displayed):
    """A partition of the instances by a label known before they are served.

    Attributes
    ----------
    names : tuple of str, length L
        Sorted.
    codes : int array [N]
        Index into ``names``.
    """

    names: tuple[str, ...]
    codes: IntArray


@dataclass(frozen=True, eq=False)
class Pool:
    """Estimates of groups whose instances do not all have a record of every plan.

    A pair without a record counts as the weighted mean of the group's pairs that have one, as if
    records were missing at random.

    Attributes
    ----------
    of_instance : int array [N]
        Group of each instance, of G.
    recorded : bool array [N, J]
    weights : float array [N]
    names : sequence, length G
    """

    of_instance: IntArray
    recorded: BoolArray
    weights: FloatArray
    names: Labeled

    @cached_property
    def known(self) -> FloatArray:
        """How often the instances of each group that have a record count together, [G, J]."""
        return self.total(np.ones(self.recorded.shape))

    @property
    def filled(self) -> BoolArray:
        """Pairs that have no record, in a group where others have, [N, J]."""
        filled: BoolArray = ~self.recorded & (self.known[self.of_instance] > 0)
        return filled

    def total(self, values: Quantity) -> FloatArray:
        """Return the weighted sum of a quantity [N, J] over each group's recorded pairs, [G, J]."""
        weighted = np.where(self.recorded, values, 0.0) * self.weights[:, None]
        total = np.zeros((len(self.names), values.shape[1]))
        np.add.at(total, self.of_instance, weighted)
        return total

    def fill(self, values: Quantity) -> Quantity:
        """Return a quantity [N, J] with means in the place of what was not recorded."""
        with np.errstate(invalid="ignore"):
            mean = self.total(values) / self.known
        result: Quantity = np.where(self.filled, mean[self.of_instance], values)
        return result

    def of_plan(self, j: int) -> Pool:
        """Return the pool of a quantity [N, M] of one plan."""
        return replace(self, recorded=self.recorded[:, [j]])

    def without_common(self, buys: BoolArray) -> int | None:
        """Return a group with several plans that buy and have records, but no instance in common.

        Parameters
        ----------
        buys : bool array [J]
        """
        there = (self.known > 0) & buys
        complete = (self.recorded | ~there[self.of_instance]).all(axis=1)
        common = np.bincount(self.of_instance, complete, len(self.names)) > 0
        lonely = np.flatnonzero(~common & (there.sum(axis=1) > 1))
        return int(lonely[0]) if len(lonely) else None


@dataclass(frozen=True, eq=False)
class Groups:
    """What gets a plan: instances, segments, or everything.

    Attributes
    ----------
    names : sequence, length G
    of_instance : int array [N] or None
        Index into ``names``; None where every instance is a group of its own.
    offered : bool array [G, J] or None
        Plans offered to all instances of the group; all if None.
    """

    names: Labeled
    of_instance: IntArray | None
    offered: BoolArray | None


def factorized(values: Labeled, what: str, size: int) -> Labels:
    """Return labels of N instances as sorted names and codes.

    Raises
    ------
    InputError
        If there are not N of them, or one is missing, blank or ambiguous as text.
    """
    return Labels(*coded(values, what, size))


def providers_of(models: Sequence[str], providers: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return who sells each model: itself where nobody is named.

    Raises
    ------
    InputError
        If a model is named that there is not, or a provider's name is blank.
    """
    given = {} if providers is None else mapping_of(providers, "providers")
    unknown = [model for model in given if model not in models]
    if unknown:
        raise InputError(f"providers names {unknown[0]!r}, which is no model here.")
    sellers = tuple(label_of(given.get(model, model)) for model in models)
    for model, seller in zip(models, sellers, strict=True):
        if not is_label(seller):
            raise InputError(f"The provider of {model} is {seller!r}; it must be {LABEL}.")
    return sellers


#: Where the numbers of a table come from.
Basis = Literal["record", "predicted", "given"]


@dataclass(frozen=True, eq=False)
class PlanTable:
    """N instances by J plans.

    The arrays are those that were given, in their own precision; nothing is copied. They have
    J' <= J columns: plans beyond them abstain, and have zero of everything.

    Attributes
    ----------
    name, currency : str
    models : tuple of str, length M
    providers : tuple of str, length M
        Who sells each model.
    plans : tuple of Plan, length J
    instances : sequence, length N
        Labels; a range where none were given.
    solve : float array [N, J']
        Probability that the plan solves the instance.
    spend : float array [N, J'], currency units
        Expected spend.
    offered : bool array [N, J'] or None
        Pairs that may be chosen; all if None. Numbers of the others are never looked at.
    billing : str
        Estimator and billing in words.
    basis : {"record", "predicted", "given"}
        What the numbers are: the instances' own recorded attempts, predictions made without them,
        or whatever was given.
    weights : float array [N] or None
        N w[i] with w summing to one, how often an instance counts in a total; all one if None.
    partitions : dict of Labels
        "segment", "period".
    tried : float array [J] or [N, J']
        Expected attempts of all models together, per plan or per pair.
    latency : float array [J] or [N, J'] or None, seconds
    split : dict
        Position of a plan with several models -> expected spend [N, M] and attempts [N, M] on
        each.
    market : Market or None
        Where the numbers come from, if from a market.
    volume : float or None
        How many requests all instances stand for together; N if None. ``weights`` sum to it.
    outcome : {"verified", "score"}
        What ``solve`` is of: verified outcomes, or scores, which are called so.
    pool : Pool or None
        How pairs without a record were filled with the means of groups, if they were.
    unpooled : PlanTable or None
        The table before that.
    made_of : tuple
        What the table was made of; problems made from one another share it if that is the same.
    """

    name: str
    currency: str
    models: tuple[str, ...]
    providers: tuple[str, ...]
    plans: tuple[Plan, ...]
    instances: Labeled
    solve: Quantity
    spend: Quantity
    offered: BoolArray | None
    billing: str
    weights: FloatArray | None
    partitions: dict[str, Labels]
    tried: Quantity
    latency: Quantity | None
    split: dict[int, tuple[Quantity, Quantity]] = field(default_factory=dict)
    market: Market | None = None
    basis: Basis = "given"
    outcome: Outcome = "verified"
    volume: float | None = None
    made_of: tuple[object, ...] = ()
    pool: Pool | None = None
    unpooled: PlanTable | None = None
    # What was computed once, of this table: not in __init__, so that replace() never hands it on.
    _groups: dict[str, Groups] = field(default_factory=dict, init=False)
    _weight_of: dict[str, FloatArray] = field(default_factory=dict, init=False)
    _pooled: dict[str, PlanTable] = field(default_factory=dict, init=False)

    @property
    def size(self) -> int:
        """N."""
        return len(self.solve)

    @property
    def rate(self) -> str:
        """What a mean of ``solve`` is called."""
        return "solve rate" if self.outcome == "verified" else "score"

    @property
    def chance(self) -> str:
        """What an entry of ``solve`` is called."""
        return "solve probability" if self.outcome == "verified" else "score"

    def shown_rate(self, value: float, decimals: int = 1) -> str:
        """Return a mean of ``solve`` as text: a percentage, or a score."""
        if self.outcome == "verified":
            return percent(value, decimals)
        return number(value, decimals + 2)

    @property
    def total(self) -> float:
        """How often all instances count together: N, or the requests that they stand for."""
        return float(self.size) if self.volume is None else self.volume

    @property
    def stream(self) -> Source | None:
        """Where the numbers are, if they are not in memory."""
        return None

    @property
    def width(self) -> int:
        """J', the number of plans with columns in the arrays."""
        return int(self.solve.shape[1])

    @property
    def times(self) -> FloatArray:
        """How often an instance counts in a total, [N]: N w[i], or the requests it stands for."""
        return np.ones(self.size) if self.weights is None else self.weights

    @cached_property
    def uses(self) -> BoolArray:
        """Which models a plan may buy from, [J, M]."""
        position = {model: m for m, model in enumerate(self.models)}
        uses = np.zeros((len(self.plans), len(self.models)), dtype=bool)
        for j, plan in enumerate(self.plans):
            uses[j, [position[model] for model in plan.models]] = True
        return uses

    @property
    def abstains(self) -> BoolArray:
        """Which plans buy nothing, [J]."""
        abstains: BoolArray = ~np.any(self.uses, axis=1)
        return abstains

    @property
    def attempts(self) -> FloatArray:
        """Expected attempts of each model, [N, J, M]; large, made when asked for."""
        attempts = np.zeros((self.size, len(self.plans), len(self.models)))
        for m, model in enumerate(self.models):
            for j in np.flatnonzero(self.uses[:, m]):
                if j in self.split:
                    attempts[:, j, m] = self.quantity(f"attempts of {model}")[:, j]
                else:
                    attempts[:, j, m] = self.tried[j] if self.tried.ndim == 1 else self.tried[:, j]
        return attempts

    def labels(self, partition: str) -> Labels:
        """Return the labels of a partition.

        Raises
        ------
        InputError
            If the instances have none.
        """
        if partition not in self.partitions:
            raise InputError(f"{self.name}: the instances have no {partition}s.")
        return self.partitions[partition]

    def one_label(self, partition: str, label: str) -> FloatArray:
        """Return which of a partition's labels is ``label``, zeros and a one, [L].

        Raises
        ------
        InputError
            If there is no such label.
        """
        names = self.partitions[partition].names if partition in self.partitions else ()
        if not isinstance(label, str) or label not in names:
            known = ", ".join(map(repr, names[:20])) or "none"
            more = ", ..." if len(names) > 20 else ""
            raise InputError(f"{self.name}: no {partition} {shown(label)}; it has {known}{more}.")
        return np.array([float(name == label) for name in names])

    def weight_of(self, partition: str) -> FloatArray:
        """Return how often the instances of each label count together, [L]."""
        if partition not in self._weight_of:
            labels = self.labels(partition)
            weights = np.bincount(labels.codes, self.weights, len(labels.names))
            self._weight_of[partition] = weights.astype(float)
        return self._weight_of[partition]

    @cached_property
    def index(self) -> pd.Index[Any]:
        """Instances by label."""
        if isinstance(self.instances, range):
            return pd.RangeIndex(self.size, name="instance")
        index: pd.Index[Any] = pd.Index(np.asarray(self.instances), name="instance")
        return index

    def positions(self, instances: Sequence[object]) -> IntArray:
        """Return where instances are, by label.

        Raises
        ------
        InputError
            If there is no such instance.
        """
        # True is no name for instance 1, and huge numbers are no names that pandas could look for.
        asked = [
            name
            if isinstance(name, str | int | float | np.generic | pd.Timestamp)
            and not isinstance(name, bool | np.bool_)
            and not (isinstance(name, int) and abs(name) > MOST)
            else shown(name)
            for name in instances
        ]
        found = self.index.get_indexer(index_of(asked))
        for name in [asked[k] for k in np.flatnonzero(found < 0)]:
            kind = f"; they are 0 to {self.size - 1}" if isinstance(self.instances, range) else ""
            raise InputError(f"{self.name}: no instance {shown(name)}{kind}.")
        return found.astype(np.int64)

    def inside(self, label: str | None, partition: str = "segment") -> BoolArray:
        """Return which instances have a label (all of them for ``None``), [N]."""
        if label is None:
            return np.ones(self.size, dtype=bool)
        chosen = self.one_label(partition, label) > 0
        inside: BoolArray = chosen[self.partitions[partition].codes]
        return inside

    def sellers(self, name: str) -> BoolArray:
        """Return the models that ``name`` stands for, a model or a provider, [M].

        Raises
        ------
        InputError
            If it is neither, or both and not the same.
        """
        if not isinstance(name, str):
            raise InputError(f"A model or provider is {shown(name)}; give its name.")
        model = np.array([each == name for each in self.models])
        provider = np.array([each == name for each in self.providers])
        if model.any() and provider.any() and (model != provider).any():
            raise InputError(
                f"{name!r} is a model and a provider of other models. Rename one of them."
            )
        if not (model | provider).any():
            text = f"{self.name}: no model {name!r}; it has {_listed(self.models)}"
            if self.providers != self.models:
                text += f", and providers {_listed(sorted(set(self.providers)))}"
            raise InputError(f"{text}.")
        sellers: BoolArray = model | provider
        return sellers

    def plan_position(self, plan: Plan | str) -> int:
        """Return the position of a plan, given itself or its label.

        Raises
        ------
        InputError
            If it is not among the plans.
        """
        if isinstance(plan, str | Plan):
            for j, known in enumerate(self.plans):
                if plan in (known, known.label):
                    return j
        label = plan.label if isinstance(plan, Plan) else plan
        raise InputError(
            f"{self.name}: no plan {shown(label)}; it has"
            f" {_listed([known.label for known in self.plans])}."
        )

    def quantity(self, name: str) -> Quantity:
        """Return an array [N, J'] by name: solve, spend, attempts, latency, or that of one model.

        "spend on m" and "attempts of m" are of the plans with several models only, zero elsewhere.
        """
        if name in ("solve", "spend"):
            return self.solve if name == "solve" else self.spend
        if name in ("attempts", "latency"):
            values = self.tried if name == "attempts" else self.latency
            if values is None or values.ndim == 1:
                raise KeyError(name)
            return values
        kind, _, model = name.partition(" of " if name.startswith("attempts") else " on ")
        m = self.models.index(model)
        result = np.zeros((self.size, self.width), dtype=self.spend.dtype)
        for j, parts in self.split.items():
            result[:, j] = parts[0 if kind == "spend" else 1][:, m]
        return result

    def groups(self, assignment: str) -> Groups:
        """Return what gets a plan under an assignment, "oracle", "per-segment" or "single"."""
        if assignment not in self._groups:
            self._groups[assignment] = self._make_groups(assignment)
        return self._groups[assignment]

    def pooled(self, assignment: str) -> PlanTable:
        """Return the table for groups of instances: means where a pair has no record.

        Only of tables of a market, where a pair that is not offered has no record. A plan without
        any record in a group stays out of it.

        Raises
        ------
        InputError
            If plans with records in a group have no instance in common: their means would be of
            different instances, and comparing them would compare these.
        """
        table = self.unpooled or self
        if assignment == "oracle" or table.market is None or table.offered is None:
            return table
        if assignment not in table._pooled:
            table._pooled[assignment] = table._pool(assignment)
        return table._pooled[assignment]

    def _pool(self, assignment: str) -> PlanTable:
        groups = self.groups(assignment)
        assert self.offered is not None  # noqa: S101 - for the type checker
        assert groups.of_instance is not None  # noqa: S101
        pool = Pool(groups.of_instance, self.offered, self.times, groups.names)
        lonely = pool.without_common(~self.abstains)
        if lonely is not None:
            inside = groups.of_instance == lonely
            counts = self.offered[inside].sum(axis=0)
            listed = ", ".join(
                f"{plan.label} on {count}"
                for plan, count in zip(self.plans, counts, strict=True)
                if count and plan.stages
            )
            where = "" if assignment == "single" else f" of segment {groups.names[lonely]!r}"
            raise InputError(
                f"{self.name}: no instance{where} has a record of every plan that has one there"
                f" ({listed}; of {int(inside.sum())} instances). One plan for several instances is"
                " chosen by means over them, and these would be of different instances, so that"
                " what served the easy ones would look best. Choose models or plans with instances"
                " in common (market.select), predict what is missing (arb.predict.cross_fit), or,"
                " of a log in which chance decided within a segment, estimate it:"
                " arb.estimation.class_values(request_log(market)).problem()."
            )
        filled = self.offered | pool.filled
        return replace(
            self,
            solve=pool.fill(self.solve),
            spend=pool.fill(self.spend),
            offered=None if filled.all() else filled,
            tried=self.tried if self.tried.ndim == 1 else pool.fill(self.tried),
            latency=self.latency
            if self.latency is None or self.latency.ndim == 1
            else pool.fill(self.latency),
            split={
                j: (pool.of_plan(j).fill(spend), pool.of_plan(j).fill(tried))
                for j, (spend, tried) in self.split.items()
            },
            pool=pool,
            unpooled=self,
        )

    def _make_groups(self, assignment: str) -> Groups:
        if assignment == "oracle":
            return Groups(self.instances, None, self._all_plans(self.offered))
        if assignment == "single":
            labels = Labels(("all instances",), np.zeros(self.size, dtype=np.int64))
        else:
            labels = self.labels("segment")
        offered = None
        if self.offered is not None:
            count = len(labels.names)
            refused = [np.bincount(labels.codes, ~each, count) for each in self.offered.T]
            offered = np.stack(refused, axis=1) == 0
        return Groups(labels.names, labels.codes, self._all_plans(offered))

    def _all_plans(self, offered: BoolArray | None) -> BoolArray | None:
        if offered is None or self.width == len(self.plans):
            return offered
        beyond = np.ones((len(offered), len(self.plans) - self.width), dtype=bool)
        return np.hstack([offered, beyond])

    def by_group(self, name: str, assignment: str, factor: float) -> FloatArray:
        """Return a multiple of the sum of a quantity over the instances of each group, [G, J].

        They count by their weights; NaN where a plan is not offered to all. Read-only.
        """
        groups = self.groups(assignment)
        weighted = (factor * self.times)[:, None] * self.quantity(name)
        if self.offered is not None:
            weighted[~self.offered] = np.nan
        total = np.zeros((len(groups.names), len(self.plans)))
        if groups.of_instance is None:
            total[:, : self.width] = weighted
        else:
            np.add.at(total[:, : self.width], groups.of_instance, weighted)
        total.setflags(write=False)
        return total

    def mean_by_group(self, name: str, assignment: str) -> FloatArray:
        """Return a quantity of one instance of each group, the weighted mean of them, [G, J].

        NaN where a plan is not offered to all, or all weights are zero. Read-only.
        """
        groups = self.groups(assignment)
        if groups.of_instance is None:
            mean = np.zeros((self.size, len(self.plans)))
            mean[:, : self.width] = self.quantity(name)
            if self.offered is not None:
                mean[:, : self.width][~self.offered] = np.nan
        else:
            weight = np.bincount(groups.of_instance, self.weights, len(groups.names))
            weight = np.where(weight > 0, weight, np.nan)
            mean = self.by_group(name, assignment, 1.0) / weight[:, None]
        mean.setflags(write=False)
        return mean

    def placed(self, values: Any, what: str) -> Any:
        """Return a DataFrame in the order of the instances and plans; other values as they are.

        A plan that is one attempt of a model may go by the model's name, and one that abstains may
        be left out.
        """
        if not pandas_loaded() or not isinstance(values, pd.DataFrame):
            return values
        plans = self.plans[: self.width]
        return by_plan(
            aligned(values, {0: (self.instances, "instance")}, what),
            [plan.label for plan in plans],
            what,
        )

    def chosen(self, assignment: npt.NDArray[np.integer], quantity: Quantity) -> FloatArray:
        """Return a quantity [N, J'] of each instance's plan [N], [N]; zero beyond J'."""
        result = np.zeros(self.size)
        bought = np.flatnonzero(assignment < self.width)
        result[bought] = quantity[bought, assignment[bought]]
        return result


def by_plan(values: pd.DataFrame, plans: Sequence[str], what: str) -> pd.DataFrame:
    """Return the columns of a frame in the order of plans, by their labels.

    "small" is "1 x small"; zero for "abstain" if it is left out.
    """
    one = {label.removeprefix("1 x "): label for label in plans}
    values = values.rename(columns=lambda name: one.get(label_of(name), name))
    for label in plans:
        if label == Plan().label and label not in values.columns:
            values = values.assign(**{label: 0.0})
    placed: pd.DataFrame = aligned(values, {1: (plans, "plan")}, what)
    return placed


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:20]))
    return shown + (", ..." if len(names) > 20 else "")
