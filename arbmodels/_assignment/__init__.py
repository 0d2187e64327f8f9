"""Assignment programs on plain arrays: one plan for every group, coupling rows, a proven bound."""

from arbmodels._assignment.program import (
    Arrays,
    AssignmentProgram,
    AuxiliaryVariables,
    Block,
    Source,
)

__all__ = ["Arrays", "AssignmentProgram", "AuxiliaryVariables", "Block", "Source"]
