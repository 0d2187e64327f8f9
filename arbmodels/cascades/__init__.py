"""Cascades: which models to try, in what order and how often, until one attempt is verified."""

from arbmodels.cascades.frontier import Frontier, cascade_frontier
from arbmodels.cascades.olmedo import (
    AuthorsPolicy,
    authors_curve,
    authors_market_reach,
    authors_policy,
)
from arbmodels.cascades.search.frontier import SearchedFrontier, search_frontier

__all__ = [
    "AuthorsPolicy",
    "Frontier",
    "SearchedFrontier",
    "authors_curve",
    "authors_market_reach",
    "authors_policy",
    "cascade_frontier",
    "search_frontier",
]
