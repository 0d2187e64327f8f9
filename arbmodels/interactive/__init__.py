"""A market of two models under sliders: what prices, a budget and arbitrageurs change."""

from arbmodels.interactive.dashboard import Dashboard, explore
from arbmodels.interactive.explorer import AtRate, Explorer, OverRates

__all__ = ["AtRate", "Dashboard", "Explorer", "OverRates", "explore"]
