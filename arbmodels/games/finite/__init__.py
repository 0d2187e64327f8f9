"""Finite games of any number of players: every solver, and a certificate apart from them."""

from arbmodels.games.finite.advice import CorrelatedEquilibrium
from arbmodels.games.finite.equilibrium import FiniteEquilibrium
from arbmodels.games.finite.game import FiniteGame

__all__ = ["CorrelatedEquilibrium", "FiniteEquilibrium", "FiniteGame"]
