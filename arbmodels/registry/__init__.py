"""Formulations that are installed: found by entry points, shown with their mathematics, checked."""

from arbmodels.registry.check import Check, check
from arbmodels.registry.find import Formulation, find, formulations
from arbmodels.registry.notation import to_markdown, to_tex

__all__ = ["Check", "Formulation", "check", "find", "formulations", "to_markdown", "to_tex"]
