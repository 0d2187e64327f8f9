"""Solve probabilities and costs predicted from other instances, and what routing by them yields.

Needs scikit-learn: ``arbmodels[predict]``.
"""

from arbmodels.predict.cost_quality import CostQuality, cost_quality
from arbmodels.predict.fit import CrossFitted, cross_fit

__all__ = ["CostQuality", "CrossFitted", "cost_quality", "cross_fit"]
