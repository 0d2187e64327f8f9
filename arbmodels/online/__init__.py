"""Instances that arrive one by one: shadow prices as a policy, under a budget over a horizon."""

from arbmodels.online.arrivals import Arrivals
from arbmodels.online.policy import RoutingPolicy
from arbmodels.online.result import OnlineComparison, OnlineRun
from arbmodels.online.rules import AdaptivePrice, FixedPrice, FixedThreshold
from arbmodels.online.serving import serve

__all__ = [
    "AdaptivePrice",
    "Arrivals",
    "FixedPrice",
    "FixedThreshold",
    "OnlineComparison",
    "OnlineRun",
    "RoutingPolicy",
    "serve",
]
