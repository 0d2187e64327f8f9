"""Price catalogues: the package genai-prices, LiteLLM's and OpenRouter's files, your own table.

Nothing is downloaded.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from arbmodels import _checks as check
from arbmodels.data.formats import document_of
from arbmodels.data.opening import content_of
from arbmodels.data.tables import is_frame, table_of_content, table_of_frame
from arbmodels.errors import DataError, InputError
from arbmodels.prices import KINDS, PriceCatalogue, TokenRate, day_of
from arbmodels.records import PriceSource


def price_catalogue(
    source: Any,
    *,
    per: float = 1.0,
    date: dt.date | str | None = None,
    name: str | None = None,
    currency: str = "USD",
) -> PriceCatalogue:
    """Return a catalogue of prices.

    Parameters
    ----------
    source : str, path or data frame
        ``"genai-prices"``: the installed package of that name (extra ``prices``), with its price
        history. A file: LiteLLM's ``model_prices_and_context_window.json`` or OpenRouter's list of
        models (JSON), told by their content; or a table of your own (as a frame, too) with the
        columns ``model``, ``input``, ``output`` and, if you have them, ``cached``,
        ``cache_write``, ``reasoning``, ``request``, ``above`` (input tokens from which the row
        holds), ``batch``, ``valid_from`` and ``valid_to``.
    per : float, tokens
        Of your own table: for how many tokens its prices are, 1e6 for prices per million.
    date : date, optional
        Of a file that has prices of one day: which day that was.
    name, currency : str, optional
        Of your own table.

    Returns
    -------
    PriceCatalogue

    Raises
    ------
    InputError
        If the source cannot be read.
    DataError
        If a price is wrong: negative, per million tokens, two for one day.

    Examples
    --------
    >>> import pandas as pd
    >>> prices = pd.DataFrame({"model": ["small"], "input": [0.25], "output": [2.0]})
    >>> price_catalogue(prices, per=1e6).rate_of("small").output
    2e-06
    """
    day = day_of(date, "date") if date is not None else None
    if isinstance(source, str) and source == "genai-prices":
        return _genai()
    if is_frame(source):
        columns = {key: list(values) for key, values in table_of_frame(source).columns.items()}
        digest = hashlib.sha256(repr(columns).encode()).hexdigest()
        where = PriceSource(name or "table of prices", "", str(day or ""), digest)
        return _own(columns, where, per, currency)
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            f"prices cannot be read from {type(source).__name__}. Give 'genai-prices', a file, or a"
            " data frame."
        )
    return _of_file(Path(os.path.expanduser(source)), per, day, name, currency)


def _of_file(
    file: Path, per: float, day: dt.date | None, name: str | None, currency: str
) -> PriceCatalogue:
    if not file.is_file():
        raise InputError(
            f"{file} is no file. Give 'genai-prices', LiteLLM's or OpenRouter's JSON, or a table"
            " with the columns model, input, output."
        )
    raw = content_of(file)
    digest = hashlib.sha256(raw).hexdigest()
    where = PriceSource(name or file.name, "", str(day or ""), digest)
    document = document_of(file, raw)
    first = document.values[0] if document and document.values else None
    if isinstance(first, dict) and isinstance(first.get("data"), list):
        return _openrouter(first["data"], replace(where, name=name or "OpenRouter"))
    if isinstance(first, dict) and any(
        isinstance(entry, dict) and "litellm_provider" in entry for entry in first.values()
    ):
        return _litellm(first, replace(where, name=name or "LiteLLM"))
    table = table_of_content(raw, file, {"model": "model"})
    columns = {key: list(values) for key, values in table.columns.items()}
    return _own(columns, where, per, currency)


def _blank(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _own(
    columns: Mapping[str, list[Any]], where: PriceSource, per: float, currency: str
) -> PriceCatalogue:
    """Return the catalogue of a table."""
    per = check.number_of(per, "per", 0)
    if per == 0:
        raise InputError("per is 0; prices are for 1 token, or per=1e6 for a million.")
    names = {each.name for each in fields(TokenRate)}
    lacking = [column for column in ("model", "input", "output") if column not in columns]
    if lacking:
        there = ", ".join(columns) or "none"
        raise InputError(f"{where.name}: no column {', '.join(lacking)}; it has {there}.")
    rates, problems = [], []
    for k in range(len(columns["model"])):
        cells = {
            name: columns[name][k]
            for name in columns
            if name in names and not _blank(columns[name][k])
        }
        try:
            rates.append(_rate(cells, per))
        except InputError as error:
            problems.append(f"row {k}: {str(error).removesuffix('.')}")
    if problems:
        raise DataError(where.name, problems, "Correct the rows named; nothing was loaded.")
    return PriceCatalogue(where, tuple(rates), currency)


def _rate(cells: Mapping[str, Any], per: float) -> TokenRate:
    model = check.label_of(cells.get("model"))
    if not check.is_label(model):
        raise InputError(f"model must be {check.LABEL}")
    given: dict[str, Any] = {"input": math.nan, "output": math.nan}
    for kind in KINDS:
        if kind in cells:
            try:
                given[kind] = float(cells[kind]) / (1.0 if kind == "request" else per)
            except (TypeError, ValueError) as error:
                raise InputError(f"{kind} must be a number, found {cells[kind]!r}") from error
    if "above" in cells:
        given["above"] = int(float(cells["above"]))
    if "batch" in cells:
        given["batch"] = str(cells["batch"]).lower() in ("true", "1", "1.0", "yes")
    for end in ("valid_from", "valid_to"):
        if end in cells:
            given[end] = day_of(cells[end], end)
    return TokenRate(model, **given)


#: LiteLLM's names of prices, and ours.
_LITELLM = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached",
    "cache_creation_input_token_cost": "cache_write",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_request": "request",
}
_ABOVE = re.compile(r"^(.*)_above_(\d+)k_tokens$")


def _litellm(entries: Mapping[str, Any], where: PriceSource) -> PriceCatalogue:
    """Return LiteLLM's prices: one entry per model, tiers and batches by suffix."""
    rates: list[TokenRate] = []
    unusable: dict[str, str] = {}
    for model, entry in entries.items():
        if model == "sample_spec" or not isinstance(entry, dict):
            continue
        prices: dict[tuple[int, bool], dict[str, float]] = {}
        for key, value in entry.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            name, above, batch = key, 0, False
            if name.endswith("_batches"):
                name, batch = name.removesuffix("_batches"), True
            tier = _ABOVE.match(name)
            if tier:
                name, above = tier[1], int(tier[2]) * 1000
            if name in _LITELLM:
                prices.setdefault((above, batch), {})[_LITELLM[name]] = float(value)
        if (0, False) not in prices:
            unusable[model] = "has no price per token"
            continue
        base = {"input": math.nan, "output": math.nan} | prices[0, False]
        for (above, batch), own in prices.items():
            rates.append(_rate_of(model, base | own, above=above, batch=batch))
    return PriceCatalogue(where, tuple(rates), unusable=unusable)


_OPENROUTER = {
    "prompt": "input",
    "completion": "output",
    "input_cache_read": "cached",
    "input_cache_write": "cache_write",
    "internal_reasoning": "reasoning",
    "request": "request",
}


def _openrouter(entries: Sequence[Any], where: PriceSource) -> PriceCatalogue:
    """Return OpenRouter's prices: text per token, -1 where they vary."""
    rates, problems = [], []
    unusable: dict[str, str] = {}
    for k, entry in enumerate(entries):
        pricing = entry.get("pricing") if isinstance(entry, dict) else None
        if not isinstance(pricing, dict) or not isinstance(entry.get("id"), str):
            problems.append(f'entry {k}: needs "id" and "pricing"')
            continue
        try:
            given = {
                ours: float(Decimal(str(pricing[theirs])))
                for theirs, ours in _OPENROUTER.items()
                if not _blank(pricing.get(theirs))
            }
        except ArithmeticError:
            problems.append(f"entry {k} ({entry['id']}): a price is no number")
            continue
        if any(value < 0 for value in given.values()):
            unusable[entry["id"]] = "has a price that varies (-1)"
            continue
        for kind in ("cached", "cache_write", "reasoning"):
            if given.get(kind) == 0:  # stated as 0 where it is not priced apart
                del given[kind]
        base = {"input": math.nan, "output": math.nan} | given
        rates.append(_rate_of(entry["id"], base))
    if problems:
        raise DataError(where.name, problems, "Give the list as OpenRouter serves it.")
    return PriceCatalogue(where, tuple(rates), unusable=unusable)


_GENAI = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "cache_write",
    "requests_kcount": "request",
}


def _genai() -> PriceCatalogue:
    """Return the prices of the package genai-prices, as far as they are per token and by date."""
    try:
        import genai_prices
        from genai_prices import types
        from genai_prices.data_snapshot import get_snapshot
    except ImportError as error:
        raise InputError(
            "The package genai-prices is not installed. Install the extra: pip install"
            " 'arbmodels[prices]'"
        ) from error
    snapshot = get_snapshot()
    rates: list[TokenRate] = []
    unusable: dict[str, str] = {}
    for provider in snapshot.providers:
        for model in provider.models:
            name = f"{provider.id}/{model.id}"
            listed = model.prices
            if isinstance(listed, types.ModelPrice):
                listed = [types.ConditionalPrice(prices=listed)]
            spans: list[tuple[dt.date | None, Any]] = []
            for each in listed:
                if isinstance(each.constraint, types.TimeOfDateConstraint):
                    unusable[name] = "is priced by the time of day"
                    break
                start = None if each.constraint is None else each.constraint.start_date
                spans.append((start, each.prices))
            else:
                rates += _spans(name, spans, batch=False)
                rates += _batches(name, model, types)
    version = genai_prices.__version__
    digest = hashlib.sha256(repr(sorted(map(repr, rates))).encode()).hexdigest()

    def find(model: str) -> str | None:
        prefix, _, rest = model.partition("/")
        known = {provider.id for provider in snapshot.providers}
        for reference, owner in ((rest, prefix if prefix in known else None), (model, None)):
            if not reference or (owner is None and reference != model):
                continue
            try:
                provider, found = snapshot.find_provider_model(reference, None, owner, None)
            except (LookupError, ValueError):
                continue
            return f"{provider.id}/{found.id}"
        return None

    return PriceCatalogue(
        PriceSource("genai-prices", version, "", digest), tuple(rates), find=find, unusable=unusable
    )


def _spans(
    name: str, spans: Sequence[tuple[dt.date | None, Any]], *, batch: bool
) -> list[TokenRate]:
    """Return rates of prices that follow each other; the last whose start has come holds."""
    # One without a start, behind others, holds always: those before it never do.
    last = max((k for k, (start, _) in enumerate(spans) if start is None), default=None)
    if last is None:
        last = min(range(len(spans)), key=lambda k: spans[k][0] or dt.date.min) if batch else 0
        spans = [spans[last], *spans[:last], *spans[last + 1 :]]
        last = 0
    later = sorted(spans[last + 1 :], key=lambda span: span[0] or dt.date.min)
    kept = [spans[last], *later]
    found = []
    for place, (start, prices) in enumerate(kept):
        end = kept[place + 1][0] if place + 1 < len(kept) else None
        # The first holds before its start too, as the package has it; but no batches did.
        begin = start if place or batch else None
        if begin is not None and end is not None and begin >= end:
            continue
        for above, own in _tiers(prices).items():
            found.append(
                _rate_of(name, own, above=above, batch=batch, valid_from=begin, valid_to=end)
            )
    return found


def _tiers(prices: Any) -> dict[int, dict[str, float]]:
    """Return prices per token by the input length from which they hold."""
    values = {ours: getattr(prices, theirs, None) for theirs, ours in _GENAI.items()}
    starts = {0}
    for value in values.values():
        starts |= {tier.start for tier in getattr(value, "tiers", ())}
    found = {}
    for above in sorted(starts):
        own = {"input": math.nan, "output": math.nan}
        for ours, value in values.items():
            if value is None:
                continue
            price = getattr(value, "base", value)
            for tier in getattr(value, "tiers", ()):
                price = tier.price if tier.start <= above else price
            own[ours] = float(price / (1000 if ours == "request" else 1_000_000))
        if math.isnan(own["output"]) and not math.isnan(own["input"]):
            own["output"] = 0.0  # embeddings have no output
        found[above] = own
    return found


def _batches(name: str, model: Any, types: Any) -> list[TokenRate]:
    """Return the prices of batches, where they are stated as such."""
    spans: list[tuple[dt.date | None, Any]] = []
    for variant in getattr(model, "price_variants", None) or ():
        start = variant.constraint
        dated = start is None or isinstance(start, types.StartDateConstraint)
        if variant.when == {"processing": "batch"} and dated:
            spans.append((None if start is None else start.start_date, variant.prices))
    return _spans(name, spans, batch=True) if spans else []


def _rate_of(model: str, prices: Mapping[str, Any], **more: Any) -> TokenRate:
    return TokenRate(model, **prices, **more)
