"""The provider game: providers re-price what arbitrageurs buy."""

from arbmodels.games.providers.calibrate import Calibration, calibrate_costs
from arbmodels.games.providers.certificate import Strategy
from arbmodels.games.providers.consumers import (
    Choice,
    Consumers,
    LogitConsumers,
    linear_consumers,
    logit_consumers,
)
from arbmodels.games.providers.equilibrium import Outcome, ProviderEquilibrium, outcome
from arbmodels.games.providers.game import ProviderGame
from arbmodels.games.providers.oligopoly import Served

__all__ = [
    "Calibration",
    "Choice",
    "Consumers",
    "LogitConsumers",
    "Outcome",
    "ProviderEquilibrium",
    "ProviderGame",
    "Served",
    "Strategy",
    "calibrate_costs",
    "linear_consumers",
    "logit_consumers",
    "outcome",
]
