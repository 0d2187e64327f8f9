"""Pricing games: sellers, equilibria, and certificates computed apart from the solvers."""

from arbmodels.games.bertrand import BertrandGame
from arbmodels.games.capacity import CapacityGame
from arbmodels.games.captive import CaptiveGame
from arbmodels.games.certificate import Certificate, certify
from arbmodels.games.deviations import Deviations
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.games.finite import CorrelatedEquilibrium, FiniteEquilibrium, FiniteGame
from arbmodels.games.mixed_prices import PriceDistribution, PriceEquilibrium, PriceGame
from arbmodels.games.payoffs import BestResponse, TieRule, bertrand_profit, best_response
from arbmodels.games.sellers import Seller, arbitrageurs_from, providers_from
from arbmodels.games.undercutting import UndercuttingPath, undercut

__all__ = [
    "BertrandGame",
    "BestResponse",
    "CapacityGame",
    "CaptiveGame",
    "Certificate",
    "CorrelatedEquilibrium",
    "Deviations",
    "Equilibrium",
    "FiniteEquilibrium",
    "FiniteGame",
    "PriceDistribution",
    "PriceEquilibrium",
    "PriceGame",
    "Seller",
    "TieRule",
    "UndercuttingPath",
    "arbitrageurs_from",
    "bertrand_profit",
    "best_response",
    "certify",
    "providers_from",
    "undercut",
]
