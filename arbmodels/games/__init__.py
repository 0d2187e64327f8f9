"""Pricing games: sellers, equilibria, and certificates computed apart from the solvers.

Two parts are used as a whole: ``games.differentiated`` and ``games.closed_forms``.
"""

from importlib import import_module
from typing import Any

from arbmodels.games.bertrand import (
    BertrandEquilibrium,
    BertrandGame,
    Seller,
    UndercuttingPath,
    arbitrageurs_from,
    providers_from,
    reseller,
    undercut,
)
from arbmodels.games.bertrand_edgeworth import CapacityGame, CaptiveGame
from arbmodels.games.cascade_set import (
    CascadeSet,
    CascadeSetSearch,
    Cheapest,
    Proof,
    cascade_sets_of,
    certified_cascade_sets,
)
from arbmodels.games.certificate import (
    BestResponse,
    Deviations,
    DeviationsByRate,
    TieRule,
    bertrand_profit,
    best_response,
    certify,
)
from arbmodels.games.decomposition import (
    Decomposition,
    bootstrap_decomposition,
    decompose_revenue,
)
from arbmodels.games.distillation import distillation_statics
from arbmodels.games.entry import EntryEquilibrium, EntryGame, entry_game, entry_threshold
from arbmodels.games.equilibrium import Equilibrium
from arbmodels.games.finite import CorrelatedEquilibrium, FiniteEquilibrium, FiniteGame
from arbmodels.games.price_distribution import PriceDistribution, PriceEquilibrium
from arbmodels.games.price_game import PriceGame
from arbmodels.games.providers import (
    Calibration,
    Choice,
    Consumers,
    LogitConsumers,
    Outcome,
    ProviderEquilibrium,
    ProviderGame,
    Served,
    Strategy,
    calibrate_costs,
    linear_consumers,
    logit_consumers,
    outcome,
)
from arbmodels.games.providers.game import CertifiedPlay, solve_certified
from arbmodels.games.statics import Statics, capacity_statics, comparative_statics, step_statics

__all__ = [
    "BertrandEquilibrium",
    "BertrandGame",
    "BestResponse",
    "Calibration",
    "CapacityGame",
    "CaptiveGame",
    "CascadeSet",
    "CascadeSetSearch",
    "CertifiedPlay",
    "Cheapest",
    "Choice",
    "Consumers",
    "CorrelatedEquilibrium",
    "Decomposition",
    "Deviations",
    "DeviationsByRate",
    "EntryEquilibrium",
    "EntryGame",
    "Equilibrium",
    "FiniteEquilibrium",
    "FiniteGame",
    "LogitConsumers",
    "Outcome",
    "PriceDistribution",
    "PriceEquilibrium",
    "PriceGame",
    "Proof",
    "ProviderEquilibrium",
    "ProviderGame",
    "Seller",
    "Served",
    "Statics",
    "Strategy",
    "TieRule",
    "UndercuttingPath",
    "arbitrageurs_from",
    "bertrand_profit",
    "best_response",
    "bootstrap_decomposition",
    "calibrate_costs",
    "capacity_statics",
    "cascade_sets_of",
    "certified_cascade_sets",
    "certify",
    "comparative_statics",
    "decompose_revenue",
    "distillation_statics",
    "entry_game",
    "entry_threshold",
    "linear_consumers",
    "logit_consumers",
    "outcome",
    "providers_from",
    "reseller",
    "solve_certified",
    "step_statics",
    "undercut",
]


def __getattr__(name: str) -> Any:
    if name not in ("closed_forms", "differentiated"):
        raise AttributeError(f"module 'arbmodels.games' has no attribute {name!r}")
    return import_module(f"arbmodels.games.{name}")
