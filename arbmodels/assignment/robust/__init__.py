"""A row that holds though a few groups use more: a search over thresholds."""

from arbmodels.assignment.robust.engine import RobustAnswer, solve_robust
from arbmodels.assignment.robust.protection import Deviations, Members, protection

__all__ = ["Deviations", "Members", "RobustAnswer", "protection", "solve_robust"]
