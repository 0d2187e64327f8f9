"""Solve probabilities and costs predicted from other instances, and what routing by them yields.

Needs scikit-learn: ``arbmodels[predict]``.
"""

from arbmodels.predict.curve import cost_quality
from arbmodels.predict.fit import cross_fit
from arbmodels.predict.quality import CostQuality
from arbmodels.predict.result import CrossFitted

__all__ = ["CostQuality", "CrossFitted", "cost_quality", "cross_fit"]
