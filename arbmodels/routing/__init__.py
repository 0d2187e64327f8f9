"""Routing: which plan serves which instance, as an integer program with a proven gap."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from arbmodels._assignment.program import AssignmentProgram
from arbmodels.routing.builder import Assembled, Builder, Part, scope
from arbmodels.routing.constraints import Budget, Capacity, Constraint, QualityFloor
from arbmodels.routing.constraints.base import Needed
from arbmodels.routing.problem import RoutingProblem
from arbmodels.routing.result import (
    CrossValidation,
    Payment,
    Reasons,
    RoutingResult,
    Use,
    Violation,
)
from arbmodels.routing.table import Labels

if TYPE_CHECKING:
    from arbmodels.routing.estimates import Estimates
    from arbmodels.routing.export import CvxpyModel
    from arbmodels.routing.frontier import FrontierPoint, RoutingFrontier
    from arbmodels.routing.robust import PriceOfRobustness
    from arbmodels.routing.scenarios import Scenarios
    from arbmodels.routing.scoring import Score
    from arbmodels.routing.sensitivity import PriceRange
    from arbmodels.routing.streamed import StreamedProblem, StreamedResult

__all__ = [
    "Assembled",
    "AssignmentProgram",
    "Budget",
    "Builder",
    "Capacity",
    "Constraint",
    "CrossValidation",
    "CvxpyModel",
    "Estimates",
    "FrontierPoint",
    "Labels",
    "Needed",
    "Part",
    "Payment",
    "PriceOfRobustness",
    "PriceRange",
    "QualityFloor",
    "Reasons",
    "RoutingFrontier",
    "RoutingProblem",
    "RoutingResult",
    "Scenarios",
    "Score",
    "StreamedProblem",
    "StreamedResult",
    "Use",
    "Violation",
    "scope",
]

#: Where the results live that are loaded when they are first made or named.
_LATER = {
    "CvxpyModel": "export",
    "Estimates": "estimates",
    "FrontierPoint": "frontier",
    "PriceOfRobustness": "robust",
    "PriceRange": "sensitivity",
    "RoutingFrontier": "frontier",
    "Scenarios": "scenarios",
    "Score": "scoring",
    "StreamedProblem": "streamed",
    "StreamedResult": "streamed",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'arbmodels.routing' has no attribute {name!r}")
    return getattr(import_module(f"arbmodels.routing.{_LATER[name]}"), name)
