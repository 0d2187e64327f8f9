"""One door to every way of loading a market.

What there is to load by name, and fetching it beforehand.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arbmodels._checks import choose
from arbmodels.data import routellm
from arbmodels.data.attempts import (
    Invalid,
    Reading,
    Rows,
    Segment,
    market_of_rows,
    segment_labels,
)
from arbmodels.data.download import (
    LEADERBOARDS,
    LICENCE,
    NAMES,
    ROUTELLM,
    Published,
    find_published,
    find_store,
    provide,
    published_files,
    unknown_name,
)
from arbmodels.data.folder import market_of_folder, read_folder
from arbmodels.data.formats import (
    document_of,
    folder_rows,
    format_of,
    inspect_rows,
    is_inspect_log,
    known_formats,
)
from arbmodels.data.leaderboards import Leaderboard, leaderboards, provide_leaderboard
from arbmodels.data.opening import content_of
from arbmodels.data.routellm import routellm_market
from arbmodels.data.simulate import BUNDLED, description, parameters_file, simulated_market
from arbmodels.data.tables import (
    is_frame,
    market_of_table,
    rows_of_table,
    table_of_content,
    table_of_frame,
)
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market, Missing, Outcome
from arbmodels.market_file import read_market
from arbmodels.prices import PriceCatalogue


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set without loading it.

    Parameters
    ----------
    name, description, licence : str
        For the reader.
    models : tuple of str
        Loaded by default.
    others : tuple of str
        Loaded only when named.
    bytes : int
        Size of the default models' files.
    location : str
        Where they are, or would be, read from.
    present : bool
        Whether they are there, so that loading needs no download.
    source : str
        Where they come from: repository and commit, or how they were made.
    size : str
        Models, instances and attempts.
    tells : str
        What can be learned from them, and what cannot.
    """

    name: str
    description: str
    models: tuple[str, ...]
    others: tuple[str, ...]
    bytes: int
    location: str
    present: bool
    licence: str
    source: str
    size: str
    tells: str


_ONE_ATTEMPT = (
    "single attempts: routing, prediction, cascades that ask each model once. Nothing about"
    " retries: margins of plans that try a model again are not identified"
)
_RETRIES = (
    "many attempts: pass@k, cascades with retries, margins. Attempts were repeated where they"
    " failed"
)
#: Name -> size, and what can be learned.
_SIZES = {
    "swebench-sim": ("6 models x 445 instances, 2 to 499 attempts", f"simulated; {_RETRIES}"),
    "questions-sim": ("2 models x 600 instances, one attempt each", f"simulated; {_ONE_ATTEMPT}"),
    "olmedo2026/swebench": ("6 models x 445 instances, 1 to 499 attempts", _RETRIES),
    "olmedo2026/swebench-distill": ("6 models x 445 instances, 1 to 200 attempts", _RETRIES),
    "olmedo2026/lean": ("3 models x 244 instances, 10 to 5,044 attempts, costs in FLOPs", _RETRIES),
    "routellm": (
        "2 models x 15,361 instances, one attempt each",
        f"{_ONE_ATTEMPT}; costs are list prices by length",
    ),
}


def list_datasets() -> tuple[str, ...]:
    """Return the names that :func:`load_market` knows."""
    return NAMES


def dataset_info(name: str, *, data: str | os.PathLike[str] | None = None) -> DatasetInfo:
    """Return what is known about the data set ``name`` without loading it.

    Parameters
    ----------
    name : str
        From :func:`list_datasets`.
    data : path, optional
        Your copy of the files, as in :func:`load_market`.

    Raises
    ------
    InputError
        If there is no such data set.
    """
    if name in BUNDLED:
        return DatasetInfo(
            name,
            description(name),
            simulated_market(name).models,
            (),
            len(parameters_file(name).read_bytes()),
            "bundled with arbmodels",
            True,
            "MIT",
            "drawn by arbmodels from fitted parameters",
            *_SIZES[name],
        )
    if name == ROUTELLM:
        store = find_store(data, routellm.FOLDER)
        return DatasetInfo(
            name,
            routellm.DESCRIPTION,
            routellm.ROUTELLM_MODELS,
            (),
            routellm.BYTES,
            f"{routellm.location(store)} ({store.origin})",
            routellm.present(store),
            routellm.LICENCE,
            "lm-sys/RouteLLM at pinned commits",
            *_SIZES[name],
        )
    if name in LEADERBOARDS:
        board = leaderboards()[name]
        store = find_store(data, board.folder)
        return DatasetInfo(
            name,
            board.description,
            board.models,
            (),
            board.bytes,
            f"{board.path(store)} ({store.origin})",
            board.present(store),
            board.licence,
            board.source,
            f"{len(board.models)} models x {board.instances} instances, one attempt each",
            _ONE_ATTEMPT,
        )
    dataset = find_published(name)
    store = find_store(data)
    needed = [dataset.file(model) for model in dataset.models]
    return DatasetInfo(
        name,
        dataset.description,
        dataset.models,
        dataset.others,
        sum(published_files()[file].bytes for file in needed),
        f"{store.path(dataset.folder)} ({store.origin})",
        all(store.has(file) for file in needed),
        LICENCE,
        "RicardoDominguez/computational-arbitrage at a pinned commit",
        *_SIZES[name],
    )


def fetch(name: str, *, models: Sequence[str] | None = None) -> DatasetInfo:
    """See to it that loading ``name`` needs no download any more.

    Parameters
    ----------
    name : str
        From :func:`list_datasets`.
    models : sequence of str, optional
        Only these models' files; those loaded by default otherwise.

    Returns
    -------
    DatasetInfo
        As it is afterwards.

    Raises
    ------
    InputError
        If there is no such data set or model, or your copy of the files lacks one.
    DownloadError
        If a file cannot be downloaded.
    """
    if name in BUNDLED:
        choose(models, simulated_market(name).models, "model", name)
    elif name in LEADERBOARDS:
        board = leaderboards()[name]
        choose(models, board.models, "model", name)
        provide_leaderboard(board, find_store(None, board.folder))
    elif name == ROUTELLM:
        choose(models, routellm.ROUTELLM_MODELS, "model", name)
        routellm.provide_table(find_store(None, routellm.FOLDER))
    else:
        dataset = find_published(name)
        wanted = dataset.models if models is None else models
        provide(dataset, choose(wanted, dataset.all_models, "model", name), find_store())
    return dataset_info(name)


_APPLIES_TO = {
    "columns": "a table (CSV, TSV, JSON, JSON Lines, Parquet or a data frame)",
    "currency": "your own data",
    "name": "your own data",
    "costs": "your own data",
    "prices": "your own data (market.reprice computes the costs of others anew)",
    "invalid": "your own data",
    "clip": "your own data",
    "outcome": "your own data",
    "benchmark": "a format that holds several",
    "metric": "a format that holds several",
    "filter": "a format that holds several",
    "data": "a published data set",
}


def load_market(
    source: str | os.PathLike[str] | Any,
    *,
    models: Sequence[str] | None = None,
    missing: Missing = "intersection",
    invalid: Invalid = "raise",
    clip: bool = False,
    outcome: Outcome | None = None,
    columns: Mapping[str, Any] | None = None,
    segment: Segment = "auto",
    currency: str | None = None,
    name: str | None = None,
    benchmark: str | None = None,
    metric: str | None = None,
    filter: str | None = None,  # noqa: A002 - what the format calls it
    costs: Mapping[str, float] | None = None,
    prices: PriceCatalogue | None = None,
    on: dt.date | str | None = None,
    data: str | os.PathLike[str] | None = None,
) -> Market:
    """Load a market from a data set's name, a file, a folder, or a data frame.

    What a file or folder is, is told by what stands in it: a long or wide table (CSV, TSV, JSON,
    JSON Lines, Parquet, packed or not), one file of JSON Lines per model, SWE-bench's and
    OpenHands' leaderboards, records of RouterArena, RouterBench, LLMRouter,
    lm-evaluation-harness, Inspect AI and Every Eval Ever, or a market that was saved.

    Parameters
    ----------
    source : str, path or data frame
        A name from :func:`list_datasets`; a file or folder; a frame of pandas, polars or PyArrow
        (see :func:`arbmodels.data.from_frame`). A name wins over a folder called the same; write
        ``./swebench-sim`` for the folder.
    models : sequence of str, optional
        Which models, in this order.
    missing : {"intersection", "mask"}
        Keep the instances that every model has (the market notes what was left out), or keep all
        and mask the missing pairs.
    invalid : {"raise", "mask"}
        Report every attempt whose outcome or cost is missing or no number, and load nothing; or
        leave these attempts out and count them in a note.
    clip : bool
        Set scores outside [0, 1] by up to 0.05 to 0 or 1, and count them.
    outcome : {"verified", "score"}, optional
        What outcomes are; by default verified if every one of them is 0 or 1.
    columns : mapping, optional
        Tables only: what the table calls a column, ``{"model": "llm"}``.
    segment : Segment
        How instances get their segment: "auto", None, a mapping, or a function of the id.
    currency : str, optional
        Your own data only: unit of the costs; "USD" by default.
    name : str, optional
        Your own data only: shown in tables and figures.
    benchmark, metric, filter : str, optional
        Which one, where a public format holds several benchmarks, scores of an answer, or readings
        of it.
    costs : mapping, optional
        What an attempt of each model costs, where the source does not say; noted as assumed.
    prices : PriceCatalogue, optional
        Prices of tokens (:func:`arbmodels.price_catalogue`), from which costs are computed where
        the source does not say.
    on : date or ISO text, optional
        The day of the prices; by default each attempt's own, where prices depend on it.
    data : path, optional
        Published data sets only: your copy of the files, instead of the environment variable
        ``ARBMODELS_DATA``. Without either they are downloaded once into the user's cache folder
        (``ARBMODELS_CACHE`` names another).

    Raises
    ------
    InputError
        If the source or a model is unknown, or an argument does not apply to the source.
    DataError
        If the data is wrong; all problems together.
    DownloadError
        If a published data set cannot be downloaded; the text says what to do.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"model": ["s", "l"], "instance": ["a", "a"], "attempts": [4, 2],
    ...                       "successes": [1, 2], "cost": [0.1, 2.0]})
    >>> load_market(frame).solve_rate.tolist()
    [0.25, 1.0]
    """
    reading = Reading(
        models,
        missing,
        invalid,
        clip,
        outcome,
        segment,
        currency,
        name,
        columns,
        benchmark,
        metric,
        filter,
        costs,
        prices,
        on,
    )
    if isinstance(source, str) and source in NAMES:
        return _named(source, reading, data)
    if is_frame(source):
        _refuse("a data frame", data=data, benchmark=benchmark, metric=metric, filter=filter)
        reading = replace(reading, name=name or "table")
        rows = rows_of_table(table_of_frame(source), reading, reading.name or "")
        return market_of_rows(rows, reading)
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            f"a market cannot be loaded from {type(source).__name__}. Give a data set's name, a"
            " folder, a file, or a data frame of pandas, polars or PyArrow."
        )
    path = Path(os.path.expanduser(source))
    if not str(source) or not os.path.exists(path):
        raise InputError(unknown_name(str(source)))
    _refuse(str(path), data=data)
    return _from_folder(path, reading) if path.is_dir() else _from_file(path, reading)


def _named(source: str, reading: Reading, data: str | os.PathLike[str] | None) -> Market:
    own = ("columns", "currency", "name", "benchmark", "metric", "filter", "costs", "prices")
    _refuse(source, **{option: getattr(reading, option) for option in own})
    _refuse(source, outcome=reading.outcome, clip=reading.clip or None)
    if source in BUNDLED:
        _refuse(source, data=data)
        market = simulated_market(source).select(models=reading.models)
        return _with_segment(market, reading.segment)
    if source == ROUTELLM:
        market = routellm_market(data=data).select(models=reading.models)
        return _with_segment(market, reading.segment)
    if source in LEADERBOARDS:
        return _leaderboard(leaderboards()[source], reading, data)
    dataset = find_published(source)
    return _published(dataset, reading.models, reading.missing, reading.segment, data)


def _leaderboard(
    board: Leaderboard, reading: Reading, data: str | os.PathLike[str] | None
) -> Market:
    """Return a leaderboard's market; what it has no outcome or cost of is masked, and counted."""
    choose(reading.models, board.models, "model", board.name)
    store = find_store(data, board.folder)
    notes = provide_leaderboard(board, store)
    reading = replace(reading, name=board.name, benchmark=board.benchmark, invalid="mask")
    path = board.path(store)
    market = _from_folder(path, reading) if path.is_dir() else _from_file(path, reading)
    return replace(market, notes=(*notes, *market.notes)) if notes else market


def _from_file(file: Path, reading: Reading) -> Market:
    """Return the market in a file, whatever its format."""
    if is_inspect_log(file):
        return _of_rows(inspect_rows([file], reading, file), file, reading)
    raw = content_of(file)
    saved = read_market(raw, str(file))
    if saved is not None:
        return _saved(Market.from_saved(saved), file, reading)
    document = document_of(file, raw) if reading.columns is None else None
    if document is not None:
        if is_inspect_log(file, document):
            return _of_rows(inspect_rows([file], reading, file), file, reading)
        shape = format_of(document)
        if shape is not None:
            return _of_rows(shape.rows([document], reading, file), file, reading)
    _refuse(str(file), benchmark=reading.benchmark, metric=reading.metric, filter=reading.filter)
    try:
        table = table_of_content(raw, file, reading.columns)
        return market_of_table(table, file, reading)
    except DataError:
        raise
    except InputError as error:
        if document is None:
            raise
        listed = "\n".join(f"  {name}: {looks}" for name, looks in known_formats().items())
        raise InputError(f"{error}\nFormats that can be loaded:\n{listed}") from None


def _saved(market: Market, file: Path, reading: Reading) -> Market:
    """Return a market that was saved, or the part that was asked for."""
    own = ("columns", "currency", "outcome", "benchmark", "metric", "filter", "costs", "prices")
    _refuse(f"{file}, a saved market", **{option: getattr(reading, option) for option in own})
    if reading.models is not None:
        market = market.select(models=reading.models)
    if reading.name is not None:
        market = replace(market, name=reading.name)
    return _with_segment(market, reading.segment)


def _from_folder(folder: Path, reading: Reading) -> Market:
    """Return the market in a folder, whatever its format."""
    rows = folder_rows(folder, reading) if reading.columns is None else None
    if rows is not None:
        return _of_rows(rows, folder, reading)
    _refuse(str(folder), benchmark=reading.benchmark, metric=reading.metric, filter=reading.filter)
    return market_of_folder(folder, reading)


def _of_rows(rows: Rows, path: Path, reading: Reading) -> Market:
    if reading.name is None:
        reading = replace(reading, name=path.resolve().name.partition(".")[0])
    return market_of_rows(rows, reading)


def _refuse(source: str, **given: object) -> None:
    """Say which argument does not apply instead of ignoring it."""
    for argument, value in given.items():
        if value is not None:
            raise InputError(
                f"{argument} does not apply to {source}, only to {_APPLIES_TO[argument]}."
                " Leave it out."
            )


def _with_segment(market: Market, segment: Segment) -> Market:
    """Return the market with its own segments, or with those asked for."""
    if isinstance(segment, str) and segment == "auto":
        return market
    return replace(market, segment=segment_labels(market.instances, segment, market.name))


def _published(
    dataset: Published,
    models: Sequence[str] | None,
    missing: Missing,
    segment: Segment,
    data: str | os.PathLike[str] | None,
) -> Market:
    wanted = dataset.models if models is None else models
    chosen = choose(wanted, dataset.all_models, "model", dataset.name)
    store = find_store(data)
    notes = provide(dataset, chosen, store)
    market = read_folder(
        store.path(dataset.folder),
        models=chosen,
        missing=missing,
        segment=segment,
        currency=dataset.currency,
        name=dataset.name,
    )
    return replace(market, notes=(*notes, *market.notes)) if notes else market
