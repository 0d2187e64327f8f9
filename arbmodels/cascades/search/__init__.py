"""Cascades of many models: policies found by search, with a bound for every policy."""

from arbmodels.cascades.search.run import search_frontier
from arbmodels.cascades.search.searched import SearchedFrontier

__all__ = ["SearchedFrontier", "search_frontier"]
