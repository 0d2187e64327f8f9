"""Price competition between differentiated products: logit, nested logit, linear, vertical."""

from arbmodels.games.differentiated.demand import Demand, LinearDemand, VerticalDemand
from arbmodels.games.differentiated.game import DifferentiatedEquilibrium, DifferentiatedGame
from arbmodels.games.differentiated.implied_costs import ImpliedCosts, implied_costs
from arbmodels.games.differentiated.logit import LogitDemand

__all__ = [
    "Demand",
    "DifferentiatedEquilibrium",
    "DifferentiatedGame",
    "ImpliedCosts",
    "LinearDemand",
    "LogitDemand",
    "VerticalDemand",
    "implied_costs",
]
