"""What there is to load by name, and fetching it beforehand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from arbmodels.checks import choose
from arbmodels.datasets import routellm, routellm_files
from arbmodels.datasets.catalogue import (
    LICENCE,
    NAMES,
    ROUTELLM,
    SIMULATED,
    find_published,
    published_files,
)
from arbmodels.datasets.simulated import parameters_file, simulated_market
from arbmodels.datasets.store import find_store, provide


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
    if name == SIMULATED:
        return DatasetInfo(
            name,
            "Simulated market like SWE-bench Verified: fitted parameters and a seed",
            simulated_market().models,
            (),
            len(parameters_file().read_bytes()),
            "bundled with arbmodels",
            True,
            "MIT",
        )
    if name == ROUTELLM:
        store = find_store(data, routellm_files.FOLDER)
        return DatasetInfo(
            name,
            routellm.DESCRIPTION,
            routellm.ROUTELLM_MODELS,
            (),
            routellm_files.BYTES,
            f"{routellm_files.location(store)} ({store.origin})",
            routellm_files.present(store),
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
    if name == SIMULATED:
        choose(models, simulated_market().models, "model", name)
    elif name == ROUTELLM:
        choose(models, routellm.ROUTELLM_MODELS, "model", name)
        routellm_files.provide_table(find_store(None, routellm_files.FOLDER))
    else:
        dataset = find_published(name)
        wanted = dataset.models if models is None else models
        provide(dataset, choose(wanted, dataset.all_models, "model", name), find_store())
    return dataset_info(name)
