"""Cascades: which models to try, in what order and how often, until one attempt is verified."""

from arbmodels.cascades.frontier import Frontier, cascade_frontier
from arbmodels.cascades.olmedo import (
    PaperPolicy,
    authors_market_reach,
    paper_curve,
    paper_policy,
)
from arbmodels.cascades.search.frontier import SearchedFrontier, search_frontier

__all__ = [
    "Frontier",
    "PaperPolicy",
    "SearchedFrontier",
    "authors_market_reach",
    "cascade_frontier",
    "paper_curve",
    "paper_policy",
    "search_frontier",
]
