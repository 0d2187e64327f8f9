"""Prices of tokens by model and date: catalogues, and what attempts cost by them.

Nothing is downloaded: a catalogue is an installed package, a file, or a table of one's own.
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from arbmodels import _checks as check
from arbmodels._pandas import pd
from arbmodels.display import Displayed, TextTable, number
from arbmodels.errors import DataError, InputError
from arbmodels.records import AttemptRecords, FloatArray, PriceSource

#: A price above this per token is a price per thousand or million tokens by mistake.
_DEAREST = 0.01
#: Kinds of tokens that a rate may price.
KINDS = ("input", "cached", "cache_write", "output", "reasoning", "request")


@dataclass(frozen=True)
class TokenRate:
    """Prices of one model, from an input length on, in a span of dates.

    Parameters
    ----------
    model : str
        As the catalogue calls it.
    input, output : float, currency units per token
        NaN where the catalogue has no price.
    cached, cache_write : float, currency units per token
        Of input read from and written to a cache; NaN: as other input.
    reasoning : float, currency units per token
        NaN: as other output.
    request : float, currency units per request
    above : int, tokens
        Of input: a request with more is priced by this rate as a whole.
    batch : bool
        Whether it is the price of batches.
    valid_from, valid_to : date or None
        First day, and the day after the last (UTC).
    """

    model: str
    input: float
    output: float
    cached: float = math.nan
    cache_write: float = math.nan
    reasoning: float = math.nan
    request: float = 0.0
    above: int = 0
    batch: bool = False
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None

    @property
    def stated(self) -> bool:
        """Whether there is a price of input and of output, and not both are 0."""
        known = not (math.isnan(self.input) or math.isnan(self.output))
        return known and (self.input > 0 or self.output > 0 or self.request > 0)


@dataclass(frozen=True, eq=False, repr=False)
class PriceCatalogue(Displayed):
    """Prices of tokens, with where they come from.

    Made by :func:`price_catalogue`.

    Parameters
    ----------
    source : PriceSource
        Name, version, date and hash of what was read.
    rates : sequence of TokenRate
    currency : str
    find : function, optional
        Says what the catalogue calls a model; by default its name, or the only one that ends in
        ``/NAME``.
    unusable : mapping
        Models whose price cannot be used, and why (a price by time of day, a variable one).
    """

    source: PriceSource
    rates: tuple[TokenRate, ...]
    currency: str = "USD"
    find: Callable[[str], str | None] | None = None
    unusable: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = list(_problems(self.rates))
        if problems:
            remedy = "Correct the prices; they are per token (or say per=1e6 for per million)."
            raise DataError(self.source.name, problems, remedy)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that have a price, sorted."""
        return tuple(sorted({rate.model for rate in self.rates}))

    @property
    def dated(self) -> bool:
        """Whether prices depend on the date."""
        return any(rate.valid_from or rate.valid_to for rate in self.rates)

    def named(self, model: str) -> str:
        """Return what the catalogue calls a model.

        Raises
        ------
        InputError
            If it has none of that name; the text has the nearest.
        """
        known = set(self.models)
        if model in known:
            return model
        found = self.find(model) if self.find is not None else None
        if found in known:
            return str(found)
        plain = model.lower()
        ends = [name for name in known if name.lower().rpartition("/")[2] == plain]
        if len(ends) == 1:
            return ends[0]
        alike = {name: self._of(name) for name in ends}
        if ends and len({tuple(map(_numbers, rates)) for rates in alike.values()}) == 1:
            return min(ends)
        if ends:
            raise InputError(
                f"{self.source.name} has several models {model!r} at different prices:"
                f" {', '.join(sorted(ends))}. Say which, models={{{model!r}: {min(ends)!r}}}."
            )
        if model in self.unusable:
            raise InputError(f"{self.source.name}: {model!r} {self.unusable[model]}.")
        near = difflib.get_close_matches(
            plain.rpartition("/")[2], [name.rpartition("/")[2] for name in known], n=4, cutoff=0.5
        )
        full = sorted({name for name in known if name.rpartition("/")[2] in near})[:5]
        hint = f" The nearest are {', '.join(map(repr, full))}." if full else ""
        raise InputError(
            f"{self.source.name} has no price of {model!r}: an unknown model is never free.{hint}"
            f" Say what it is called there, models={{{model!r}: ...}}."
        )

    def _of(self, name: str) -> list[TokenRate]:
        return [rate for rate in self.rates if rate.model == name]

    def rate_of(self, model: str, on: dt.date | None = None, *, batch: bool = False) -> TokenRate:
        """Return the price of a model for short inputs on a day.

        Raises
        ------
        InputError
            If the model, or a price of that day, is not there.
        """
        return self._valid(model, on, batch=batch, free=())[0]

    def _valid(
        self, model: str, on: dt.date | None, *, batch: bool, free: Sequence[str]
    ) -> list[TokenRate]:
        """Return the rates of a day, by increasing input length."""
        name = self.named(model)
        offered = [rate for rate in self._of(name) if rate.batch == batch]
        where = f"{self.source.name}: {name!r}"
        if not offered:
            raise InputError(f"{where} has no price of batches; leave batch out.")
        valid = [
            rate
            for rate in offered
            if on is None
            or (
                (rate.valid_from is None or rate.valid_from <= on)
                and (rate.valid_to is None or on < rate.valid_to)
            )
        ]
        if on is None and any(rate.valid_from or rate.valid_to for rate in offered):
            raise InputError(f"{where} has prices by date: say on which day, on=...")
        if not valid:
            starts = sorted(rate.valid_from for rate in offered if rate.valid_from)
            first = f"; the first is of {starts[0]}" if starts else ""
            raise InputError(f"{where} has no price on {on}{first}.")
        valid.sort(key=lambda rate: rate.above)
        if valid[0].above > 0:
            raise InputError(f"{where} has no price of inputs up to {valid[0].above} tokens.")
        for rate in valid:
            if not rate.stated and not {model, name} & set(free):
                raise InputError(
                    f"{where} is priced at 0 or not at all, which catalogues write for models whose"
                    f" price they do not know. If it is free, say so: free=[{model!r}]."
                )
        return valid

    def cost_of(
        self,
        records: AttemptRecords,
        models: Sequence[str],
        on: dt.date | None = None,
        *,
        names: Mapping[str, str] | None = None,
        batch: bool = False,
        free: Sequence[str] = (),
    ) -> FloatArray:
        r"""Return what attempts cost by their tokens.

        With :math:`p` the rate of the model and of the request's input length, an attempt costs

        .. math:: p_{in} (n_{in} - n_{read} - n_{write}) + p_{read} n_{read} + p_{write} n_{write}
                  + p_{out} (n_{out} - n_{reason}) + p_{reason} n_{reason} + p_{request}.

        Parameters
        ----------
        records : AttemptRecords
            With input and output tokens; caches and reasoning count 0 where they are not known.
        models : sequence of str
            What the numbers in ``records.model`` mean.
        on : date, optional
            The day of the prices; by default each attempt's own (UTC) where prices depend on it.
        names : mapping, optional
            What the catalogue calls a model, where it is not found by its name.
        batch : bool
            Whether the attempts are billed as batches.
        free : sequence of str
            Models that cost nothing, as the catalogue says.

        Returns
        -------
        float array [A], currency units
            NaN where input or output tokens are not known.

        Raises
        ------
        InputError
            If there are no tokens, a model or day has no price, or more tokens were cached than
            there were.
        """
        if records.input_tokens is None or records.output_tokens is None:
            raise InputError(
                "the attempts carry no numbers of input and output tokens, from which costs could"
                " be computed. Load records that do."
            )
        called = {} if names is None else check.mapping_of(names, "models")
        cost = np.full(len(records), math.nan)
        days = None if records.time is None else records.time.astype("datetime64[D]")
        for m, model in enumerate(models):
            rows = np.flatnonzero(records.model == m)
            if not len(rows):
                continue
            name = str(called.get(model, model))
            if on is not None or not self._by_date(name, batch=batch):
                rates = self._valid(name, on, batch=batch, free=free)
                cost[rows] = _priced(records, rows, rates, model)
                continue
            if days is None or np.isnat(days[rows]).any():
                raise InputError(
                    f"{self.source.name} has prices of {name!r} by date, and attempts have no time:"
                    " say on which day, on=..."
                )
            for day in np.unique(days[rows]):
                those = rows[days[rows] == day]
                rates = self._valid(name, day.item(), batch=batch, free=free)
                cost[those] = _priced(records, those, rates, model)
        return cost

    def _by_date(self, model: str, *, batch: bool) -> bool:
        offered = [rate for rate in self._of(self.named(model)) if rate.batch == batch]
        return any(rate.valid_from or rate.valid_to for rate in offered)

    def changed(self, model: str, **prices: float) -> PriceCatalogue:
        """Return the catalogue with prices of one model changed, for a what-if.

        Parameters
        ----------
        model : str
        input, output, cached, cache_write, reasoning, request : float
            New prices, per token (per request).

        Raises
        ------
        InputError
            If there is no such model or price.
        """
        name = self.named(model)
        odd = [kind for kind in prices if kind not in KINDS]
        if odd:
            raise InputError(f"no price {odd[0]!r}; there are {', '.join(KINDS)}.")
        new = {
            kind: check.number_of(value, f"the price {kind}", 0) for kind, value in prices.items()
        }
        rates = tuple(replace(r, **new) if r.model == name else r for r in self.rates)  # type: ignore[arg-type]
        source = replace(self.source, version=f"{self.source.version}, {name} changed")
        return replace(self, rates=rates, source=source)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per rate, prices per token."""
        names = [each.name for each in fields(TokenRate)]
        return pd.DataFrame({name: [getattr(r, name) for r in self.rates] for name in names})

    def table(self) -> TextTable:
        """Return the prices of some models, per million tokens."""
        shown = self.models[:20]
        rows = []
        for name in shown:
            rate = self._of(name)[-1]
            cells = (rate.input, rate.cached, rate.output)
            rows.append((name, *("-" if math.isnan(c) else number(c * 1e6) for c in cells)))
        more = len(self.models) - len(shown)
        notes = [f"... and {more} more models"] * (more > 0) + [self.source.text]
        return TextTable(
            f"Prices of {len(self.models)} models, {self.currency} per million tokens",
            ("model", "input", "cached input", "output"),
            rows,
            "\n".join(notes),
        )


def _numbers(rate: TokenRate) -> tuple[Any, ...]:
    values = (getattr(rate, each.name) for each in fields(rate) if each.name != "model")
    return tuple(None if isinstance(v, float) and math.isnan(v) else v for v in values)


def _problems(rates: Iterable[TokenRate]) -> Iterable[str]:
    spans: dict[tuple[str, int, bool], list[TokenRate]] = {}
    for rate in rates:
        for kind in KINDS:
            value = getattr(rate, kind)
            if math.isnan(value):
                continue
            if not (math.isfinite(value) and value >= 0):
                yield f"{rate.model}: the price {kind} is {value:g}; it must be at least 0"
            elif value > _DEAREST and kind != "request":
                yield (
                    f"{rate.model}: the price {kind} is {value:g} per token, which is"
                    f" {value * 1e6:g} per million; is it per million?"
                )
        if rate.valid_from and rate.valid_to and rate.valid_from >= rate.valid_to:
            yield f"{rate.model}: valid from {rate.valid_from} to {rate.valid_to}, no day"
        spans.setdefault((rate.model, rate.above, rate.batch), []).append(rate)
    for (model, above, _), group in spans.items():
        group.sort(key=lambda rate: rate.valid_from or dt.date.min)
        for early, late in pairwise(group):
            if (early.valid_to or dt.date.max) > (late.valid_from or dt.date.min):
                what = f" above {above} tokens" if above else ""
                days = f"{late.valid_from or 'ever'} and {early.valid_to or 'ever'}"
                yield f"{model}{what} has two prices between {days}"


def _priced(
    records: AttemptRecords, rows: npt.NDArray[Any], rates: Sequence[TokenRate], model: str
) -> FloatArray:
    """Return the costs of attempts of one model at one day's rates."""

    def count(name: str) -> FloatArray:
        column = records.column(name)
        return np.zeros(len(rows)) if column is None else np.nan_to_num(column[rows])

    assert records.input_tokens is not None and records.output_tokens is not None  # noqa: S101, PT018
    total, out = records.input_tokens[rows], records.output_tokens[rows]
    read, written, thought = (
        count("cached_tokens"),
        count("cache_write_tokens"),
        count("reasoning_tokens"),
    )
    for part, whole, words in (
        (read + written, total, "input tokens read from and written to caches than input tokens"),
        (thought, out, "tokens of reasoning than output tokens"),
    ):
        wrong = np.flatnonzero(part > whole)
        if len(wrong):
            at = int(wrong[0])
            raise InputError(
                f"attempt {rows[at]} of {model!r} has more {words}: {part[at]:g} of {whole[at]:g}."
                " Input includes caches and output includes reasoning; correct the counts."
            )
    cost = np.full(len(rows), math.nan)
    for place, rate in enumerate(rates):
        last = place + 1 == len(rates)
        upper = math.inf if last else rates[place + 1].above
        # A request is priced as a whole by the rate that its input falls under.
        here = (total > rate.above) & (total <= upper) if rate.above else total <= upper
        own = {kind: getattr(rate, kind) for kind in KINDS}
        for kind, other in (("cached", "input"), ("cache_write", "input"), ("reasoning", "output")):
            if math.isnan(own[kind]):
                own[kind] = own[other]
        paid = own["input"] * (total - read - written) + own["cached"] * read
        paid = paid + own["cache_write"] * written + own["output"] * (out - thought)
        paid = paid + own["reasoning"] * thought + own["request"]
        cost[here] = paid[here]
    return cost


def day_of(value: Any, what: str) -> dt.date:
    """Return a day, from a date, a time, or ISO text.

    Raises
    ------
    InputError
        If it is none of them.
    """
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise InputError(f"{what} must be a day such as 2026-01-31, not {value!r}.") from error


def as_day(value: Any) -> dt.date | None:
    """Return the day of ``on=``, None for none."""
    return None if value is None else day_of(value, "on")
