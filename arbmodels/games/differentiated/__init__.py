"""Price competition under smooth demand: logit, nested logit, linear, vertical."""

from arbmodels.games.differentiated.demand import Demand, LinearDemand, VerticalDemand
from arbmodels.games.differentiated.game import SmoothEquilibrium, SmoothGame
from arbmodels.games.differentiated.implied_costs import ImpliedCosts, implied_costs
from arbmodels.games.differentiated.logit import LogitDemand

__all__ = [
    "Demand",
    "ImpliedCosts",
    "LinearDemand",
    "LogitDemand",
    "SmoothEquilibrium",
    "SmoothGame",
    "VerticalDemand",
    "implied_costs",
]
