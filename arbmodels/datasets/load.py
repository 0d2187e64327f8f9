"""One door to every way of loading a market."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from arbmodels.checks import choose
from arbmodels.datasets.catalogue import (
    NAMES,
    ROUTELLM,
    SIMULATED,
    Published,
    find_published,
    unknown_name,
)
from arbmodels.datasets.routellm import routellm_market
from arbmodels.datasets.simulated import simulated_market
from arbmodels.datasets.store import find_store, provide
from arbmodels.errors import InputError
from arbmodels.loading import Segment, from_frame, read_folder, read_table
from arbmodels.loading.assemble import check_missing, segment_labels
from arbmodels.market import Market, Missing

_APPLIES_TO = {
    "columns": "a table (CSV, Parquet or DataFrame)",
    "currency": "your own data",
    "name": "your own data",
    "data": "a published data set",
}


def load_market(
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    models: Sequence[str] | None = None,
    missing: Missing = "intersection",
    columns: Mapping[str, str] | None = None,
    segment: Segment = "auto",
    currency: str | None = None,
    name: str | None = None,
    data: str | os.PathLike[str] | None = None,
) -> Market:
    """Load a market from a data set's name, a folder, a table, or a DataFrame.

    Parameters
    ----------
    source : str, path or DataFrame
        A name from :func:`list_datasets`; a folder of JSON Lines (see
        :func:`arbmodels.loading.read_folder`); a CSV or Parquet file, or a DataFrame (see
        :func:`arbmodels.loading.from_frame`). A name wins over a folder called the same; write
        ``./swebench-sim`` for the folder.
    models : sequence of str, optional
        Which models, in this order.
    missing : {"intersection", "mask"}
        Keep the instances that every model has (the market notes what was left out), or keep all
        and mask the missing pairs.
    columns : mapping, optional
        Tables only: what the table calls a column, ``{"model": "llm"}``.
    segment : Segment
        How instances get their segment: "auto", None, a mapping, or a function of the id.
    currency : str, optional
        Your own data only: unit of the costs; "USD" by default.
    name : str, optional
        Your own data only: shown in tables and figures.
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
    >>> frame = pd.DataFrame({"model": ["s", "l"], "instance": ["a", "a"], "attempts": [4, 2],
    ...                       "successes": [1, 2], "cost": [0.1, 2.0]})
    >>> load_market(frame).solve_rate.tolist()
    [0.25, 1.0]
    """
    if isinstance(source, str) and source in NAMES:
        _refuse(source, columns=columns, currency=currency, name=name)
        if source == SIMULATED:
            _refuse(source, data=data)
            check_missing(missing)
            return _with_segment(simulated_market().select(models=models), segment)
        if source == ROUTELLM:
            check_missing(missing)
            return _with_segment(routellm_market(data=data).select(models=models), segment)
        return _published(find_published(source), models, missing, segment, data)
    unit = "USD" if currency is None else currency
    if isinstance(source, pd.DataFrame):
        _refuse("a DataFrame", data=data)
        return from_frame(
            source,
            models=models,
            missing=missing,
            columns=columns,
            segment=segment,
            currency=unit,
            name="table" if name is None else name,
        )
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            f"a market cannot be loaded from {type(source).__name__}. Give a data set's name, a"
            " folder, a CSV or Parquet file, or a pandas DataFrame."
        )
    path = Path(os.path.expanduser(source))
    if not source or not os.path.exists(path):
        raise InputError(unknown_name(str(source)))
    _refuse(str(path), data=data)
    if path.is_dir():
        _refuse(str(path), columns=columns)
        return read_folder(
            path, models=models, missing=missing, segment=segment, currency=unit, name=name
        )
    return read_table(
        path,
        models=models,
        missing=missing,
        columns=columns,
        segment=segment,
        currency=unit,
        name=name,
    )


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
