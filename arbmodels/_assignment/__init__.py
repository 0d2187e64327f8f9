"""Assignment programs on plain arrays: one plan for every group, coupling rows, a proven bound."""

from arbmodels._assignment.program import Arrays, AssignmentProgram, Block, Side, Source

__all__ = ["Arrays", "AssignmentProgram", "Block", "Side", "Source"]
