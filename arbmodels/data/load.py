"""One door to every way of loading a market.

What there is to load by name, and fetching it beforehand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arbmodels._checks import choose
from arbmodels._pandas import pd
from arbmodels.data import routellm
from arbmodels.data.attempts import Segment, check_missing, segment_labels
from arbmodels.data.download import (
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
from arbmodels.data.folder import read_folder
from arbmodels.data.routellm import routellm_market
from arbmodels.data.simulate import BUNDLED, description, parameters_file, simulated_market
from arbmodels.data.tables import from_frame, is_frame, read_table
from arbmodels.errors import InputError
from arbmodels.market import Market, Missing


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
    """

    name: str
    description: str
    models: tuple[str, ...]
    others: tuple[str, ...]
    bytes: int
    location: str
    present: bool
    licence: str


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
    elif name == ROUTELLM:
        choose(models, routellm.ROUTELLM_MODELS, "model", name)
        routellm.provide_table(find_store(None, routellm.FOLDER))
    else:
        dataset = find_published(name)
        wanted = dataset.models if models is None else models
        provide(dataset, choose(wanted, dataset.all_models, "model", name), find_store())
    return dataset_info(name)


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
        :func:`arbmodels.data.read_folder`); a CSV or Parquet file, or a DataFrame (see
        :func:`arbmodels.data.from_frame`). A name wins over a folder called the same; write
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
        if source in BUNDLED:
            _refuse(source, data=data)
            check_missing(missing)
            return _with_segment(simulated_market(source).select(models=models), segment)
        if source == ROUTELLM:
            check_missing(missing)
            return _with_segment(routellm_market(data=data).select(models=models), segment)
        return _published(find_published(source), models, missing, segment, data)
    unit = "USD" if currency is None else currency
    if is_frame(source):
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
