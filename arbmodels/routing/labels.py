"""Labels of instances and models, turned into codes once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arbmodels.checks import LABEL, coded, is_label, label_of, mapping_of
from arbmodels.errors import InputError
from arbmodels.routing.partitions import Labelled, Labels


def factorised(values: Labelled, what: str, size: int) -> Labels:
    """Return labels of N instances as sorted names and codes.

    Raises
    ------
    InputError
        If there are not N of them, or one is missing, blank or ambiguous as text.
    """
    return Labels(*coded(values, what, size))


def providers_of(models: Sequence[str], providers: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return who sells each model: itself where nobody is named.

    Raises
    ------
    InputError
        If a model is named that there is not, or a provider's name is blank.
    """
    given = {} if providers is None else mapping_of(providers, "providers")
    unknown = [model for model in given if model not in models]
    if unknown:
        raise InputError(f"providers names {unknown[0]!r}, which is no model here.")
    sellers = tuple(label_of(given.get(model, model)) for model in models)
    for model, seller in zip(models, sellers, strict=True):
        if not is_label(seller):
            raise InputError(f"The provider of {model} is {seller!r}; it must be {LABEL}.")
    return sellers
