"""Markets by name, and one door to every way of loading a market.

Whatever is wrong with a source is reported together, each problem with its place; nothing is
dropped in silence.
"""

from arbmodels.data.attempts import Invalid, Segment
from arbmodels.data.folder import read_folder
from arbmodels.data.load import DatasetInfo, dataset_info, fetch, list_datasets, load_market
from arbmodels.data.price_lists import price_catalogue
from arbmodels.data.routellm import ROUTELLM_PRICES, TokenPrice, load_features, routellm_market
from arbmodels.data.tables import from_frame, read_table

__all__ = [
    "ROUTELLM_PRICES",
    "DatasetInfo",
    "Invalid",
    "Segment",
    "TokenPrice",
    "dataset_info",
    "fetch",
    "from_frame",
    "list_datasets",
    "load_features",
    "load_market",
    "price_catalogue",
    "read_folder",
    "read_table",
    "routellm_market",
]
