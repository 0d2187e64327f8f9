"""The value of the relaxation over a limit: all its corners, or tangents to a tolerance."""

from arbmodels.assignment.parametric.corners import exact_value_function
from arbmodels.assignment.parametric.tangents import ends, tangent, value_function
from arbmodels.assignment.parametric.value_function import Tangent, ValueFunction

__all__ = ["Tangent", "ValueFunction", "ends", "exact_value_function", "tangent", "value_function"]
