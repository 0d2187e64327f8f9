"""Price competition under smooth demand: logit, nested logit, linear, vertical."""

from arbmodels.games.smooth.calibrate import ImpliedCosts, implied_costs
from arbmodels.games.smooth.demand import Demand
from arbmodels.games.smooth.game import SmoothGame
from arbmodels.games.smooth.linear import LinearDemand
from arbmodels.games.smooth.logit import LogitDemand
from arbmodels.games.smooth.result import SmoothEquilibrium
from arbmodels.games.smooth.vertical import VerticalDemand

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
