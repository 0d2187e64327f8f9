"""Instances that arrive one by one: shadow prices as a policy, under a budget over a horizon."""

from arbmodels.online.policies import (
    AdaptivePrice,
    Arrivals,
    FixedPrice,
    FixedThreshold,
    RoutingPolicy,
)
from arbmodels.online.run import OnlineComparison, OnlineRun, serve

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
