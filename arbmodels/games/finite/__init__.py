"""Finite games of any number of players: every solver, and a certificate apart from them."""

from arbmodels.games.finite.game import CorrelatedEquilibrium, FiniteEquilibrium, FiniteGame

__all__ = ["CorrelatedEquilibrium", "FiniteEquilibrium", "FiniteGame"]
