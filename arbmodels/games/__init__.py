"""Pricing games: sellers, equilibria, and certificates computed apart from the solvers."""

from arbmodels.games.bertrand import BertrandGame
from arbmodels.games.capacity import CapacityGame
from arbmodels.games.captive import CaptiveGame
from arbmodels.games.certificate import Certificate, certify
from arbmodels.games.deviations import Deviations
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.games.finite import CorrelatedEquilibrium, FiniteEquilibrium, FiniteGame
from arbmodels.games.menu import Menu, cascade_menus
from arbmodels.games.mixed_prices import PriceDistribution, PriceEquilibrium, PriceGame
from arbmodels.games.payoffs import BestResponse, TieRule, bertrand_profit, best_response
from arbmodels.games.providers import (
    Consumers,
    Outcome,
    ProviderEquilibrium,
    ProviderGame,
    Strategy,
    certify_providers,
    outcome,
    solve_providers,
)
from arbmodels.games.sellers import Seller, arbitrageurs_from, providers_from
from arbmodels.games.undercutting import UndercuttingPath, undercut

__all__ = [
    "BertrandGame",
    "BestResponse",
    "CapacityGame",
    "CaptiveGame",
    "Certificate",
    "Consumers",
    "CorrelatedEquilibrium",
    "Deviations",
    "Equilibrium",
    "FiniteEquilibrium",
    "FiniteGame",
    "Menu",
    "Outcome",
    "PriceDistribution",
    "PriceEquilibrium",
    "PriceGame",
    "ProviderEquilibrium",
    "ProviderGame",
    "Seller",
    "Strategy",
    "TieRule",
    "UndercuttingPath",
    "arbitrageurs_from",
    "bertrand_profit",
    "best_response",
    "cascade_menus",
    "certify",
    "certify_providers",
    "outcome",
    "providers_from",
    "solve_providers",
    "undercut",
]
