"""From rows to a market: the step that all readers share.

A reader hands over rows by role (model, instance, score, cost, tokens and so on) and says where
each of them stands. Here they are checked, all of them before anything is made, and counted.
"""

from __future__ import annotations

import datetime as dt
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from arbmodels import _checks as check
from arbmodels._pandas import pd
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market, Missing, Outcome
from arbmodels.prices import PriceCatalogue, as_day
from arbmodels.records import OPTIONAL, TOKENS, AttemptRecords, PriceSource

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

#: How instances get their segment: "auto" (the table's segment column; else the part of the id
#: before "__" when every id has one, as in ``django__django-13794``; else none), None (no
#: segments), or a rule of your own: a mapping or a function from instance id to label.
Segment = Mapping[str, str] | Callable[[str], str] | Literal["auto"] | None
#: What to do about an attempt whose outcome or cost is missing or no number: report every one of
#: them and load nothing ("raise"), or leave them out and count them ("mask").
Invalid = Literal["raise", "mask"]

KEYS = ("model", "instance")
PER_ATTEMPT = ("solved", "score")
PER_PAIR = ("attempts", "successes")
COSTS = ("cost", "success_cost", "failure_cost")
#: What a row may be about, in the order in which people are told.
ROLES = (
    *KEYS,
    *PER_ATTEMPT,
    *PER_PAIR,
    *COSTS,
    *OPTIONAL,
    "attempt",
    "segment",
    "weight",
    "currency",
)
#: Scores outside [0, 1] by up to this much are set to 0 or 1 with ``clip``.
CLIPPED = 0.05

_RULES = "segment must be 'auto', None, a mapping or a function"
_TRUTH = "0, 1, true or false"
_SCORE = "a score from 0 to 1"


@dataclass(frozen=True)
class Reading:
    """How a source is to be read: what every reader is asked.

    Parameters
    ----------
    models : sequence of str, optional
        Which models to keep, in this order; all, in order of appearance, by default.
    missing : {"intersection", "mask"}
        Keep the instances that every model has (the market notes what was left out), or keep all
        and mask the missing pairs.
    invalid : {"raise", "mask"}
        Report every attempt without an outcome or a cost and load nothing, or leave these attempts
        out and count them.
    clip : bool
        Set scores outside [0, 1] by up to 0.05 to 0 or 1, and count them.
    outcome : {"verified", "score"}, optional
        What outcomes are; by default verified if every one of them is 0 or 1.
    segment : Segment
        How instances get their segment.
    currency, name : str, optional
        Unit of the costs ("USD"), and what tables and figures show.
    columns : mapping, optional
        What a table calls a column, ``{"model": "llm"}``.
    benchmark, metric, filter : str, optional
        Of a public format that holds several: which one.
    costs : mapping, optional
        What an attempt of each model costs, where the source does not say.
    prices : PriceCatalogue, optional
        Prices of tokens, from which costs are computed, where the source does not say.
    on : date or ISO text, optional
        The day of the prices; each attempt's own by default.
    """

    models: Sequence[str] | None = None
    missing: Missing = "intersection"
    invalid: Invalid = "raise"
    clip: bool = False
    outcome: Outcome | None = None
    segment: Segment = "auto"
    currency: str | None = None
    name: str | None = None
    columns: Mapping[str, Any] | None = None
    benchmark: str | None = None
    metric: str | None = None
    filter: str | None = None
    costs: Mapping[str, float] | None = None
    prices: PriceCatalogue | None = None
    on: dt.date | str | None = None

    def __post_init__(self) -> None:
        check_missing(self.missing)
        if self.invalid not in get_args(Invalid):
            raise InputError(f"invalid must be 'raise' or 'mask', not {self.invalid!r}.")
        if self.outcome is not None and self.outcome not in get_args(Outcome):
            raise InputError(f"outcome must be 'verified' or 'score', not {self.outcome!r}.")
        check.flag_of(self.clip, "clip")
        if self.costs is not None and self.prices is not None:
            raise InputError("costs and prices are two ways to say what attempts cost; give one.")
        if self.prices is None and self.on is not None:
            raise InputError("on is the day of the prices; give prices=arb.price_catalogue(...).")


@dataclass(frozen=True)
class Rows:
    """Rows of a source, by role.

    Parameters
    ----------
    columns : dict of array-like, length K
        By role (:data:`ROLES`).
    place : function
        Where row k stands, such as "FILE.csv:LINE".
    source : str
        Named in errors.
    called : mapping
        What the source calls each role.
    remedy : str
        What to do about wrong rows.
    """

    columns: dict[str, Any]
    place: Callable[[int], str]
    source: str
    called: Mapping[str, str] = field(default_factory=dict)
    remedy: str = "Correct the rows named; nothing was loaded."


def check_missing(missing: Missing) -> None:
    """Raise :class:`InputError` unless ``missing`` is one of the two treatments."""
    if missing not in get_args(Missing):
        raise InputError(f"missing must be 'intersection' or 'mask', not {missing!r}.")


def segment_labels(
    instances: Sequence[str], rule: Segment, source: str, recorded: Sequence[str] | None = None
) -> tuple[str, ...] | None:
    """Return the segment of every instance, or None when there are no segments.

    Parameters
    ----------
    instances : sequence of str
        Instance ids.
    rule : Segment
        See :data:`Segment`.
    source : str
        Named in errors.
    recorded : sequence of str, optional
        Labels of the instances that came with the data; "auto" prefers them.

    Raises
    ------
    DataError
        If the rule gives no label for some instance.
    """
    if rule is None:
        return None
    if isinstance(rule, str):
        if rule != "auto":
            raise InputError(f"{_RULES}, not {rule!r}.")
        if recorded is not None:
            return tuple(recorded)
        prefixes = [instance.partition("__") for instance in instances]
        whole = all(check.is_label(label) and mark for label, mark, _ in prefixes)
        return tuple(label for label, _, _ in prefixes) if whole else None
    if not (isinstance(rule, Mapping) or callable(rule)):
        raise InputError(f"{_RULES}, not {rule!r}.")
    labels, problems = [], []
    for instance in instances:
        try:
            label = rule[instance] if isinstance(rule, Mapping) else rule(instance)
        except Exception as error:  # the rule is the user's code
            problems.append(f"instance {instance!r}: the segment rule raised {error!r}")
            continue
        if not isinstance(label, str) or not check.is_label(label):
            problems.append(f"instance {instance!r}: the segment rule gave {label!r}")
        labels.append(label)
    if problems:
        raise DataError(
            source, problems, f"Give a rule that returns {check.LABEL} for every instance."
        )
    return tuple(labels)


def finish(market: Market, missing: Missing, notes: Sequence[str] = ()) -> Market:
    """Return the market with its missing pairs treated, and what was left out in its notes."""
    if missing == "intersection":
        market = market.intersection()
    else:
        absent = int((~market.recorded).sum())
        if absent:
            notes = (
                *notes,
                f"{absent} of {market.attempts.size} pairs of model and instance have no record"
                " (masked)",
            )
    return replace(market, notes=(*notes, *market.notes)) if notes else market


@dataclass(frozen=True)
class _Names:
    """A column of labels: each row's code, and the labels in order of appearance."""

    codes: IntArray
    names: list[str]

    @property
    def good(self) -> BoolArray:
        """Which rows have a label, [K]."""
        return np.array([check.is_label(name) for name in self.names], dtype=bool)[self.codes]


def _names(values: Any) -> _Names:
    """Return labels as codes; what is not a label is an empty name."""
    series = pd.Series(values, copy=False)
    if not isinstance(series.dtype, pd.CategoricalDtype) and series.dtype != object:
        codes, distinct = pd.factorize(series, use_na_sentinel=False)
        texts = [check.label_of(value) for value in distinct.tolist()]
    else:
        given = series.astype(object).tolist()
        if not set(map(type, given)) <= {str}:  # 1, True and "1" are not to be merged by value
            given = [check.label_of(value) for value in given]
        codes, found = pd.factorize(np.array(given, dtype=object))
        texts = list(found)
    again = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    merged = np.array([again[text] for text in texts], dtype=np.int64)
    return _Names(merged[codes], list(again))


def _numbers(values: Any, *, truth: bool) -> FloatArray:
    """Return ``values`` as floats, NaN where they are none; ``truth`` accepts true and false."""
    series = pd.Series(values, copy=False)
    kind = getattr(series.dtype, "kind", "O")
    if kind in "iuf" or (kind == "b" and truth):
        return series.to_numpy(dtype=float, na_value=math.nan)
    if kind == "b":
        return np.full(len(series), math.nan)  # True is no cost
    given = series.tolist()
    if set(map(type, given)) <= {float, int, str}:
        try:
            return np.array(given, dtype=object).astype(float)
        except (ValueError, OverflowError):
            pass  # some are no numbers: look at each
    return np.array([_number(value, truth=truth) for value in given], dtype=float)


def _number(value: object, *, truth: bool) -> float:
    if isinstance(value, str) and truth:
        value = {"true": 1, "false": 0}.get(value.strip().lower(), value)
    if isinstance(value, bool | np.bool_) and not truth:  # True is no cost
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _missing(values: Any) -> BoolArray:
    """Return which entries are empty: None, NaN, or text without letters."""
    series = pd.Series(values, copy=False)
    blank: BoolArray = series.isna().to_numpy(dtype=bool)
    if getattr(series.dtype, "kind", "O") not in "iufb":
        empty = [isinstance(value, str) and not value.strip() for value in series.tolist()]
        blank = blank | np.array(empty, dtype=bool)
    return blank


class _Checker:
    """Looks at rows, and remembers what is wrong and what is left out."""

    def __init__(self, rows: Rows, reading: Reading, kept: BoolArray) -> None:
        self.rows, self.reading = rows, reading
        self.kept = kept  # rows that are looked at: of the models that were asked for
        self.found: list[tuple[int, str]] = []
        self.dropped: dict[str, int] = {}
        self.left_out = np.zeros(len(kept), dtype=bool)
        self.maskable = False  # whether something found is what a mask would leave out

    def called(self, role: str) -> str:
        return self.rows.called.get(role, role)

    def report(self, bad: BoolArray, role: str, expected: str) -> None:
        """Report rows whose value is not what it must be."""
        at = np.flatnonzero(bad & self.kept & ~self.left_out)
        if not len(at):
            return
        values = pd.Series(self.rows.columns[role], copy=False).iloc[at].tolist()
        self.found.extend(
            (row, f"{self.called(role)!r} must be {expected}, found {reprlib.repr(value)}")
            for row, value in zip(at.tolist(), values, strict=True)
        )

    def judge(self, bad: BoolArray, role: str, expected: str) -> None:
        """Report such rows, or leave them out and count them, as was asked for."""
        if self.reading.invalid == "raise":
            before = len(self.found)
            self.report(bad, role, expected)
            self.maskable |= len(self.found) > before
            return
        bad = bad & self.kept & ~self.left_out
        if not bad.any():
            return
        nothing = int((bad & _missing(self.rows.columns[role])).sum())
        for words, count in (("missing", nothing), ("unusable", int(bad.sum()) - nothing)):
            if count:
                total = int(self.kept.sum())
                self.dropped[f"{count} of {total} rows left out: {self.called(role)} {words}"] = 1
        self.left_out |= bad

    def say(self, row: int, text: str) -> None:
        self.found.append((row, text))

    def finish(self) -> None:
        """Raise :class:`DataError` with every problem in the order of the rows."""
        if not self.found:
            return
        place = self.rows.place
        ordered = sorted(self.found, key=lambda one: one[0])
        problems = [f"{place(row)}: {text}" if row >= 0 else text for row, text in ordered]
        remedy = self.rows.remedy
        if self.maskable:
            remedy += ' invalid="mask" leaves attempts without an outcome or a cost out.'
        raise DataError(self.rows.source, problems, remedy)


def market_of_rows(rows: Rows, reading: Reading) -> Market:
    """Return the market of rows: one row per attempt, or one per pair.

    Parameters
    ----------
    rows : Rows
        ``model``, ``instance`` and ``cost`` with either ``solved`` (0 or 1) or ``score`` (0 to 1),
        one row per attempt; or with ``attempts`` and either ``successes`` or (mean) ``score``,
        one row per pair. ``success_cost`` and ``failure_cost`` go with the latter; tokens,
        ``latency``, ``time`` and the number of an ``attempt`` with the former.
    reading : Reading

    Raises
    ------
    InputError
        If there are no rows, or a model that was asked for is not among them.
    DataError
        If any row is wrong; all problems together, each with its place.
    """
    rows, assumed, prices = _priced(rows, reading)
    columns = rows.columns
    count = len(columns["model"])
    if count == 0:
        raise InputError(f"{rows.source} has columns but no rows. Give a table with at least one.")
    named = {role: _names(columns[role]) for role in (*KEYS, "segment") if role in columns}
    models = named["model"]
    chosen = check.choose(
        reading.models, [n for n in models.names if check.is_label(n)], "model", rows.source
    )
    place_of = {name: k for k, name in enumerate(chosen)}
    column = np.array([place_of.get(name, -1) for name in models.names])[models.codes]
    # A row without a model is wrong whoever was chosen.
    kept = (column >= 0) | ~models.good
    checker = _Checker(rows, reading, kept)
    for role, labels in named.items():
        checker.report(~labels.good, role, check.LABEL)
    _check_spelling(chosen, rows.source)
    values = {
        role: _numbers(columns[role], truth=role in PER_ATTEMPT)
        for role in (*PER_ATTEMPT, *PER_PAIR, *COSTS, *TOKENS, "latency", "weight")
        if role in columns
    }
    per_pair = "attempts" in values
    _check_costs(checker, values)
    outcome = _check_outcomes(checker, values, kept)
    if "weight" in values:
        checker.report(~check.is_weight(values["weight"]), "weight", check.WEIGHT)
    time = _times(checker, columns["time"]) if "time" in columns else None
    currency = _currency(checker, columns, reading.currency)
    instances = named["instance"]
    good = kept & models.good & instances.good & ~checker.left_out
    _check_repeated(checker, named, good, per_pair=per_pair)
    for role in ("segment", "weight"):
        if role in columns:
            _check_consistent(checker, role, values, named, good)
    checker.finish()
    if not good.any():
        raise InputError(
            f"{rows.source}: nothing is left: {'; '.join(checker.dropped)}. Load a record with"
            " outcomes and costs."
        )
    model = column[good]
    instance, names = _renumbered(instances, good)
    first = _first_rows(instance, len(names), np.flatnonzero(good))
    segment = None
    if "segment" in named:
        labels = named["segment"]
        segment = [labels.names[k] for k in labels.codes[first]]
    weight = values["weight"][first] if "weight" in values else None
    market = _made(
        _Columns(
            chosen,
            tuple(names),
            model,
            instance,
            {role: given[good] for role, given in values.items()},
            None if time is None else time[good],
        ),
        outcome=outcome,
        weight=weight,
        segment=segment_labels(names, reading.segment, rows.source, segment),
        currency=currency,
        name=reading.name or "market",
    )
    if prices is not None:
        market = replace(market, prices=prices)
    return finish(market, reading.missing, (*assumed, *checker.dropped, *_free(market)))


def _free(market: Market) -> list[str]:
    """Say which models cost nothing sometimes: free, cached, failed, or not written down."""
    records = market.records
    if records is None:
        return []
    free = np.bincount(records.model, records.cost == 0, len(market.models)).astype(int)
    every = np.bincount(records.model, minlength=len(market.models))
    return [
        f"{market.models[m]}: {free[m]} of {every[m]} attempts cost 0"
        for m in np.flatnonzero((free > 0) & (free < every)).tolist()
    ]


def _by_tokens(rows: Rows, reading: Reading, catalogue: PriceCatalogue) -> tuple[Rows, PriceSource]:
    """Return rows with costs computed from their tokens; unknown where the tokens are."""
    columns = rows.columns
    names = _names(columns["model"])
    wanted = set(names.names if reading.models is None else reading.models)
    kept = np.array([check.is_label(name) and name in wanted for name in names.names])[names.codes]
    at = np.flatnonzero(kept)
    time = None
    if "time" in columns:
        checker = _Checker(rows, reading, kept)
        time = _times(checker, columns["time"])[at]
    unknown = np.full(len(at), math.nan)
    zeros = np.zeros(len(at))
    records = AttemptRecords(
        names.codes[at],
        zeros,  # type: ignore[arg-type]
        zeros,
        unknown,
        **{
            token: _numbers(columns[token], truth=False)[at] for token in TOKENS if token in columns
        },
        time=time,
    )
    day = as_day(reading.on)
    cost = np.full(len(kept), math.nan)
    cost[at] = catalogue.cost_of(records, names.names, day)
    used = str(day) if day is not None else "each attempt's own day" if catalogue.dated else ""
    return replace(rows, columns={**columns, "cost": cost}), replace(catalogue.source, on=used)


def _priced(rows: Rows, reading: Reading) -> tuple[Rows, tuple[str, ...], PriceSource | None]:
    """Return rows with the costs that were given for them, what is assumed, and by which prices."""
    columns = rows.columns
    if any(role in columns for role in COSTS):
        if reading.costs is not None or reading.prices is not None:
            option = "costs" if reading.costs is not None else "prices"
            hint = " (market.reprice computes them anew)" if option == "prices" else ""
            raise InputError(f"{rows.source} has costs; leave {option}= out{hint}.")
        return rows, (), None
    if reading.prices is not None:
        priced, source = _by_tokens(rows, reading, reading.prices)
        return priced, (), source
    if reading.costs is None:
        tokens = " or the prices of its tokens, prices=arb.price_catalogue(...)"
        has = any(token in columns for token in TOKENS)
        raise InputError(
            f"{rows.source}: no cost is recorded, and a missing cost is never 0. Give what an"
            f' attempt of each model costs, costs={{"MODEL": 0.01}}{tokens if has else ""}.'
        )
    given = check.mapping_of(reading.costs, "costs")
    price = {
        check.label_of(model): check.number_of(value, f"costs of {model}", 0, unit="per attempt")
        for model, value in given.items()
    }
    names = _names(columns["model"])
    wanted = set(names.names) if reading.models is None else set(reading.models)
    lacking = sorted(name for name in wanted & set(names.names) if name and name not in price)
    if lacking:
        raise InputError(f"costs has no price of {', '.join(map(repr, lacking))}; give each.")
    paid = np.array([price.get(name, math.nan) for name in names.names])[names.codes]
    note = "cost of an attempt assumed, the same on every instance (costs=)"
    return replace(rows, columns={**columns, "cost": paid}), (note,), None


@dataclass(frozen=True)
class _Columns:
    """Checked rows: names, codes, numbers."""

    models: tuple[str, ...]
    instances: tuple[str, ...]
    model: IntArray
    instance: IntArray
    values: dict[str, FloatArray]
    time: npt.NDArray[np.datetime64] | None


def _made(
    rows: _Columns,
    *,
    outcome: Outcome,
    weight: FloatArray | None,
    segment: tuple[str, ...] | None,
    currency: str,
    name: str,
) -> Market:
    values = rows.values
    used = np.zeros(len(rows.models), dtype=bool)
    used[rows.model] = True
    if not used.all():
        idle = ", ".join(model for model, some in zip(rows.models, used, strict=True) if not some)
        raise InputError(f"{name}: {idle}: no attempt is left. Leave it out of models.")
    if "attempts" not in values:
        scores = values["solved"] if "solved" in values else values["score"]
        records = AttemptRecords(
            rows.model,
            rows.instance,
            scores,
            values["cost"],
            **{token: values.get(token) for token in TOKENS},
            latency=values.get("latency"),
            time=rows.time,
        )
        return Market.from_records(
            rows.models,
            rows.instances,
            records,
            outcome=outcome,
            weight=weight,
            segment=segment,
            currency=currency,
            name=name,
        )
    shape = (len(rows.instances), len(rows.models))

    def dense(role: str, blank: float = math.nan) -> FloatArray | None:
        if role not in values:
            return None
        array = np.full(shape, blank)
        array[rows.instance, rows.model] = values[role]
        return array

    cost = dense("cost")
    return Market(
        rows.models,
        rows.instances,
        dense("attempts", 0.0),  # type: ignore[arg-type]
        dense("successes", 0.0),  # type: ignore[arg-type]
        dense("success_cost") if cost is None else cost,  # type: ignore[arg-type]
        weight=weight,  # type: ignore[arg-type]
        segment=segment,
        currency=currency,
        name=name,
        graded=None if "successes" in values else dense("score"),
        success_cost=dense("success_cost"),
        failure_cost=dense("failure_cost"),
    )


def _check_spelling(models: Sequence[str], source: str) -> None:
    """Refuse models whose names differ by capitals, blanks, dashes or underscores only."""
    before: dict[str, str] = {}
    for name in models:
        plain = "".join(name.lower().split()).replace("_", "-")
        other = before.setdefault(plain, name)
        if other != name:
            raise InputError(
                f"{source}: the models {other!r} and {name!r} differ only in how they are written."
                " Write them alike if they are one, or choose one with models=."
            )


def _check_outcomes(checker: _Checker, values: dict[str, FloatArray], kept: BoolArray) -> Outcome:
    """Check outcomes, and say what they are."""
    if "successes" in values:
        tried, solved = values["attempts"], values["successes"]
        checker.report(~(check.is_count(tried) & (tried > 0)), "attempts", check.ATTEMPTS)
        checker.report(~check.is_count(solved), "successes", check.SUCCESSES)
        exceeds = check.is_count(solved) & (solved > tried)
        checker.report(exceeds, "successes", f"at most {checker.called('attempts')!r}")
        return "verified"
    if "attempts" in values:
        tried = values["attempts"]
        checker.report(~(check.is_count(tried) & (tried > 0)), "attempts", check.ATTEMPTS)
    asked = checker.reading.outcome
    role = "solved" if "solved" in values else "score"
    scores = values[role]
    if role == "solved" and asked != "score":
        checker.judge(~np.isin(scores, (0.0, 1.0)), role, _TRUTH)
        return "verified"
    if checker.reading.clip:
        slightly = (scores >= -CLIPPED) & (scores <= 1 + CLIPPED)
        near = kept & slightly & ((scores < 0) | (scores > 1))
        if near.any():
            values[role] = scores = np.where(near, np.clip(scores, 0.0, 1.0), scores)
            checker.dropped[f"{int(near.sum())} scores set to 0 or 1 (clip)"] = 1
    outside = ~((scores >= 0) & (scores <= 1))
    beyond = scores[kept & np.isfinite(scores)]
    percent = len(beyond) > 0 and 1 < beyond.max() <= 100 and beyond.min() >= 0
    expected = _SCORE
    if percent:
        expected += " (are these percent? divide by 100)"
    elif (outside & (scores >= -CLIPPED) & (scores <= 1 + CLIPPED)).any():
        expected += " (clip=True sets what is outside by up to 0.05 to 0 or 1)"
    # A number out of range is a mistake of the whole column, which no mask may hide.
    checker.report(outside & np.isfinite(scores), role, expected)
    checker.judge(outside & ~np.isfinite(scores), role, expected)
    binary = np.isin(scores[kept & ~outside], (0.0, 1.0)).all()
    if asked == "verified":
        checker.report(~outside & ~np.isin(scores, (0.0, 1.0)), role, _TRUTH)
        return "verified"
    return "verified" if asked is None and binary and "attempts" not in values else "score"


def _check_costs(checker: _Checker, values: dict[str, FloatArray]) -> None:
    if "attempts" in values:
        for role in COSTS:
            if role in values:
                split = role != "cost"
                fine = check.is_price(values[role]) | (np.isnan(values[role]) & split)
                checker.report(~fine, role, check.PRICE)
        return
    checker.judge(~check.is_price(values["cost"]), "cost", check.PRICE)
    for role in (*TOKENS, "latency"):
        if role in values:
            known = ~_missing(checker.rows.columns[role])
            given = values[role]
            fine = (given >= 0) & (given <= check.LARGEST)
            if role in TOKENS:
                fine &= given == np.floor(given)
            what = "a number of at least 0" if role == "latency" else "a whole number of at least 0"
            checker.report(known & ~fine, role, f"{what}, or empty")


def _times(checker: _Checker, given: Any) -> npt.NDArray[np.datetime64]:
    """Return time stamps in UTC; those without a zone count as UTC, if all are."""
    series = pd.Series(given, copy=False)
    blank = _missing(series)
    if getattr(series.dtype, "kind", "O") == "M":
        stamps = series
        if getattr(series.dtype, "tz", None) is not None:
            stamps = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return stamps.to_numpy().astype("datetime64[us]")
    texts = series.astype(object).where(~blank, None).map(str, na_action="ignore")
    parsed = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
    wrong = parsed.isna().to_numpy() & ~blank
    checker.report(wrong, "time", "a date and time as in ISO 8601, or empty")
    rows = np.flatnonzero(~blank & ~wrong)
    zoned = texts.iloc[rows].str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).to_numpy(dtype=bool)
    odd = rows[zoned != zoned[0]] if len(rows) else rows
    if len(odd):
        before, now = ("have", "lacks") if zoned[0] else ("lack", "has")
        called = checker.called("time")
        checker.say(int(odd[0]), f"{called!r} {now} a time zone, the rows before {before} one")
    return parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def _currency(checker: _Checker, columns: Mapping[str, Any], given: str | None) -> str:
    """Return the currency of the costs; refuse several."""
    if "currency" not in columns:
        return "USD" if given is None else given
    names = _names(columns["currency"])
    checker.report(~names.good, "currency", check.LABEL)
    used = [names.names[k] for k in dict.fromkeys(names.codes[checker.kept].tolist())]
    if len(used) > 1:
        first = int(np.flatnonzero(checker.kept & (names.codes == names.names.index(used[1])))[0])
        checker.say(
            first,
            f"the cost is in {used[1]!r}, before in {used[0]!r}; convert them to one currency",
        )
    elif given is not None and used[0] != given:
        raise InputError(
            f"{checker.rows.source}: costs are in {used[0]!r}, not in {given!r}. Leave currency"
            " out, or convert them."
        )
    return str(used[0])


def _check_repeated(
    checker: _Checker, named: Mapping[str, _Names], good: BoolArray, *, per_pair: bool
) -> None:
    """Report pairs, or numbered attempts of a pair, that are there twice."""
    columns = checker.rows.columns
    if not per_pair and "attempt" not in columns:
        return  # equal rows are attempts with equal outcomes
    keys = named["instance"].codes * len(named["model"].names) + named["model"].codes
    number = None
    if not per_pair:
        number = _names(columns["attempt"])
        checker.report(~number.good, "attempt", check.LABEL)
        keys = keys * len(number.names) + number.codes
    at = np.flatnonzero(good)
    order = at[np.argsort(keys[at], kind="stable")]
    again = np.flatnonzero(keys[order][1:] == keys[order][:-1]) + 1
    heads = np.r_[True, keys[order][1:] != keys[order][:-1]]
    start = np.maximum.accumulate(np.where(heads, np.arange(len(order)), 0))
    for k in again.tolist():
        row, earlier = int(order[k]), int(order[start[k]])
        text = f"model {named['model'].names[named['model'].codes[row]]!r}, instance"
        text += f" {named['instance'].names[named['instance'].codes[row]]!r}"
        if number is not None:
            text += f", attempt {number.names[number.codes[row]]}"
        checker.say(row, f"{text} is already in {checker.rows.place(earlier)}")


def _check_consistent(
    checker: _Checker,
    role: str,
    values: Mapping[str, FloatArray],
    named: Mapping[str, _Names],
    good: BoolArray,
) -> None:
    """Report the first row per instance whose value differs from the instance's first row."""
    instances = named["instance"]
    if role == "weight":
        given: npt.NDArray[Any] = values[role]
        good = good & check.is_weight(given)
    else:
        given = named[role].codes
        good = good & named[role].good
    at = np.flatnonzero(good)
    codes = instances.codes[at]
    first = np.full(len(instances.names), -1)
    first[codes[::-1]] = at[::-1]
    differs = at[given[at] != given[first[codes]]]
    _, once = np.unique(instances.codes[differs], return_index=True)
    for row in differs[np.sort(once)].tolist():
        earlier = int(first[instances.codes[row]])
        one, other = (
            (str(given[k]) if role == "weight" else named[role].names[given[k]])
            for k in (row, earlier)
        )
        checker.say(
            row,
            f"{checker.called(role)!r} of instance {instances.names[instances.codes[row]]!r} is"
            f" {one!r}, but {other!r} in {checker.rows.place(earlier)}",
        )


def _renumbered(labels: _Names, good: BoolArray) -> tuple[IntArray, list[str]]:
    """Return the codes of the good rows, and the names they use, in order of appearance."""
    used = np.zeros(len(labels.names), dtype=bool)
    used[labels.codes[good]] = True
    new = np.cumsum(used) - 1
    names = [name for name, some in zip(labels.names, used, strict=True) if some]
    return new[labels.codes[good]], names


def _first_rows(codes: IntArray, count: int, rows: IntArray) -> IntArray:
    first = np.zeros(count, dtype=np.int64)
    first[codes[::-1]] = rows[::-1]
    return first
