"""How far estimates can be trusted: bands, cross-validation, optimism, learning on a budget."""

from arbmodels.cascades.hull import hull_vertices
from arbmodels.estimation.bootstrap import bootstrap_curves, bootstrap_margin
from arbmodels.estimation.bootstrap_result import Band, MarginBands
from arbmodels.estimation.crossval import cross_validate_margin
from arbmodels.estimation.crossval_result import CrossValidatedMargin, PriceAndCost
from arbmodels.estimation.curve_bands import CurveBands
from arbmodels.estimation.folds import held_out
from arbmodels.estimation.learning import LearnedPolicy, learn_policy
from arbmodels.estimation.pooling import Prior
from arbmodels.estimation.scored import ScoredPolicies, compare_held_out
from arbmodels.estimation.study import robustness_study
from arbmodels.estimation.study_result import RobustnessStudy

__all__ = [
    "Band",
    "CrossValidatedMargin",
    "CurveBands",
    "LearnedPolicy",
    "MarginBands",
    "PriceAndCost",
    "Prior",
    "RobustnessStudy",
    "ScoredPolicies",
    "bootstrap_curves",
    "bootstrap_margin",
    "compare_held_out",
    "cross_validate_margin",
    "held_out",
    "hull_vertices",
    "learn_policy",
    "robustness_study",
]
