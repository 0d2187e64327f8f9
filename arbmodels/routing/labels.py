"""Labels of instances and models, turned into codes once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from arbmodels.checks import LABEL, is_label, label_of
from arbmodels.errors import InputError
from arbmodels.routing.partitions import Labelled, Labels


def factorised(values: Labelled, what: str, size: int) -> Labels:
    """Return labels of N instances as sorted names and codes.

    Raises
    ------
    InputError
        If there are not N of them, or one is missing, blank or ambiguous as text.
    """
    if isinstance(values, str):
        raise InputError(f"{what} must be one label per instance, not the text {values!r}.")
    if len(values) != size:
        raise InputError(f"{what} has {len(values)} labels for {size} instances.")
    codes, distinct = pd.factorize(np.asarray(values), use_na_sentinel=False)
    names = [label_of(value) for value in distinct]
    for k, name in enumerate(names):
        if not is_label(name):
            first = int(np.flatnonzero(codes == k)[0])
            raise InputError(f"The {what} of instance {first} is {name!r}; it must be {LABEL}.")
    if len(set(names)) < len(names):
        raise InputError(f"Two {what}s are the same as text: write them alike.")
    order = np.argsort(np.array(names))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return Labels(tuple(names[k] for k in order), rank[codes])


def providers_of(models: Sequence[str], providers: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return who sells each model: itself where nobody is named.

    Raises
    ------
    InputError
        If a model is named that there is not, or a provider's name is blank.
    """
    if providers is not None and not isinstance(providers, Mapping):
        raise InputError(f"providers is {providers!r}; give a mapping, model -> who sells it.")
    given = dict(providers or {})
    unknown = [model for model in given if model not in models]
    if unknown:
        raise InputError(f"providers names {unknown[0]!r}, which is no model here.")
    sellers = tuple(label_of(given.get(model, model)) for model in models)
    for model, seller in zip(models, sellers, strict=True):
        if not is_label(seller):
            raise InputError(f"The provider of {model} is {seller!r}; it must be {LABEL}.")
    return sellers
