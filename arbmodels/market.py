"""The market: models, problem instances, and what was recorded for every pair of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from arbmodels._checks import aligned, check_arrays, choose, labels_of
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, models_table
from arbmodels.errors import DataError, InputError

#: What to do about a model without a record on an instance: keep only the instances that every
#: model has ("intersection"), or keep them all and never offer the missing pair ("mask").
Missing = Literal["intersection", "mask"]


def _frozen(values: npt.ArrayLike, dtype: type) -> npt.NDArray[np.generic]:
    array: npt.NDArray[np.generic] = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False, repr=False)
class Market(Displayed):
    """Attempts, successes and prices of ``M`` models on ``N`` problem instances.

    Immutable: the arrays are read-only copies. A pair without a record has ``attempts == 0`` and
    a NaN cost; whatever is computed from the market never buys it. DataFrames and Series are put in
    the order of ``models`` and ``instances`` by their labels.

    Parameters
    ----------
    models : sequence of str, length M
        Unique names; like all labels not empty and without blanks at the ends.
    instances : sequence of str, length N
        Unique names.
    attempts : int array [N, M]
        n[i, m], recorded attempts of model m on instance i.
    successes : int array [N, M]
        c[i, m], how many of them were verified as solved, 0 <= c <= n.
    cost : float array [N, M], currency units per attempt
        q[i, m] > 0, the price of one attempt (its mean where attempts carry their own costs).
    weight : float array [N], optional
        Relative importance of the instances, scaled to sum to one; equal by default.
    segment : sequence of str, length N, optional
        A label known before the instance is served (repository, language, subject).
    currency : str
        Unit of ``cost``.
    name : str
        Shown in tables and figures.
    simulated : bool
        Whether the outcomes were drawn by a generator instead of recorded.
    notes : sequence of str
        What loading left out, shown with the market.

    Raises
    ------
    DataError
        If anything is wrong with the arrays; all problems are reported together.

    Notes
    -----
    Objects and units follow Olmedo, Schölkopf, Hardt (2026), section 2.

    Examples
    --------
    >>> market = Market(["small", "large"], ["a", "b"], [[4, 2], [4, 2]], [[1, 2], [0, 1]],
    ...                 [[0.01, 0.2], [0.02, 0.3]])
    >>> market.solve_rate.round(3).tolist()
    [0.125, 0.75]
    """

    models: tuple[str, ...]
    instances: tuple[str, ...]
    attempts: npt.NDArray[np.int64]
    successes: npt.NDArray[np.int64]
    cost: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64] = field(default=None)  # type: ignore[arg-type]
    segment: tuple[str, ...] | None = None
    currency: str = "USD"
    name: str = "market"
    simulated: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        for what in ("models", "instances", "notes"):
            put(self, what, labels_of(getattr(self, what), what))
        if self.segment is not None:
            placed = aligned(self.segment, {0: (self.instances, "instance")}, "segment")
            put(self, "segment", labels_of(placed, "segment"))
        arrays, problems = check_arrays(
            models=self.models,
            instances=self.instances,
            attempts=self.attempts,
            successes=self.successes,
            cost=self.cost,
            weight=self.weight,
            segment=self.segment,
        )
        if problems:
            remedy = "Correct the arrays; nothing was changed or dropped. No record is 0 attempts."
            raise DataError(self.name, problems, remedy)
        attempts, weight = arrays["attempts"], arrays["weight"]
        put(self, "attempts", _frozen(attempts, np.int64))
        put(self, "successes", _frozen(arrays["successes"], np.int64))
        put(self, "cost", _frozen(np.where(attempts > 0, arrays["cost"], np.nan), np.float64))
        put(self, "weight", _frozen(weight / weight.sum(), np.float64))

    @property
    def recorded(self) -> npt.NDArray[np.bool_]:
        """Which pairs have a record, bool [N, M]."""
        return self.attempts > 0

    @property
    def single_attempt_rate(self) -> npt.NDArray[np.float64]:
        """C / n per pair, [N, M]; NaN where there is no record."""
        with np.errstate(invalid="ignore"):
            return self.successes / np.where(self.recorded, self.attempts, np.nan)

    @property
    def solve_rate(self) -> npt.NDArray[np.float64]:
        """Weighted mean single-attempt solve rate per model over its recorded instances, [M]."""
        return self._over_instances(self.single_attempt_rate)

    @property
    def solve_rate_standard_error(self) -> npt.NDArray[np.float64]:
        """Standard error of :attr:`solve_rate` over the draw of instances, [M].

        sqrt(sum_i w_i^2 (p_i - p)^2 N / (N - 1)) with weights summing to one over the model's
        recorded instances: for equal weights the usual s / sqrt(N). NaN for one instance.
        """
        rate = self.single_attempt_rate
        weight = np.where(self.recorded, self.weight[:, None], 0.0)
        weight = weight / weight.sum(axis=0)
        count = self.recorded.sum(axis=0)
        spread = np.nansum(weight**2 * (rate - self.solve_rate) ** 2, axis=0)
        correction = np.where(count > 1, count / np.maximum(count - 1, 1), np.nan)
        error: npt.NDArray[np.float64] = np.sqrt(spread * correction)
        return error

    @property
    def solved_at_least_once(self) -> npt.NDArray[np.float64]:
        """Weighted share of a model's recorded instances with at least one success, [M]."""
        return self._over_instances(np.where(self.recorded, self.successes > 0, np.nan))

    @property
    def mean_cost(self) -> npt.NDArray[np.float64]:
        """Weighted mean price of one attempt per model, [M], currency units per attempt."""
        return self._over_instances(self.cost)

    def _over_instances(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        weight = np.where(self.recorded, self.weight[:, None], 0.0)
        mean: npt.NDArray[np.float64] = np.nansum(weight * values, axis=0) / weight.sum(axis=0)
        return mean

    def model_index(self, model: str) -> int:
        """Return the column of ``model``.

        Raises
        ------
        InputError
            If the market has no such model; the text lists those it has.
        """
        if model not in self.models:
            raise InputError(
                f"{self.name}: no model {model!r}; it has {', '.join(map(repr, self.models))}."
            )
        return self.models.index(model)

    def select(
        self,
        models: Sequence[str] | None = None,
        instances: Sequence[str] | None = None,
        segments: Sequence[str] | None = None,
    ) -> Market:
        """Return the market of some models and instances (in the order asked for) or segments.

        Parameters
        ----------
        models, instances, segments : sequence of str, optional
            What to keep; everything by default. ``instances`` and ``segments`` both apply when
            both are given. Instances that none of the models has a record for are left out, with
            a note.

        Raises
        ------
        InputError
            If a name is unknown or given twice, a list is empty, nothing is left, or a model has
            no record on what is left.
        """
        wanted = choose(models, self.models, "model", self.name)
        columns = np.array([self.models.index(model) for model in wanted])
        place = {name: row for row, name in enumerate(self.instances)}
        names = choose(instances, self.instances, "instance", self.name)
        if segments is not None:
            kept = set(choose(segments, self.segments, "segment", self.name))
            names = tuple(n for n in names if self.segment and self.segment[place[n]] in kept)
        rows = np.array([place[name] for name in names], dtype=int)
        recorded = self.recorded[np.ix_(rows, columns)].any(axis=1)
        notes = self.notes
        if not recorded.all():
            notes += (
                f"{(~recorded).sum()} of {len(rows)} instances left out: not recorded for any of"
                f" {', '.join(wanted)}",
            )
        rows = rows[recorded]
        if len(rows) == 0:
            raise InputError(f"{self.name}: nothing is left after the selection. Select more.")
        grid = np.ix_(rows, columns)
        used = self.recorded[grid].any(axis=0)
        idle = [model for model, some in zip(wanted, used, strict=True) if not some]
        if idle:
            raise InputError(
                f"{self.name}: {', '.join(idle)} has no record on the selected instances. Leave"
                " it out of models, or select other instances."
            )
        return replace(
            self,
            models=wanted,
            instances=tuple(self.instances[i] for i in rows),
            attempts=self.attempts[grid],
            successes=self.successes[grid],
            cost=self.cost[grid],
            weight=self.weight[rows],
            segment=None if self.segment is None else tuple(self.segment[i] for i in rows),
            notes=notes,
        )

    def intersection(self) -> Market:
        """Return the market of the instances that every model has a record for.

        Raises
        ------
        DataError
            If the models have no instance in common.
        """
        complete: npt.NDArray[np.bool_] = np.all(self.recorded, axis=1)
        if complete.all():
            return self
        if not complete.any():
            counts = zip(self.models, self.recorded.sum(axis=0), strict=True)
            listed = ", ".join(f"{model}: {count}" for model, count in counts)
            raise DataError(
                self.name,
                [f"the models have no instance in common (instances per model: {listed})"],
                "Check that the ids are written alike, choose other models, or load with"
                " missing='mask'.",
            )
        kept = [name for name, keep in zip(self.instances, complete, strict=True) if keep]
        left_out = [name for name, keep in zip(self.instances, complete, strict=True) if not keep]
        note = (
            f"{len(left_out)} of {len(complete)} instances left out: not recorded for every model"
            f" ({', '.join(left_out[:3])}{', ...' if len(left_out) > 3 else ''})"
        )
        return replace(self.select(instances=kept), notes=(*self.notes, note))

    @property
    def segments(self) -> tuple[str, ...]:
        """Distinct segment labels, sorted; empty when the market has none."""
        return () if self.segment is None else tuple(sorted(set(self.segment)))

    def summary(self) -> pd.DataFrame:
        """Return one row per model: attempts, solve rate with standard error, cost."""
        count = np.where(self.recorded, self.attempts, np.nan)
        return pd.DataFrame(
            {
                "instances": self.recorded.sum(axis=0),
                "attempts_min": np.nanmin(count, axis=0).astype(int),
                "attempts_median": np.nanmedian(count, axis=0),
                "attempts_max": np.nanmax(count, axis=0).astype(int),
                "solve_rate": self.solve_rate,
                "solve_rate_standard_error": self.solve_rate_standard_error,
                "solved_at_least_once": self.solved_at_least_once,
                "mean_cost": self.mean_cost,
                "median_cost": np.nanmedian(self.cost, axis=0),
            },
            index=pd.Index(self.models, name="model"),
        )

    def table(self) -> TextTable:
        """Return the table shown in terminals and notebooks."""
        kind = "simulated" if self.simulated else "recorded"
        width, count = len(self.models), len(self.instances)
        title = f"{self.name} ({kind}): {width} model{'s' * (width != 1)} x {count} instances"
        if self.segment is not None:
            title += f", {len(self.segments)} segments"
        title += f", cost in {self.currency}"
        return models_table(title, self.summary(), self.notes, complete=bool(self.recorded.all()))
