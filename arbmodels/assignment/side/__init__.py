"""Integer columns beside the assignment: generalised Benders decomposition."""

from arbmodels.assignment.side.engine import solve_with_side

__all__ = ["solve_with_side"]
