"""Routing: which plan serves which instance, as an integer program with a proven gap."""

from arbmodels.routing.builder import Builder, Part, scope
from arbmodels.routing.constraints import Budget, Capacity, Constraint, QualityFloor
from arbmodels.routing.problem import RoutingProblem
from arbmodels.routing.result import RoutingResult

__all__ = [
    "Budget",
    "Builder",
    "Capacity",
    "Constraint",
    "Part",
    "QualityFloor",
    "RoutingProblem",
    "RoutingResult",
    "scope",
]
