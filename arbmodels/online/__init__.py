"""Instances that arrive one by one: shadow prices as a policy, under a budget over a horizon."""

from arbmodels.online.policies import (
    AdaptivePrice,
    Arrivals,
    Chooser,
    FixedPrice,
    FixedThreshold,
    RoutingPolicy,
    Seen,
)
from arbmodels.online.run import OnlineComparison, OnlineRun, serve

__all__ = [
    "AdaptivePrice",
    "Arrivals",
    "Chooser",
    "FixedPrice",
    "FixedThreshold",
    "OnlineComparison",
    "OnlineRun",
    "RoutingPolicy",
    "Seen",
    "serve",
]
