"""Markets by name, and one door to every way of loading a market."""

from arbmodels.datasets.info import DatasetInfo, dataset_info, fetch, list_datasets
from arbmodels.datasets.load import load_market
from arbmodels.datasets.routellm import (
    ROUTELLM_PRICES,
    TokenPrice,
    load_features,
    routellm_market,
)

__all__ = [
    "ROUTELLM_PRICES",
    "DatasetInfo",
    "TokenPrice",
    "dataset_info",
    "fetch",
    "list_datasets",
    "load_features",
    "load_market",
    "routellm_market",
]
