"""Assignment programs on plain arrays: one plan for every group, coupling rows, a proven bound."""

from arbmodels.assignment.program import AssignmentProgram, Side
from arbmodels.assignment.source import Arrays, Block, Source

__all__ = ["Arrays", "AssignmentProgram", "Block", "Side", "Source"]
