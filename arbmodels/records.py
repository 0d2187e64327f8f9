"""The recorded attempts of a market, one row each: outcome, cost, tokens, seconds and date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels._checks import LARGEST, SMALLEST
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable
from arbmodels.errors import DataError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Counts of tokens that an attempt may carry. ``input_tokens`` includes those read from a cache
#: (``cached_tokens``) and written to one (``cache_write_tokens``); ``output_tokens`` includes
#: those of reasoning (``reasoning_tokens``), as the providers' bills do.
TOKENS = (
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)
#: What else an attempt may carry.
OPTIONAL = (*TOKENS, "latency", "time")


def _read_only(values: Any, dtype: Any) -> npt.NDArray[Any]:
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False, repr=False)
class AttemptRecords(Displayed):
    """``A`` attempts on the instances of a market, in columns; read-only.

    Parameters
    ----------
    model : int array [A]
        Column of the market.
    instance : int array [A]
        Row of the market.
    score : float array [A]
        Outcome in [0, 1]; 0 or 1 where it was verified.
    cost : float array [A], currency units
        What the attempt cost, at least 0; NaN where it is not known (never a price of zero).
    input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens : float \
arrays [A], optional
        Whole numbers; NaN where they are not known. Input includes what was read from and written
        to a cache, output includes reasoning.
    latency : float array [A], seconds, optional
        NaN where it is not known.
    time : datetime64[us] array [A], UTC, optional
        When the attempt was made; NaT where it is not known.

    Raises
    ------
    DataError
        If the columns are not equally long, or a number is impossible; each with its position.
    """

    model: IntArray
    instance: IntArray
    score: FloatArray
    cost: FloatArray
    input_tokens: FloatArray | None = None
    cached_tokens: FloatArray | None = None
    cache_write_tokens: FloatArray | None = None
    output_tokens: FloatArray | None = None
    reasoning_tokens: FloatArray | None = None
    latency: FloatArray | None = None
    time: npt.NDArray[np.datetime64] | None = field(default=None)

    def __post_init__(self) -> None:
        put = object.__setattr__
        for each in fields(self):
            values = getattr(self, each.name)
            if values is None:
                continue
            dtype: Any = np.float64
            if each.name in ("model", "instance"):
                dtype = np.int64
            elif each.name == "time":
                dtype = "datetime64[us]"
            put(self, each.name, _read_only(values, dtype))
        problems = list(self._problems())
        if problems:
            raise DataError("records", problems, "Correct the columns; nothing was changed.")

    def _problems(self) -> list[str]:
        lengths = {
            each.name: len(v) for each in fields(self) if (v := self.column(each.name)) is not None
        }
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            return [f"the columns are not equally long: {listed}"]
        checks = {
            "score": ((self.score >= 0) & (self.score <= 1), "a score from 0 to 1"),
            "cost": (
                np.isnan(self.cost)
                | (self.cost == 0)
                | ((self.cost >= SMALLEST) & (self.cost <= LARGEST)),
                "0 or a positive finite number, NaN where it is not known",
            ),
        }
        for name in (*TOKENS, "latency"):
            values = self.column(name)
            if values is not None:
                good = np.isnan(values) | ((values >= 0) & (values <= LARGEST))
                checks[name] = good, "a number of at least 0, NaN where it is not known"
        problems = []
        for name, (good, expected) in checks.items():
            values = self.column(name)
            assert values is not None  # noqa: S101 - of the fields above
            problems += [
                f"attempt {k}: {name} must be {expected}, found {values[k]:g}"
                for k in np.flatnonzero(~good).tolist()
            ]
        return problems

    def __len__(self) -> int:
        """Return the number of attempts, A."""
        return len(self.score)

    def column(self, name: str) -> npt.NDArray[Any] | None:
        """Return the column ``name``, None where the attempts do not carry it."""
        values: npt.NDArray[Any] | None = getattr(self, name)
        return values

    @property
    def carried(self) -> tuple[str, ...]:
        """The optional columns that the attempts carry."""
        return tuple(name for name in OPTIONAL if self.column(name) is not None)

    @property
    def has_tokens(self) -> bool:
        """Whether both input and output tokens are known of some attempt."""
        return self.input_tokens is not None and self.output_tokens is not None

    def take(self, rows: npt.NDArray[Any]) -> AttemptRecords:
        """Return some of the attempts: ``rows`` are positions, or a mask [A]."""
        return AttemptRecords(
            **{
                each.name: values[rows]
                for each in fields(self)
                if (values := self.column(each.name)) is not None
            }
        )

    def relabelled(self, model: IntArray, instance: IntArray) -> AttemptRecords:
        """Return the attempts whose model and instance have a new place.

        Parameters
        ----------
        model, instance : int array [M], [N]
            New column and row of each old one; -1 leaves its attempts out.
        """
        columns, rows = model[self.model], instance[self.instance]
        there = (columns >= 0) & (rows >= 0)
        kept = self if there.all() else self.take(there)
        return replace(kept, model=columns[there], instance=rows[there])

    @staticmethod
    def joined(parts: Sequence[AttemptRecords]) -> AttemptRecords:
        """Return the attempts of all parts, in order; a column that one lacks is unknown there."""
        columns: dict[str, npt.NDArray[Any]] = {}
        for each in fields(AttemptRecords):
            known = [part.column(each.name) for part in parts]
            if all(values is None for values in known):
                continue
            blank: Any = np.datetime64("NaT", "us") if each.name == "time" else np.nan
            columns[each.name] = np.concatenate(
                [
                    np.full(len(part), blank) if values is None else values
                    for part, values in zip(parts, known, strict=True)
                ]
            )
        return AttemptRecords(**columns)

    def to_frame(
        self, models: Sequence[str] | None = None, instances: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return one row per attempt.

        Parameters
        ----------
        models, instances : sequence of str, optional
            Names in place of the numbers of columns and rows.
        """
        columns: dict[str, Any] = {}
        for name, labels in (("model", models), ("instance", instances)):
            codes = getattr(self, name)
            columns[name] = codes if labels is None else np.array(labels, dtype=object)[codes]
        columns["score"], columns["cost"] = self.score, self.cost
        for name in self.carried:
            columns[name] = self.column(name)
        return pd.DataFrame(columns)

    def table(self) -> TextTable:
        """Return what the attempts carry, and of how many it is known."""
        rows = []
        for name in ("score", "cost", *self.carried):
            values = self.column(name)
            assert values is not None  # noqa: S101 - it is carried
            known = values[~np.isnat(values) if name == "time" else ~np.isnan(values)]
            ends = (known.min(), known.max()) if len(known) else ("", "")
            shown = [f"{end:.6g}" if isinstance(end, float) else str(end)[:19] for end in ends]
            rows.append((name, str(len(known)), *shown))
        return TextTable(f"{len(self)} attempts", ("column", "known", "least", "most"), rows, "")


@dataclass(frozen=True)
class PriceSource:
    """Where the prices of a market's costs come from.

    Parameters
    ----------
    name, version : str
        Of the catalogue.
    date : str
        The day the catalogue is of, if it has prices of one day.
    sha256 : str
        Of what was read.
    on : str
        The day whose prices were used: a date, or "each attempt's own".
    """

    name: str
    version: str
    date: str
    sha256: str
    on: str = ""

    @property
    def text(self) -> str:
        """One line for tables."""
        parts = [f"{self.name} {self.version}".strip()]
        if self.date:
            parts.append(f"of {self.date}")
        if self.on:
            parts.append(f"on {self.on}")
        return f"prices: {', '.join(parts)}, sha256 {self.sha256[:12]}"


@dataclass(frozen=True)
class PairTotals:
    """What attempts add up to per pair of instance and model, all [N, M].

    Parameters
    ----------
    attempts, successes : int array
        ``successes`` counts attempts of score 1.
    score, cost : float array
        Means; NaN where there is no attempt.
    success_cost, failure_cost : float array
        Mean cost of the attempts that succeeded, and of those that did not; NaN where there is
        none.
    """

    attempts: IntArray
    successes: IntArray
    score: FloatArray
    cost: FloatArray
    success_cost: FloatArray
    failure_cost: FloatArray


def totals(records: AttemptRecords, shape: tuple[int, int]) -> PairTotals:
    """Add up attempts per pair, for ``shape`` = (instances, models)."""
    place = records.instance * shape[1] + records.model
    size = shape[0] * shape[1]

    def count(weights: FloatArray | None = None) -> FloatArray:
        return np.bincount(place, weights, size).reshape(shape).astype(float)

    solved = (records.score == 1.0).astype(float)
    attempts, successes = count(), count(solved)
    paid = count(records.cost)
    earned, lost = count(records.cost * solved), count(records.cost * (1.0 - solved))
    with np.errstate(invalid="ignore", divide="ignore"):
        return PairTotals(
            attempts.astype(np.int64),
            successes.astype(np.int64),
            count(records.score) / attempts,
            paid / attempts,
            earned / successes,
            lost / (attempts - successes),
        )
