"""The market: models, problem instances, and what was recorded for every pair of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from arbmodels._checks import aligned, check_arrays, choose, labels_of, number_of
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, models_table
from arbmodels.errors import DataError, InputError
from arbmodels.records import AttemptRecords, totals

#: What to do about a model without a record on an instance: keep only the instances that every
#: model has ("intersection"), or keep them all and never offer the missing pair ("mask").
Missing = Literal["intersection", "mask"]
#: What an attempt's outcome is: "verified", solved or not, by a verifier whose word is taken; or
#: "score", a grade from 0 to 1 that tells nobody when to stop trying.
Outcome = Literal["verified", "score"]
#: Mean costs closer than this (relative) are the same: they are sums in different orders.
_SAME_COST = 1e-9
#: Per pair of instance and model, [N, M], and None where the market has none.
_PER_PAIR = ("attempts", "successes", "cost", "graded", "success_cost", "failure_cost", "accepted")


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
    successes : int array [N, M], or None
        c[i, m], how many of them were verified as solved, 0 <= c <= n. None for graded outcomes.
    cost : float array [N, M], currency units per attempt
        q[i, m] >= 0, the price of one attempt (its mean where attempts carry their own costs);
        0 where it is free. Computed from ``success_cost`` and ``failure_cost`` if these are given.
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
    graded : float array [N, M], optional
        Mean score of the pair's attempts, in [0, 1], instead of ``successes``: such outcomes are
        routed and predicted, while cascades and margins need :meth:`accept`.
    success_cost, failure_cost : float array [N, M], currency units per attempt, optional
        Mean cost of an attempt that succeeds, and of one that fails, where they differ. NaN where
        there is none: it then counts as the other.
    accepted : float array [N, M], optional
        Mean score of the attempts that :meth:`accept` took for solved; NaN where it took none.
    threshold : float, optional
        The score from which on they were.
    records : AttemptRecords, optional
        The attempts one by one, with what else is known of them (tokens, seconds, dates).

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
    successes: npt.NDArray[np.int64]  # None for graded outcomes: see require_verified
    cost: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64] = field(default=None)  # type: ignore[arg-type]
    segment: tuple[str, ...] | None = None
    currency: str = "USD"
    name: str = "market"
    simulated: bool = False
    notes: tuple[str, ...] = ()
    graded: npt.NDArray[np.float64] | None = None
    success_cost: npt.NDArray[np.float64] | None = None
    failure_cost: npt.NDArray[np.float64] | None = None
    accepted: npt.NDArray[np.float64] | None = None
    threshold: float | None = None
    records: AttemptRecords | None = None

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
            outcomes=self.successes if self.graded is None else self.graded,
            graded=self.graded is not None,
            cost=self.cost,
            success_cost=self.success_cost,
            failure_cost=self.failure_cost,
            accepted=self.accepted,
            weight=self.weight,
            segment=self.segment,
        )
        if self.graded is not None and self.successes is not None:
            problems.append("successes and graded are both given; an outcome is one or the other")
        if self.records is not None:
            problems += self._strangers(self.records)
        if problems:
            remedy = "Correct the arrays; nothing was changed or dropped. No record is 0 attempts."
            raise DataError(self.name, problems, remedy)
        attempts, weight = arrays["attempts"], arrays["weight"]
        there = attempts > 0
        put(self, "attempts", _frozen(attempts, np.int64))
        put(self, "weight", _frozen(weight / weight.sum(), np.float64))
        if self.graded is None:
            put(self, "successes", _frozen(arrays["outcomes"], np.int64))
            self._split_costs(arrays)
        else:
            put(self, "graded", _frozen(np.where(there, arrays["outcomes"], np.nan), np.float64))
            put(self, "success_cost", None)
            put(self, "failure_cost", None)
        put(self, "cost", _frozen(np.where(there, arrays["cost"], np.nan), np.float64))
        if self.accepted is not None:
            put(self, "accepted", _frozen(arrays["accepted"], np.float64))

    def _split_costs(self, arrays: dict[str, npt.NDArray[np.float64]]) -> None:
        """Fill what a pair has no attempt to tell, and put the mean into ``arrays["cost"]``."""
        put = object.__setattr__
        if self.success_cost is None and self.failure_cost is None:
            return
        n, c = arrays["attempts"], arrays["outcomes"]
        solved = arrays.get("success_cost", arrays["cost"])
        failed = arrays.get("failure_cost", arrays["cost"])
        solved = np.where(np.isnan(solved), failed, solved)
        failed = np.where(np.isnan(failed), solved, failed)
        same = np.abs(solved - failed) <= _SAME_COST * np.maximum(solved, failed)
        if np.all(same | (n == 0)):
            put(self, "success_cost", None)
            put(self, "failure_cost", None)
            return
        with np.errstate(invalid="ignore"):
            mean = (c * solved + (n - c) * failed) / n
        arrays["cost"] = np.where(same, solved, mean)
        put(self, "success_cost", _frozen(np.where(n > 0, solved, np.nan), np.float64))
        put(self, "failure_cost", _frozen(np.where(n > 0, failed, np.nan), np.float64))

    def _strangers(self, records: AttemptRecords) -> list[str]:
        """Say whether records name models or instances that there are not."""
        ends = (
            ("model", records.model, self.models),
            ("instance", records.instance, self.instances),
        )
        return [
            f"records have {what} {values.max()} of {len(names)}"
            for what, values, names in ends
            if len(values) and not (values.min() >= 0 and values.max() < len(names))
        ]

    @classmethod
    def from_records(
        cls,
        models: Sequence[str],
        instances: Sequence[str],
        records: AttemptRecords,
        *,
        outcome: Outcome = "verified",
        weight: npt.ArrayLike | None = None,
        segment: Sequence[str] | None = None,
        currency: str = "USD",
        name: str = "market",
        notes: Sequence[str] = (),
    ) -> Market:
        """Return the market of attempts that carry their own costs.

        An attempt that succeeds and one that fails cost what such attempts of the pair did on
        average, so that expected spends are exact.

        Parameters
        ----------
        models, instances : sequence of str, lengths M and N
            What the numbers in ``records`` mean.
        records : AttemptRecords
        outcome : {"verified", "score"}
            What the scores are; verified ones are 0 or 1.
        weight, segment, currency, name, notes
            As in :class:`Market`.

        Raises
        ------
        DataError
            If a verified outcome is neither 0 nor 1, or an attempt has no cost.
        """
        if outcome not in get_args(Outcome):
            raise InputError(f"outcome must be 'verified' or 'score', not {outcome!r}.")
        problems = []
        bad = np.flatnonzero((records.score != 0) & (records.score != 1))
        if outcome == "verified" and len(bad):
            at = int(bad[0])
            problems.append(
                f"attempt {at} of {models[records.model[at]]!r} on"
                f" {instances[records.instance[at]]!r} has score {records.score[at]:g}, which is no"
                f" verified outcome ({len(bad)} such)"
            )
        unpriced = np.flatnonzero(np.isnan(records.cost))
        if len(unpriced):
            at = int(unpriced[0])
            problems.append(
                f"attempt {at} of {models[records.model[at]]!r} on"
                f" {instances[records.instance[at]]!r} has no cost ({len(unpriced)} such)"
            )
        if problems:
            raise DataError(
                name, problems, "Give outcome='score' for scores; a missing cost is never 0."
            )
        summed = totals(records, (len(instances), len(models)))
        verified = outcome == "verified"
        return cls(
            tuple(models),
            tuple(instances),
            summed.attempts,
            summed.successes if verified else None,  # type: ignore[arg-type]
            summed.cost,
            weight=weight,  # type: ignore[arg-type]
            segment=None if segment is None else tuple(segment),
            currency=currency,
            name=name,
            notes=tuple(notes),
            graded=None if verified else summed.score,
            success_cost=summed.success_cost if verified else None,
            failure_cost=summed.failure_cost if verified else None,
            records=records,
        )

    @property
    def outcome(self) -> Outcome:
        """Whether outcomes are verified or scores."""
        return "verified" if self.graded is None else "score"

    def require_verified(self, what: str) -> None:
        """Raise :class:`InputError` if outcomes are scores, which ``what`` cannot use."""
        if self.graded is None:
            return
        raise InputError(
            f"{self.name}: {what} needs a verifier that says when an answer is solved; these"
            " outcomes are scores from 0 to 1. Trying again until a grade looks good takes the"
            " best of many grades for the answer's worth. Say which scores are accepted:"
            " market.accept(at=0.5), say."
        )

    def accept(self, at: float) -> Market:
        """Return the market in which an answer counts as solved from a score of ``at`` on.

        The score is then the verifier: a cascade stops at the first accepted answer. What the
        accepted answers were worth is kept (:attr:`accepted`), and reported beside solve rates.

        Parameters
        ----------
        at : float
            In (0, 1].

        Raises
        ------
        InputError
            If outcomes are verified already, or a pair has several attempts of which only the mean
            score is known.
        """
        at = number_of(at, "at", 0, 1)
        if self.graded is None:
            raise InputError(f"{self.name}: outcomes are verified already; there is no score.")
        if at == 0:
            raise InputError("at is 0, which accepts every answer; give a score above it, to 1.")
        records = self.records
        if records is None:
            several = np.argwhere(self.attempts > 1)
            if len(several):
                i, m = several[0]
                raise InputError(
                    f"{self.name}: of instance {self.instances[i]!r}, model {self.models[m]!r} only"
                    f" the mean score of {self.attempts[i, m]} attempts is known, not which of them"
                    " would be accepted. Load the attempts one by one."
                )
            row, column = np.nonzero(self.recorded)
            records = AttemptRecords(column, row, self.graded[row, column], self.cost[row, column])
        good = records.score >= at
        shape = (len(self.instances), len(self.models))
        accepted = totals(records.take(good), shape).score
        verified = replace(records, score=good.astype(float))
        summed = totals(verified, shape)
        priced = not np.isnan(records.cost).any()
        return replace(
            self,
            successes=summed.successes,
            graded=None,
            success_cost=summed.success_cost if priced else None,
            failure_cost=summed.failure_cost if priced else None,
            accepted=accepted,
            threshold=at,
            records=verified,
            notes=(*self.notes, f"solved: a score of at least {at:g}"),
        )

    @property
    def recorded(self) -> npt.NDArray[np.bool_]:
        """Which pairs have a record, bool [N, M]."""
        return self.attempts > 0

    @property
    def score(self) -> npt.NDArray[np.float64]:
        """Mean outcome of one attempt per pair, [N, M]; NaN where there is no record.

        C / n where outcomes are verified: the single-attempt solve rate.
        """
        if self.graded is not None:
            return self.graded
        with np.errstate(invalid="ignore"):
            return self.successes / np.where(self.recorded, self.attempts, np.nan)

    @property
    def mean_score(self) -> npt.NDArray[np.float64]:
        """Weighted mean of :attr:`score` per model over its recorded instances, [M]."""
        return self._over_instances(self.score)

    @property
    def mean_score_standard_error(self) -> npt.NDArray[np.float64]:
        """Standard error of :attr:`mean_score` over the draw of instances, [M].

        sqrt(sum_i w_i^2 (p_i - p)^2 N / (N - 1)) with weights summing to one over the model's
        recorded instances: for equal weights the usual s / sqrt(N). NaN for one instance.
        """
        weight = np.where(self.recorded, self.weight[:, None], 0.0)
        weight = weight / weight.sum(axis=0)
        count = self.recorded.sum(axis=0)
        spread = np.nansum(weight**2 * (self.score - self.mean_score) ** 2, axis=0)
        correction = np.where(count > 1, count / np.maximum(count - 1, 1), np.nan)
        error: npt.NDArray[np.float64] = np.sqrt(spread * correction)
        return error

    @property
    def single_attempt_rate(self) -> npt.NDArray[np.float64]:
        """C / n per pair, [N, M]; NaN where there is no record."""
        self.require_verified("a solve rate")
        return self.score

    @property
    def solve_rate(self) -> npt.NDArray[np.float64]:
        """Weighted mean single-attempt solve rate per model over its recorded instances, [M]."""
        self.require_verified("a solve rate")
        return self.mean_score

    @property
    def solve_rate_standard_error(self) -> npt.NDArray[np.float64]:
        """Standard error of :attr:`solve_rate` over the draw of instances, [M]."""
        self.require_verified("a solve rate")
        return self.mean_score_standard_error

    @property
    def solved_at_least_once(self) -> npt.NDArray[np.float64]:
        """Weighted share of a model's recorded instances with at least one success, [M]."""
        self.require_verified("a solve rate")
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
        pairs = {
            what: values[grid] for what in _PER_PAIR if (values := getattr(self, what)) is not None
        }
        return replace(
            self,
            **pairs,
            models=wanted,
            instances=tuple(self.instances[i] for i in rows),
            weight=self.weight[rows],
            segment=None if self.segment is None else tuple(self.segment[i] for i in rows),
            notes=notes,
            records=self._records_of(rows, columns),
        )

    def _records_of(
        self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
    ) -> AttemptRecords | None:
        if self.records is None:
            return None
        model, instance = np.full(len(self.models), -1), np.full(len(self.instances), -1)
        model[columns], instance[rows] = np.arange(len(columns)), np.arange(len(rows))
        return self.records.relabelled(model, instance)

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
        """Return one row per model: attempts, solve rate (or score) with standard error, cost."""
        count = np.where(self.recorded, self.attempts, np.nan)
        what = "score" if self.graded is not None else "solve_rate"
        columns: dict[str, npt.NDArray[np.generic]] = {
            "instances": self.recorded.sum(axis=0),
            "attempts_min": np.nanmin(count, axis=0).astype(int),
            "attempts_median": np.nanmedian(count, axis=0),
            "attempts_max": np.nanmax(count, axis=0).astype(int),
            what: self.mean_score,
            f"{what}_standard_error": self.mean_score_standard_error,
        }
        if self.graded is None:
            columns["solved_at_least_once"] = self.solved_at_least_once
        columns["mean_cost"] = self.mean_cost
        columns["median_cost"] = np.nanmedian(self.cost, axis=0)
        return pd.DataFrame(columns, index=pd.Index(self.models, name="model"))

    def table(self) -> TextTable:
        """Return the table shown in terminals and notebooks."""
        kind = "simulated" if self.simulated else "recorded"
        width, count = len(self.models), len(self.instances)
        title = f"{self.name} ({kind}): {width} model{'s' * (width != 1)} x {count} instances"
        if self.segment is not None:
            title += f", {len(self.segments)} segments"
        title += f", cost in {self.currency}"
        return models_table(title, self.summary(), self.notes, complete=bool(self.recorded.all()))
