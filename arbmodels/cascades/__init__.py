"""Cascades: which models to try, in what order and how often, until one attempt is verified."""

from arbmodels.cascades.frontier import CascadeFrontier, Frontier, SingleModel, cascade_frontier
from arbmodels.cascades.lattice import Points
from arbmodels.cascades.olmedo import (
    PaperPolicy,
    paper_curve,
    paper_market_max_solve_rate,
    paper_policy,
)
from arbmodels.cascades.search import SearchedFrontier, search_frontier

__all__ = [
    "CascadeFrontier",
    "Frontier",
    "PaperPolicy",
    "Points",
    "SearchedFrontier",
    "SingleModel",
    "cascade_frontier",
    "paper_curve",
    "paper_market_max_solve_rate",
    "paper_policy",
    "search_frontier",
]
