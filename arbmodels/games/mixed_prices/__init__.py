"""Mixed strategies over prices: distributions, exact best responses, answers."""

from arbmodels.games.mixed_prices.distribution import PriceDistribution
from arbmodels.games.mixed_prices.equilibrium import PriceEquilibrium
from arbmodels.games.mixed_prices.price_game import PriceGame

__all__ = ["PriceDistribution", "PriceEquilibrium", "PriceGame"]
