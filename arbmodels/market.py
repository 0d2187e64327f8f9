"""The market: models, problem instances, and what was recorded for every pair of them."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from arbmodels._checks import aligned, check_arrays, choose, labels_of, mapping_of, number_of
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, models_table
from arbmodels.errors import DataError, InputError
from arbmodels.market_file import Saved, write_market
from arbmodels.prices import PriceCatalogue, as_day
from arbmodels.records import OPTIONAL, AttemptRecords, PriceSource, totals

#: What to do about a model without a record on an instance: keep only the instances that every
#: model has ("intersection"), or keep them all and never offer the missing pair ("mask").
Missing = Literal["intersection", "mask"]
#: What an attempt's outcome is: "verified", solved or not, by a verifier whose word is taken; or
#: "score", a grade from 0 to 1 that tells nobody when to stop trying.
Outcome = Literal["verified", "score"]
#: Mean costs closer than this (relative) are the same: they are sums in different orders.
_SAME_COST = 1e-9
#: What belongs to the market as a whole, weights apart.
_ABOUT = (
    "models",
    "instances",
    "segment",
    "currency",
    "name",
    "simulated",
    "notes",
    "threshold",
)
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
    prices : PriceSource, optional
        The catalogue that costs were computed with: see :meth:`reprice`.

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
    prices: PriceSource | None = None

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

    @property
    def rate_name(self) -> str:
        """What a mean of outcomes is called: "solve rate", or "score"."""
        return "solve rate" if self.graded is None else "score"

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

    def require_one_cost(self, what: str) -> None:
        """Raise :class:`InputError` if success and failure cost differently."""
        if self.success_cost is None:
            return
        raise InputError(
            f"{self.name}: {what} counts every attempt on an instance at one cost; here attempts"
            " that succeed and attempts that fail cost differently. market.average_costs() takes"
            " their mean."
        )

    def average_costs(self) -> Market:
        """Return the market in which every attempt of a pair costs the pair's mean.

        Expected spends then take a failed attempt for as dear as a successful one.
        """
        if self.success_cost is None:
            return self
        note = "success and failure cost the pair's mean"
        records = self.records
        if records is not None:
            mean = self.cost[records.instance, records.model]
            records = replace(records, cost=mean)
        return replace(
            self,
            success_cost=None,
            failure_cost=None,
            records=records,
            notes=(*self.notes, note),
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

    @property
    def tells(self) -> tuple[str, ...]:
        """What can be learned from the record, and what cannot, a sentence each."""
        width, most = len(self.models), int(self.attempts.max())
        lines = []
        if most == 1:
            lines.append(
                "One attempt per pair: nothing is known about trying a model again. Cascades may"
                " ask each model once; margins of plans with retries are not identified."
            )
        else:
            few = float((self.attempts[self.recorded] == 1).mean())
            lines.append(
                f"Up to {most} attempts per pair; {100 * few:.0f}% of the pairs have one, whose"
                " curve ends there."
            )
        share = float(self.recorded.mean())
        if share < 1:
            single = width > 1 and int(self.recorded.sum(axis=1).max()) == 1
            lines.append(
                "Each instance was served by one model: what others would have done is to be"
                " estimated (arb.estimation.request_log)."
                if single
                else f"{100 * share:.1f}% of the pairs are recorded; the others are estimated or"
                " left out."
            )
        if self.graded is not None:
            lines.append(
                "Outcomes are scores: routing and prediction use them; cascades and margins need"
                " market.accept(at=...)."
            )
        records = self.records
        if records is None or np.isnan(records.cost).all():
            lines.append("Only the mean cost of a pair is known, not whether failures cost more.")
        if records is None or not records.has_tokens:
            lines.append("No tokens: costs cannot be computed at other prices (reprice).")
        return tuple(lines)

    def to_frame(self) -> pd.DataFrame:
        """Return what was recorded as a table that :func:`arbmodels.load_market` reads.

        One row per attempt, with its cost, tokens, seconds and date, where every attempt carries
        its own cost; else one row per pair, with attempts, successes (or the mean score) and costs.
        Segments are a column if there are any, weights if they differ.
        """
        records = self.records
        if records is not None and not np.isnan(records.cost).any() and self.accepted is None:
            frame = records.to_frame(self.models, self.instances)
            row = records.instance
        else:
            row, column = np.nonzero(self.recorded)
            cells = {
                "attempts": self.attempts,
                "successes" if self.graded is None else "score": self.successes
                if self.graded is None
                else self.graded,
                "cost": self.cost,
                "success_cost": self.success_cost,
                "failure_cost": self.failure_cost,
            }
            names: dict[str, Any] = {
                "model": np.array(self.models, dtype=object)[column],
                "instance": np.array(self.instances, dtype=object)[row],
            }
            frame = pd.DataFrame(
                names
                | {
                    what: values[row, column]
                    for what, values in cells.items()
                    if values is not None
                }
            )
        if self.segment is not None:
            frame["segment"] = np.array(self.segment, dtype=object)[row]
        if (self.weight != self.weight[0]).any():
            frame["weight"] = self.weight[row]
        return frame

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the market as a file from which :func:`arbmodels.load_market` makes an equal one.

        Parameters
        ----------
        path : path
            Ends in ``.parquet`` (which needs ``arbmodels[parquet]``), ``.jsonl`` or ``.jsonl.gz``.
        overwrite : bool
            Whether a file of that name may be replaced.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        InputError
            If the name ends otherwise, the file exists, or it cannot be written.
        """
        row, column = np.nonzero(self.recorded)
        pairs: dict[str, Any] = {"model": column, "instance": row}
        for what in _PER_PAIR:
            values = getattr(self, what)
            if values is not None:
                pairs[what] = values[row, column]
        attempts: dict[str, Any] = {}
        if self.records is not None:
            names = ("model", "instance", "score", "cost", *self.records.carried)
            attempts = {name: self.records.column(name) for name in names}
        about = {what: getattr(self, what) for what in _ABOUT}
        about["weight"] = self.weight.tolist()
        about["prices"] = None if self.prices is None else asdict(self.prices)
        return write_market(Saved(about, pairs, attempts), path, overwrite=overwrite)

    @classmethod
    def from_saved(cls, saved: Saved) -> Market:
        """Return the market that was saved; checked like every other.

        Raises
        ------
        DataError
            If it has been changed to what no market can be.
        """
        about = saved.about
        lacking = [what for what in (*_ABOUT, "weight") if what not in about]
        if lacking:
            raise DataError(
                str(about.get("name", "market")),
                [f"a saved market says nothing of {', '.join(lacking)}"],
                "Save the market anew.",
            )
        shape = (len(about["instances"]), len(about["models"]))
        grid = (saved.pairs["instance"], saved.pairs["model"])

        def dense(what: str) -> npt.NDArray[np.float64] | None:
            if what not in saved.pairs:
                return None
            blank = 0.0 if what in ("attempts", "successes") else np.nan
            array = np.full(shape, blank)
            array[grid] = saved.pairs[what]
            return array

        records = AttemptRecords(**saved.attempts) if saved.attempts else None
        market = cls(
            **{what: _tuples(about[what]) for what in _ABOUT},
            **{what: dense(what) for what in _PER_PAIR},  # type: ignore[arg-type]
            weight=np.array(about["weight"], dtype=float),
            records=records,
            prices=PriceSource(**about["prices"]) if about.get("prices") else None,
        )
        # The weights sum to one already; dividing by a sum of 1 + 1e-16 would change them.
        object.__setattr__(market, "weight", _frozen(about["weight"], np.float64))
        return market

    def equals(self, other: object) -> bool:
        """Whether ``other`` is a market with the very same content, to the last bit."""
        if not isinstance(other, Market):
            return False
        if any(getattr(self, what) != getattr(other, what) for what in (*_ABOUT, "prices")):
            return False
        arrays = [(getattr(self, what), getattr(other, what)) for what in (*_PER_PAIR, "weight")]
        if (self.records is None) != (other.records is None):
            return False
        if self.records is not None and other.records is not None:
            names = ("model", "instance", "score", "cost", *OPTIONAL)
            arrays += [(self.records.column(n), other.records.column(n)) for n in names]
        return all(
            one is two is None
            or (one is not None and two is not None and np.array_equal(one, two, equal_nan=True))
            for one, two in arrays
        )

    def append(self, other: Market) -> Market:
        """Return the market with the records of another added: :func:`merge_markets` of both."""
        return merge_markets([self, other], name=self.name)

    def with_costs(self, cost: npt.ArrayLike) -> Market:
        """Return the market whose attempts cost something else.

        Parameters
        ----------
        cost : float array [A], currency units
            Of every attempt in :attr:`records`.

        Raises
        ------
        InputError
            If the attempts are not known one by one.
        DataError
            If a cost is missing or negative.
        """
        if self.records is None:
            raise InputError(
                f"{self.name}: its attempts are not known one by one, only their mean cost. Load"
                " the attempts."
            )
        records = replace(self.records, cost=np.asarray(cost, dtype=float))
        unknown = np.flatnonzero(np.isnan(records.cost))
        if len(unknown):
            at = int(unknown[0])
            place = (
                f"{self.models[records.model[at]]!r} on {self.instances[records.instance[at]]!r}"
            )
            problem = f"attempt {at} of {place} has no cost ({len(unknown)} such)"
            raise DataError(self.name, [problem], "A missing cost is never 0; give each.")
        summed = totals(records, self.attempts.shape)
        return replace(
            self,
            cost=summed.cost,
            success_cost=None if self.graded is not None else summed.success_cost,
            failure_cost=None if self.graded is not None else summed.failure_cost,
            records=records,
            prices=None,
        )

    def reprice(
        self,
        catalogue: PriceCatalogue,
        on: dt.date | str | None = None,
        *,
        models: Mapping[str, str] | None = None,
        batch: bool = False,
        free: Sequence[str] = (),
    ) -> Market:
        """Return the market with costs computed from tokens, by a catalogue's prices of a day.

        Parameters
        ----------
        catalogue : PriceCatalogue
            See :func:`arbmodels.price_catalogue`.
        on : date or ISO text, optional
            The day of the prices; by default each attempt's own, where prices depend on it.
        models : mapping, optional
            What the catalogue calls a model, where it is not found by its name.
        batch : bool
            Whether the attempts are billed as batches.
        free : sequence of str
            Models that cost nothing, as the catalogue says.

        Returns
        -------
        Market
            :attr:`prices` says which catalogue, version, day and hash.

        Raises
        ------
        InputError
            If attempts have no tokens, or a model or day has no price; the text has the nearest
            names. An unknown or unpriced model is never free.
        DataError
            If the tokens of an attempt are not known.
        """
        if self.records is None or not self.records.has_tokens:
            raise InputError(
                f"{self.name}: its attempts carry no numbers of input and output tokens, from which"
                " costs could be computed. Load records that do."
            )
        day = as_day(on)
        dated = catalogue.dated and day is None
        cost = catalogue.cost_of(
            self.records, self.models, day, names=models, batch=batch, free=free
        )
        used = "each attempt's own day" if dated else "" if day is None else str(day)
        source = replace(catalogue.source, on=used)
        currency = catalogue.currency
        return replace(self.with_costs(cost), currency=currency, prices=source)

    def scale_costs(self, factors: Mapping[str, float]) -> Market:
        """Return the market in which some models cost a multiple of what they do: a what-if.

        Parameters
        ----------
        factors : mapping
            Model -> factor of its costs, at least 0.

        Raises
        ------
        InputError
            If there is no such model, or a factor is negative.
        """
        scale = np.ones(len(self.models))
        for model, factor in mapping_of(factors, "factors").items():
            scale[self.model_index(model)] = number_of(factor, f"the factor of {model}", 0)
        records = self.records
        if records is not None:
            records = replace(records, cost=records.cost * scale[records.model])

        def scaled(values: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64] | None:
            return None if values is None else values * scale

        return replace(
            self,
            cost=self.cost * scale,
            success_cost=scaled(self.success_cost),
            failure_cost=scaled(self.failure_cost),
            records=records,
        )

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
        notes = self.notes if self.prices is None else (*self.notes, self.prices.text)
        return models_table(title, self.summary(), notes, complete=bool(self.recorded.all()))


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def merge_markets(markets: Sequence[Market], *, name: str | None = None) -> Market:
    r"""Return one market with the records of several.

    Attempts on a pair that several have recorded add up:
    :math:`n = \sum_s n_s,\ c = \sum_s c_s,\ q = \sum_s n_s q_s / n`, costs of success and
    failure and scores likewise, each by how many attempts it is the mean of. Models and instances
    keep the order of their first appearance.

    Parameters
    ----------
    markets : sequence of Market
    name : str, optional
        Of the result; that of the first by default.

    Raises
    ------
    InputError
        If there is none, or they do not go together: other currencies, outcomes of another kind,
        other thresholds, an instance with two segments, weights that differ, or the same dated
        attempt in two of them.

    Notes
    -----
    Attempts without dates that are in two of the markets count twice: nothing tells them from new
    ones with the same outcome.
    """
    markets = list(markets)
    _check_mergeable(markets)
    first = markets[0]
    models = tuple(dict.fromkeys(model for each in markets for model in each.models))
    instances = tuple(dict.fromkeys(i for each in markets for i in each.instances))
    column = {model: m for m, model in enumerate(models)}
    row = {instance: i for i, instance in enumerate(instances)}
    shape = (len(instances), len(models))
    grids = [
        np.ix_([row[i] for i in each.instances], [column[m] for m in each.models])
        for each in markets
    ]

    def total(values: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        sums = np.zeros(shape)
        for grid, given in zip(grids, values, strict=True):
            sums[grid] += given
        return sums

    def mean(
        values: Sequence[npt.NDArray[Any]], counts: Sequence[npt.NDArray[Any]]
    ) -> npt.NDArray[np.float64]:
        weighted = [np.where(n > 0, v * n, 0.0) for v, n in zip(values, counts, strict=True)]
        with np.errstate(invalid="ignore"):
            return total(weighted) / total(counts)

    tried = [each.attempts for each in markets]
    pairs: dict[str, Any] = {"attempts": total(tried), "successes": None, "graded": None}
    pairs["cost"] = mean([each.cost for each in markets], tried)
    if first.graded is not None:
        pairs["graded"] = np.clip(mean([each.score for each in markets], tried), 0.0, 1.0)
    else:
        solved = [each.successes for each in markets]
        pairs["successes"] = total(solved)
        if any(each.success_cost is not None for each in markets):
            failed = [n - c for n, c in zip(tried, solved, strict=True)]
            split = [
                (each.cost if each.success_cost is None else each.success_cost) for each in markets
            ]
            rest = [
                (each.cost if each.failure_cost is None else each.failure_cost) for each in markets
            ]
            pairs["success_cost"], pairs["failure_cost"] = mean(split, solved), mean(rest, failed)
        if first.accepted is not None:
            worth = [np.nan_to_num(each.accepted) for each in markets]  # type: ignore[arg-type]
            pairs["accepted"] = mean(worth, solved)
    segment = None
    if first.segment is not None:
        segment = _merged_segments(markets, instances)
    return Market(
        models=models,
        instances=instances,
        segment=segment,
        currency=first.currency,
        name=name or first.name,
        simulated=any(each.simulated for each in markets),
        notes=tuple(dict.fromkeys(note for each in markets for note in each.notes)),
        threshold=first.threshold,
        prices=first.prices,
        records=_merged_records(markets, column, row),
        **pairs,
    )


def _check_mergeable(markets: Sequence[Market]) -> None:
    """Raise :class:`InputError` unless markets can be one."""
    if not markets:
        raise InputError("merge_markets needs at least one market.")
    for each in markets:
        if not isinstance(each, Market):
            raise InputError(f"merge_markets takes markets, not {type(each).__name__}.")
    first = markets[0]
    for each in markets[1:]:
        for what in ("currency", "outcome", "threshold", "prices"):
            one, other = getattr(first, what), getattr(each, what)
            if one != other:
                raise InputError(
                    f"{first.name} and {each.name} cannot be merged: {what} is {one!r} and"
                    f" {other!r}. Convert one of them, or keep them apart."
                )
        if (first.segment is None) != (each.segment is None):
            without = each.name if each.segment is None else first.name
            raise InputError(f"{without} has no segments, the other has; give both, or neither.")
    for each in markets:
        if (each.weight != each.weight[0]).any() and len(markets) > 1:
            raise InputError(
                f"{each.name} has weights that differ; what they would be beside other instances is"
                " not known. Merge markets of equal weights, and weigh the result."
            )


def _merged_segments(markets: Sequence[Market], instances: Sequence[str]) -> tuple[str, ...]:
    known: dict[str, tuple[str, str]] = {}
    for each in markets:
        for instance, label in zip(each.instances, each.segment or (), strict=True):
            before, where = known.setdefault(instance, (label, each.name))
            if before != label:
                raise InputError(
                    f"instance {instance!r} is in segment {before!r} of {where} and {label!r} of"
                    f" {each.name}; give it one."
                )
    return tuple(known[instance][0] for instance in instances)


def _merged_records(
    markets: Sequence[Market], column: dict[str, int], row: dict[str, int]
) -> AttemptRecords | None:
    """Return all attempts, None where some market does not have them one by one."""
    parts = []
    for each in markets:
        if each.records is None:
            return None
        model = np.array([column[name] for name in each.models])
        instance = np.array([row[name] for name in each.instances])
        parts.append(each.records.relabelled(model, instance))
    joined = AttemptRecords.joined(parts)
    if joined.time is not None and len(parts) > 1:
        origin = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        # A day alone is no date of one attempt.
        exact = joined.time != joined.time.astype("datetime64[D]")
        dated = np.flatnonzero(~np.isnat(joined.time) & exact)
        keys = pd.DataFrame(
            {
                "model": joined.model[dated],
                "instance": joined.instance[dated],
                "time": joined.time[dated],
                "score": joined.score[dated],
                "cost": joined.cost[dated],
            }
        )
        groups = keys.assign(origin=origin[dated]).groupby(list(keys), sort=False, dropna=False)
        spread = groups["origin"]
        twice = (spread.transform("nunique") > 1).to_numpy()
        if twice.any():
            at = int(dated[np.flatnonzero(twice)[0]])
            name = list(column)[joined.model[at]], list(row)[joined.instance[at]]
            raise InputError(
                f"an attempt of {name[0]!r} on {name[1]!r} at {joined.time[at]} is in two of the"
                f" markets ({int(twice.sum())} such): the same records would count twice."
            )
    return joined
